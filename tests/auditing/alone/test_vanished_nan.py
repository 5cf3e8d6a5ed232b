"""NaN that a mean forgot, and blocks of NaN between numbers."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
import pytest
import tensorflow as tf

from lossaudit import Recording, Series, audit
from tests.auditing.alone.keras_logs import BatchLosses, found_in
from tests.auditing.alone.planted import MADE, found, suspect, wrong
from tests.keras.programs import model
from tests.logfiles import NAN, Training


def test_nan_that_left_a_running_mean_is_a_proof():
    values = np.array([1.0, NAN, NAN, 1.1, NAN, 1.2])
    series = Series(values, covers="epoch_so_far", epochs=[0, 0, 0, 1, 1, 1])
    assert found(series) == wrong("LA510", "nan-dropped-from-mean")
    assert (
        found(
            Series(
                [1.0, NAN, NAN, 1.1, NAN, NAN], covers="epoch_so_far", epochs=[0, 0, 0, 1, 1, 1]
            )
        )
        == []
    )


def test_an_epoch_value_that_leaves_a_nan_batch_out_is_a_proof():
    losses = MADE.losses.copy()
    losses[1, 3] = np.nan
    one = Training(losses, MADE.rows)
    assert found(one.batch_losses(), MADE.by_epoch(epochs=range(4))) == wrong(
        "LA510", "nan-dropped-from-mean"
    )
    assert found(one.batch_losses(), one.by_epoch(epochs=range(4))) == []


def test_nan_in_one_run_says_nothing_of_the_epochs_of_another():
    losses = MADE.losses.copy()
    losses[1, 3] = np.nan
    spoilt = Training(losses, MADE.rows)
    first = (
        spoilt.batch_losses(origin="a.csv: batch"),
        spoilt.by_epoch(epochs=range(4), origin="a.csv: epoch"),
    )
    second = (
        MADE.batch_losses(origin="b.csv: batch"),
        MADE.by_epoch(epochs=range(4), origin="b.csv: epoch"),
    )
    assert found(*first, *second) == []
    assert [one.verdict for one in audit(None, Recording([*first, *second])).verdicts][2:] == [
        "consistent"
    ] * 2


def test_a_long_block_of_nan_is_suspect_a_short_one_undecidable_and_spikes_are_nothing():
    def with_nan(*rows: int) -> Series:
        values = MADE.losses.ravel().copy()
        values[list(rows)] = np.nan
        return MADE.by_batch(values)

    assert found(with_nan(*range(9, 21))) == suspect("LA510", "nan-between-numbers")
    assert [one.code for one in audit(None, with_nan(9, 10, 11)).findings] == ["LA510", "LA514"]
    assert [one.code for one in audit(None, with_nan(3, 17, 40, 41)).findings] == ["LA514"]


def test_epochs_without_validation_are_no_gap():
    values = [NAN, NAN, NAN, NAN, 0.5, NAN, NAN, NAN, NAN, 0.4]
    assert found(Series(values, split="validation", covers="epoch", epochs=range(10))) == []


def diverging() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for number in range(6):
        yield (
            np.ones((4, 4), np.float32),
            np.full((4, 1), np.nan if number == 3 else 1, np.float32),
        )


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_nan_in_keras_own_running_mean_stays_to_the_end_of_the_epoch():
    spy = BatchLosses()
    network = model(optimizer=keras.optimizers.SGD(0.0))
    history = network.fit(
        tf.data.Dataset.from_generator(
            diverging, output_signature=(tf.TensorSpec((4, 4)), tf.TensorSpec((4, 1)))
        ),
        epochs=2,
        verbose=0,
        shuffle=False,
        callbacks=[spy],
    ).history
    epochs = np.repeat([0, 1], 6)
    kept = Series(spy.losses, covers="epoch_so_far", epochs=epochs, origin="list")
    assert np.isnan(history["loss"]).all()
    assert found_in(Recording([kept])) == set()
    forgetful = [
        np.nanmean(np.where(np.isfinite(spy.losses[:k]), spy.losses[:k], np.nan))
        for k in range(1, 7)
    ]
    filtered = Series(
        [*spy.losses[:4], *forgetful[4:]], covers="epoch_so_far", epochs=epochs[:6], origin="list"
    )
    assert found_in(Recording([filtered])) == {("LA510", "nan-dropped-from-mean", "wrong")}
