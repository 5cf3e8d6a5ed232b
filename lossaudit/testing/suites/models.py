"""Model: a compiled Keras model with one weight, which trains as `schedules` computes by itself."""

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
    """Adds one to its input in training, and counts how often: what a layer does that heeds
    `training`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False, name="calls")

    def call(self, inputs: Any, training: bool = False) -> Any:
        """The input, and one more in training."""
        if not training:
            return inputs
        self.calls.assign_add(1.0)
        return inputs + TRAINING_OFFSET


class Noisy(keras.layers.Layer):
    """A dense layer, batch normalisation and dropout: state and random numbers that a callback can
    disturb.
    """

    def __init__(self) -> None:
        super().__init__()
        self.inner = [
            keras.layers.Dense(4),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5, seed=1),
        ]

    def call(self, inputs: Any, training: bool = False) -> Any:
        """The output of the three layers."""
        outputs = self.inner[0](inputs)
        return self.inner[2](self.inner[1](outputs, training=training), training=training)


def exact_model(steps_per_execution: int = 1) -> Any:
    """The model whose losses `schedules.outcome` knows, untrained; the same one each time, unless
    it was changed.
    """
    return _as_new(_exact_model, steps_per_execution)


def disturbable_model() -> Any:
    """A model with batch statistics, dropout and an optimizer with state, untrained."""
    return _as_new(_disturbable_model, 1)


def dataset(schedule: Schedule, split: Split = "train") -> tf.data.Dataset:
    """The batches of a split as `(x, y)`, or `(x, y, sample_weight)`; all inputs are 1."""
    targets, weights = schedule.rows_of(split)
    arrays = [
        np.ones((len(targets), 1)),
        targets[:, None],
        *([] if weights is None else [weights]),
    ]
    columns = tuple(np.asarray(array, np.float32) for array in arrays)
    return tf.data.Dataset.from_tensor_slices(columns).batch(schedule.batch_size)


def state_of(model: Any) -> list[Any]:
    """Every number that a training moves: weights, batch statistics, the optimizer's, seeds."""
    seeds = [
        one.state
        for layer in model._flatten_layers()
        for one in getattr(layer, "_seed_generators", [])
    ]
    return numbers_of([*model.variables, *model.optimizer.variables, *seeds])


def numbers_of(variables: Iterable[Any]) -> list[Any]:
    """The numbers of variables of Keras, as arrays."""
    return [np.array(one.value.numpy()) for one in variables]  # Keras' own way warns with numpy 2


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
        weight.assign(random.normal(size=weight.shape))
    return model[0], model[1], state_of(model[0])


def _compiled(
    layers: list[Any], optimizer: Any, steps_per_execution: int
) -> tuple[Any, Any, list[Any]]:
    model = keras.Sequential([keras.Input((1,)), *layers])
    model.compile(optimizer, "mae", steps_per_execution=steps_per_execution)
    model.optimizer.build(model.trainable_variables)
    return model, getattr(model, "_loss_tracker", None), state_of(model)


def _as_new(make: Any, steps_per_execution: int) -> Any:
    """The cached model with the state it began with; another one if somebody changed more than its
    state.
    """
    model, tracker, state = make(steps_per_execution)
    is_same = getattr(model, "_loss_tracker", None) is tracker and len(state_of(model)) == len(
        state
    )
    if not is_same:
        make.cache_clear()
        model, _, state = make(steps_per_execution)
    seeds = [
        one.state
        for layer in model._flatten_layers()
        for one in getattr(layer, "_seed_generators", [])
    ]
    for variable, value in zip(
        [*model.variables, *model.optimizer.variables, *seeds], state, strict=True
    ):
        variable.assign(value)
    model.stop_training = False
    return model
