"""Costs planted in callbacks are found in real trainings."""

from __future__ import annotations

import json
import time
import tracemalloc
from typing import Any

import keras
import numpy as np
import pytest

from lossaudit.keras import LossRecorder
from lossaudit.keras.states import State
from lossaudit.overhead.costs import BudgetVerdict
from lossaudit.overhead.examples_of_size import SIZES, example
from lossaudit.overhead.trial import Overhead, compare, measure

QUICK: dict[str, Any] = {"rounds": 6, "seconds": 0.02}


class Spinning(keras.callbacks.Callback):
    """Takes 5 ms of each batch."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        start = time.perf_counter()
        while time.perf_counter() - start < 0.005:
            pass


class Hoarding(keras.callbacks.Callback):
    """Keeps 1000 bytes of each batch."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[bytes] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.kept.append(bytes(1000))


@pytest.fixture(scope="module")
def training() -> dict[str, Any]:
    x = np.random.default_rng(0).normal(size=(96, 4)).astype(np.float32)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1), keras.layers.Dropout(0.5)])
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    return {"model": model, "data": (x, x[:, :1]), "batch_size": 4, "epochs": 2}


@pytest.fixture(scope="module")
def measured(training) -> dict[str, Overhead]:
    candidates = {
        "nothing": keras.callbacks.Callback,
        "spinning": lambda: [Spinning()],
        "hoarding": Hoarding,
    }
    return {one.name: one for one in compare(candidates, **training, **QUICK, memory=192)}


@pytest.mark.slow
def test_time_that_is_spent_in_a_hook_is_found_in_the_ratio_and_in_the_hooks(measured):
    found = measured["spinning"]
    assert found.ratio > 1.2
    assert found.interval.contains(found.ratio)
    assert 0.005 <= found.hooks.median <= found.hooks.worst
    assert 0.2 < found.hooks.share < 1
    assert (found.pairs, found.batches, found.hooks.batches) == (6, 48, 48)
    assert found.judged(1.02) in (BudgetVerdict.OVER, BudgetVerdict.UNDECIDED)


@pytest.mark.slow
def test_a_callback_that_does_nothing_takes_next_to_no_time_and_no_memory(measured):
    found = measured["nothing"]
    assert found.hooks.median < measured["spinning"].hooks.median / 20
    assert found.hooks.share < measured["spinning"].hooks.share / 2
    assert found.judged(1.5) is not BudgetVerdict.OVER
    assert abs(found.growth.bytes) < 100


@pytest.mark.slow
def test_memory_that_is_kept_of_each_batch_is_found(measured):
    assert 1000 <= measured["hoarding"].growth.bytes < 1200
    assert not tracemalloc.is_tracing()


@pytest.mark.slow
def test_it_is_said_what_was_trained_and_where(measured):
    setup = measured["nothing"].setup
    assert (setup["parameters"], setup["epochs"], setup["steps_per_execution"]) == (5, 2, 1)
    assert setup["keras"] == keras.__version__
    assert setup["processor"]
    assert json.loads(measured["nothing"].to_json())["setup"] == setup


@pytest.mark.slow
def test_the_model_is_left_as_it_was(training):
    model = training["model"]
    before, history = State(model), getattr(model, "history", None)
    measure(LossRecorder, **training, **QUICK, memory=0)
    assert before.matches([*model.variables, *model.optimizer.variables])
    assert getattr(model, "history", None) is history


@pytest.mark.slow
def test_what_is_built_for_the_measurement_is_left_as_if_nothing_was_trained():
    x = np.random.default_rng(0).normal(size=(32, 4)).astype(np.float32)
    model = keras.Sequential([keras.layers.Dense(1, kernel_initializer="zeros")])
    model.compile("adam", "mse", metrics=["mae"])
    measure(keras.callbacks.Callback, model, (x, x[:, :1]), epochs=1, rounds=6, memory=0)
    rate, others = model.optimizer.learning_rate, [*model.variables, *model.optimizer.variables]
    changed = [
        one.path for one in others if one is not rate and np.any(keras.ops.convert_to_numpy(one))
    ]
    assert changed == []
    assert len(model.optimizer.variables) > 2


@pytest.mark.slow
def test_a_built_model_of_an_optimizer_without_variables_keeps_its_weights():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    x, before = np.ones((32, 4), np.float32), State(model)
    measure(keras.callbacks.Callback, model, (x, x[:, :1]), epochs=1, rounds=6, memory=0)
    assert before.matches(model.weights)
    assert not any(np.any(slot) for slot in model.optimizer.variables[2:])
    assert not any(np.any(one) for one in model.metrics_variables)


