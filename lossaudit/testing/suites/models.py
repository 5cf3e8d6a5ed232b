"""The models that suites train: one with exactly known losses, one that is easily disturbed."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lossaudit.recording.names import Split
from lossaudit.testing.schedules import LEARNING_RATE, PENALTY, TRAINING_OFFSET, Schedule


class Offset(keras.layers.Layer):
    """Adds 1 to its input in training mode, and counts the calls in training mode."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False, name="calls")

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the input; in training mode, the input plus 1."""
        if not training:
            return inputs
        self.calls.assign_add(1.0)
        return inputs + TRAINING_OFFSET


class Noisy(keras.layers.Layer):
    """Dense layer, batch normalisation, dropout: state and random numbers to disturb."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = [
            keras.layers.Dense(4),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5, seed=1),
        ]

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the output of the three layers."""
        outputs = self.inner[0](inputs)
        return self.inner[2](self.inner[1](outputs, training=training), training=training)


def exact_model(steps_per_execution: int = 1) -> Any:
    """Return the untrained model whose losses `schedules.outcome` computes.

    It is the same object each time, with its initial state, unless somebody changed more than
    its state.
    """
    return _as_new(_exact_model, steps_per_execution)


def disturbable_model() -> Any:
    """Return an untrained model with batch statistics, dropout and a stateful optimizer."""
    return _as_new(_disturbable_model, 1)


def dataset(schedule: Schedule, split: Split = "train") -> tf.data.Dataset:
    """Return the batches of a split, `(x, y)` or `(x, y, sample_weight)`; every input is 1."""
    targets, weights = schedule.rows_of(split)
    arrays = [
        np.ones((len(targets), 1)),
        targets[:, None],
        *([] if weights is None else [weights]),
    ]
    columns = tuple(np.asarray(array, np.float32) for array in arrays)
    return tf.data.Dataset.from_tensor_slices(columns).batch(schedule.batch_size)


def state_of(model: Any) -> list[Any]:
    """Return all numbers that a training changes: weights, statistics, optimizer, seeds."""
    return numbers_of(_state_variables(model))


def numbers_of(variables: Iterable[Any]) -> list[Any]:
    """Return the values of Keras variables as arrays."""
    # `np.array(variable)` warns: Keras 3.15 does not implement numpy 2's `copy` argument.
    return [np.array(one.value.numpy()) for one in variables]


def _state_variables(model: Any) -> list[Any]:
    # The variables of a model include the seeds of its layers, unlike its weights.
    return [*model.variables, *model.optimizer.variables]


@cache
def _exact_model(steps_per_execution: int) -> tuple[Any, Any, list[Any]]:
    penalty = keras.regularizers.L1(PENALTY)
    dense = keras.layers.Dense(
        1, use_bias=False, kernel_initializer="zeros", kernel_regularizer=penalty
    )
    return _compiled([dense, Offset()], keras.optimizers.SGD(LEARNING_RATE), steps_per_execution)


@cache
def _disturbable_model(steps_per_execution: int) -> tuple[Any, Any, list[Any]]:
    random = np.random.default_rng(0)
    model = _compiled(
        [Noisy(), keras.layers.Dense(1)], keras.optimizers.Adam(), steps_per_execution
    )
    for weight in model[0].trainable_weights:
        # Not by an initialiser of Keras, whose draw would depend on what ran before.
        weight.assign(random.normal(size=weight.shape))
    return model[0], model[1], state_of(model[0])


def _compiled(
    layers: list[Any], optimizer: Any, steps_per_execution: int
) -> tuple[Any, Any, list[Any]]:
    model = keras.Sequential([keras.Input((1,)), *layers])
    model.compile(optimizer, "mae", steps_per_execution=steps_per_execution)
    # Built now, so that the optimizer's variables belong to the state that is restored.
    model.optimizer.build(model.trainable_variables)
    return model, getattr(model, "_loss_tracker", None), state_of(model)


def _as_new(make: Any, steps_per_execution: int) -> Any:
    """Return the cached model with its initial state, or a new one if its parts were replaced."""
    # Compiling a model takes far longer than resetting its variables.
    model, tracker, state = make(steps_per_execution)
    is_same = getattr(model, "_loss_tracker", None) is tracker and len(state_of(model)) == len(
        state
    )
    if not is_same:
        # A callback has put its own tracker or variables into the model, which cannot be undone.
        make.cache_clear()
        model, _, state = make(steps_per_execution)
    for variable, value in zip(_state_variables(model), state, strict=True):
        variable.assign(value)
    model.stop_training = False
    return model
