"""A total next to the losses of its outputs: planted, with near misses, and as Keras logs it."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from lossaudit import Recording, Series
from lossaudit.keras import LossRecorder
from tests.auditing.alone.keras_logs import EPOCHS, GATED, found_in, logger, rows_of
from tests.auditing.alone.planted import MADE, found, suspect, wrong
from tests.keras.programs import data, fit, model
from tests.keras.setups import two_outputs
from tests.logfiles import Training


def outputs(
    weights: dict[str, float], parts: dict[str, np.ndarray], extra: object = 0.0
) -> list[Series]:
    total = sum(np.float32(weights[name]) * part for name, part in parts.items()) + extra
    named = {"loss": total} | {f"{name}_loss": part for name, part in parts.items()}
    return [
        Series(values, tag=tag, covers="epoch", epochs=range(len(total)), origin=f"log: {tag}")
        for tag, values in named.items()
    ]


PARTS = {"a": MADE.running[:, 0], "b": MADE.running[:, -1]}


WEIGHTS = {"a": 1.0, "b": 10.0}


CHANGING = np.float32([0.4, 0.3, 0.2, 0.1])


def test_a_total_that_is_less_than_the_sum_of_its_parts_is_found_if_the_weights_are_known():
    less = outputs(WEIGHTS, PARTS, -10 * CHANGING)
    batches = Training(np.tile(less[0].values[:, None], 3), np.full(3, 4)).batch_losses()
    cause = "total-is-not-the-sum-of-its-parts"
    assert found(*less, loss_weights=WEIGHTS) == suspect("LA507", cause)
    assert found(*less, batches, loss_weights=WEIGHTS) == wrong("LA507", cause)


def test_regularization_and_unknown_weights_excuse_a_total():
    assert found(*outputs(WEIGHTS, PARTS, CHANGING), loss_weights=WEIGHTS) == []
    assert found(*outputs(WEIGHTS, PARTS, np.float32(0.25)), loss_weights=WEIGHTS) == []
    assert found(*outputs({"a": 1.0, "b": 0.2}, PARTS, CHANGING)) == []
    assert found(*outputs(WEIGHTS, PARTS), loss_weights=WEIGHTS) == []


def test_parts_that_were_logged_times_their_weights_are_named():
    weighted = outputs({"a": 1.0, "b": 1.0}, PARTS)
    assert found(*weighted, loss_weights=WEIGHTS) == wrong(
        "LA507", "parts-logged-times-their-weights"
    )


def test_a_sum_that_holds_but_for_one_epoch_needs_no_weights():
    broken = outputs({"a": 1.0, "b": 1.0}, PARTS, np.float32([0, 0, 0.5, 0]))
    assert found(*broken) == suspect("LA507", "total-is-not-the-sum-of-its-parts")


def trained_outputs(path: Path, rows: int, **compiled: object) -> Recording:
    """The losses of two outputs, with the batches of their total."""
    network = two_outputs()
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(rows, 4)).astype(np.float32)
    y = np.random.default_rng(1).normal(size=(rows, 1)).astype(np.float32)
    y[-1] = 9
    network.optimizer.learning_rate = 0.01
    recorder = LossRecorder()
    callbacks = [recorder, logger(path)]
    network.fit(
        x,
        {"a": y, "b": y},
        batch_size=8,
        epochs=EPOCHS,
        shuffle=False,
        verbose=0,
        callbacks=callbacks,
    )
    log = rows_of(path)
    return Recording(
        [*log.series, recorder.recording.find(tag="loss", covers="batch")], metadata=compiled
    )


def test_losses_of_outputs_add_up_if_the_batch_size_divides_the_rows(tmp_path):
    assert found_in(trained_outputs(tmp_path / "log.csv", 48, loss_weights=WEIGHTS)) == set()


@pytest.mark.skipif(not GATED, reason="seen with Keras 3.15")
def test_losses_of_outputs_do_not_add_up_with_a_short_last_batch(tmp_path):
    """Keras weights the losses of outputs by the static batch size, unknown in a graph."""
    log = trained_outputs(tmp_path / "log.csv", 49, loss_weights=WEIGHTS)
    total = log.find(tag="loss", split="train", covers="epoch").values
    rest = (
        total
        - log.find(tag="a_loss", split="train").values
        - 10 * log.find(tag="b_loss", split="train").values
    )
    assert rest.min() < 0
    assert found_in(log) == {("LA507", "total-is-not-the-sum-of-its-parts", "wrong")}


def test_regularization_is_no_missing_part(tmp_path):
    path = tmp_path / "log.csv"
    fit(model(regularizer="l2"), data(), epochs=3, callbacks=[logger(path)])
    assert found_in(rows_of(path)) == set()