class StoppingAfter(keras.callbacks.Callback):
    """Stops a training after some batches of an epoch."""

    def __init__(self, epoch: int, batch: int) -> None:
        super().__init__()
        self._last, self._epoch = (epoch, batch), 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if (self._epoch, batch) >= self._last:
            self.model.stop_training = True


@pytest.mark.slow
@pytest.mark.parametrize(
    ("last", "message"),
    [
        ((0, 3), "'StoppingAfter' trained 1 epochs with 4 executions of a step, not 2 with 48"),
        ((0, 23), "'StoppingAfter' trained 1 epochs with 24 executions of a step, not 2 with 48"),
        ((1, 3), "'StoppingAfter' trained 2 epochs with 28 executions of a step, not 2 with 48"),
        (
            (2, 3),
            "'StoppingAfter' trained 3 epochs with 52 executions of a step, not 6 with 144",
        ),  # of the memory
    ],
)
def test_what_stops_a_training_is_refused_and_not_called_fast(last, message, training):
    with pytest.raises(ValueError, match=message):
        measure(lambda: StoppingAfter(*last), **training, **QUICK, memory=96, name="StoppingAfter")


@pytest.mark.slow
def test_data_has_weights_as_its_third(training):
    x, y = training["data"]
    weights: list[Any] = []

    class Weighing(keras.losses.Loss):
        def __call__(self, y_true, y_pred, sample_weight=None):
            weights.append(sample_weight)
            return super().__call__(y_true, y_pred, sample_weight)

        def call(self, y_true, y_pred):
            return keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", Weighing())
    found = measure(
        keras.callbacks.Callback,
        model,
        (x, y, np.ones(96)),
        batch_size=32,
        epochs=1,
        rounds=6,
        memory=0,
        callbacks=None,
    )
    assert found.batches == 3
    assert weights
    assert None not in weights


@pytest.mark.slow
def test_every_training_begins_from_the_same_state(training):
    losses: list[float] = []

    class Keeping(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            losses.append(logs["loss"])

    measure(Keeping, **training, shuffle=False, rounds=6, memory=0)
    # Without the epoch in which the step was traced.
    pairs = np.reshape(losses[1:], (-1, 2))
    assert (pairs == pairs[0]).all()


@pytest.mark.slow
def test_a_callback_is_made_once_and_named_by_what_made_it(training):
    made: list[Any] = []

    def make_mine() -> list[Any]:
        made.append(keras.callbacks.Callback())
        return made

    found = measure(make_mine, **training, **QUICK, memory=0)
    assert len(made) == 1
    assert (found.name, found.growth) == ("make_mine", None)


@pytest.mark.slow
def test_without_a_model_the_smallest_is_trained():
    found = measure(keras.callbacks.Callback, **QUICK, memory=0)
    assert found.batches == SIZES["smallest"].batches
    assert found.setup["parameters"] == 11


@pytest.mark.slow
def test_several_steps_of_an_execution_are_as_many_batches():
    model, data = example("smallest", steps_per_execution=16)
    found = measure(keras.callbacks.Callback, model, data, batch_size=32, **QUICK, memory=0)
    assert found.batches % 256 == 0
    assert found.hooks.batches == found.batches


@pytest.mark.slow
def test_the_time_in_the_hooks_of_an_execution_is_that_of_its_batches():
    model, (x, y) = example("smallest", steps_per_execution=16)
    found = measure(
        Spinning, model, (x[:640], y[:640]), batch_size=32, epochs=2, rounds=6, memory=0
    )
    assert 0.003 / 16 <= found.hooks.median < 0.003
    # The second execution of an epoch has four batches.
    assert found.hooks.worst >= 0.003 / 4
    assert found.hooks.batches == 40


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"rounds": 5}, ValueError, "rounds=5 must be at least 6"),
        ({"seconds": 0}, ValueError, "seconds=0 must be positive and finite"),
        ({"memory": -1}, ValueError, "memory=-1 must not be negative"),
        ({"initial_epoch": 2}, ValueError, "initial_epoch=2 must be 0"),
        ({"epochs": 0}, ValueError, "epochs=0 must be at least 1"),
        ({"model": 1, "data": 1}, ValueError, "model=1 must be a compiled model"),
        ({"model": example()[0], "data": (1, 2, 3, 4)}, ValueError, "data has 4 items"),
        ({"model": 1}, ValueError, "model=1 and data=None must be given together"),
        ({"name": "fit"}, ValueError, "'fit', which is a name of plain fit: choose another"),
    ],
)
def test_what_cannot_be_measured_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        measure(keras.callbacks.Callback, **arguments)


def test_what_makes_no_callbacks_is_refused():
    message = r"candidates\['mine'\] must be callable, to make callbacks, not 3"
    with pytest.raises(TypeError, match=message):
        compare({"mine": 3})
