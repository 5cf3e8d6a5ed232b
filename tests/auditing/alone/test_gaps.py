"""Missing epochs, skipped steps and samples: planted, with near misses, and by Keras."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from lossaudit import Recording, Series, audit
from tests.auditing.alone.keras_logs import (
    DROPPED,
    GATED,
    board,
    events,
    found_in,
    logger,
    rows_of,
)
from tests.auditing.alone.planted import MADE, STEPS, dropped, found, made, suspect
from tests.keras.programs import data, fit, model
from tests.logfiles import Training


@pytest.mark.parametrize("update_freq", [2, 5, 6, 10])
def test_epochs_dropped_by_update_freq_are_missed(update_freq):
    assert ("LA503", "epochs-dropped-by-update-freq", "wrong") in found(*dropped(update_freq))


def test_an_update_freq_that_divides_the_batches_drops_nothing():
    assert found(*dropped(3)) == []


def test_validation_every_second_epoch_misses_nothing():
    every_second = MADE.by_epoch(split="validation", origin="log: val").take(np.array([1, 3]))
    assert found(Training(MADE.losses, MADE.rows).by_epoch(), every_second) == []


def test_epochs_missing_without_a_pattern_are_suspect_and_with_one_undecidable():
    ten = made(epochs=10, short=False).by_epoch()
    assert found(ten.take(np.array([0, 1, 4, 5, 9]))) == suspect("LA503", "epochs-missing")
    regular = audit(None, ten.take(slice(None, None, 3))).findings[0]
    assert (regular.code, regular.verdict) == ("LA503", "undecidable")


def test_a_step_skipped_after_every_epoch_unless_something_else_stands_there():
    skipping = MADE.batch_losses(steps=1 + STEPS + STEPS // 12)
    assert found(skipping) == suspect("LA512", "phantom-batch-counted")
    taken = Series(
        [0.1, 0.2, 0.3, 0.4], tag="accuracy", steps=[13, 26, 39, 52], origin="log: accuracy"
    )
    assert found(skipping, taken) == []


def test_only_every_fourth_step_is_said_to_leave_the_rest_open():
    codes = [one.code for one in audit(None, MADE.batch_losses(steps=STEPS * 4)).findings]
    assert codes == ["LA513", "LA514"]


@pytest.mark.parametrize("size", [500, 1000, 10000])
def test_a_random_sample_of_a_curve_is_suspect_and_a_regular_one_is_not(size):
    random = np.random.default_rng(size)
    steps = np.sort(random.choice(size * 3, size, replace=False))
    values = random.lognormal(size=size)
    assert found(Series(values, steps=steps)) == suspect("LA509", "log-read-through-a-sampler")
    assert found(Series(values, steps=range(0, 3 * size, 3))) == []
    assert found(Series(values[1:], steps=steps[1:])) == []


@pytest.mark.slow
@pytest.mark.skipif(not GATED, reason="this Keras writes every epoch")
@pytest.mark.parametrize(("update_freq", "missing"), [(2, True), (5, True), (13, False)])
def test_update_freq_drops_epochs_unless_it_divides_the_batches(tmp_path, update_freq, missing):
    assert (DROPPED in found_in(board(tmp_path, update_freq=update_freq))) == missing


@pytest.mark.filterwarnings(
    "ignore:Your input ran out of data"
)  # how Keras finds the end of such data
def test_data_of_unknown_size_makes_tensorboard_skip_a_step(tmp_path):
    unknown = data(50, 4).filter(lambda x, y: True)
    assert ("LA512", "phantom-batch-counted", "suspect") in found_in(
        board(tmp_path, unknown, update_freq=1)
    )


def test_validation_every_third_epoch_leaves_no_gap(tmp_path):
    fit(
        model(),
        data(),
        epochs=6,
        validation_data=data(seed=5),
        validation_freq=3,
        callbacks=[logger(tmp_path / "a.csv")],
    )
    assert found_in(rows_of(tmp_path / "a.csv")) == set()


@pytest.mark.slow
def test_a_curve_read_through_tensorboards_sampler_is_suspect_and_the_file_is_not(tmp_path):
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    values = np.random.default_rng(0).lognormal(size=1500).astype(np.float32)
    with tf.summary.create_file_writer(str(tmp_path / "train")).as_default():
        for step, value in enumerate(values):
            tf.summary.scalar("batch_loss", value, step)
    reader = accumulators.EventAccumulator(
        str(tmp_path / "train"), size_guidance={"tensors": 1000}
    )
    reader.Reload()
    read = reader.Tensors("batch_loss")
    kept = Series(
        [float(tf.make_ndarray(one.tensor_proto)) for one in read],
        steps=[one.step for one in read],
    )
    assert found_in(Recording([kept])) == {("LA509", "log-read-through-a-sampler", "suspect")}
    assert found_in(events(tmp_path)) == set()
