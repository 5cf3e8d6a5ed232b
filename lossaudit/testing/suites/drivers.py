"""Drivers: train with callbacks by `fit`, by `fit_loop`, or call the hooks without a training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np

from lossaudit.arithmetic.accumulators import KerasMean
from lossaudit.keras.loop import fit_loop
from lossaudit.recording.recording import Recording
from lossaudit.testing.schedules import Schedule, outcome
from lossaudit.testing.suites.models import dataset, exact_model

Driver = Callable[[Schedule, Any, Sequence[Any], int], None]
"""Trains a model on a schedule with callbacks, from a given epoch on."""


class Stop(keras.callbacks.Callback):
    """Stops the training after a given step."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.step, self.seen = step, 0

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Count the step, and stop at the given one."""
        if self.seen == self.step:
            self.model.stop_training = True
        self.seen += 1


def by_fit(schedule: Schedule, model: Any, callbacks: Sequence[Any], first_epoch: int = 0) -> None:
    """Train by `model.fit`."""
    _by(model.fit, schedule, callbacks, verbose=0, shuffle=False, initial_epoch=first_epoch)


def by_fit_loop(
    schedule: Schedule, model: Any, callbacks: Sequence[Any], first_epoch: int = 0
) -> None:
    """Train by `lossaudit.keras.fit_loop`, a hand-written loop that calls the hooks itself."""
    _by(partial(fit_loop, model), schedule, callbacks, initial_epoch=first_epoch)


def by_callback_list(
    schedule: Schedule, model: Any, callbacks: Sequence[Any], first_epoch: int = 0
) -> None:
    """Call the hooks of `fit` with its logs through a `CallbackList`, without any training."""
    hooks = keras.callbacks.CallbackList(
        list(callbacks), model=model, epochs=schedule.epochs, steps=len(schedule.sizes), verbose=0
    )
    # Nothing is trained: a callback that reads its losses from the model fails here.
    truth = outcome(schedule, first_epoch=first_epoch).recording
    hooks.on_train_begin()
    logs: dict[str, float] = {}
    for epoch in range(first_epoch, schedule.epochs):
        hooks.on_epoch_begin(epoch)
        logs = _hooks_of_split(hooks, "train", truth, epoch)
        if schedule.validation_rows:
            hooks.on_test_begin()
            validation = _hooks_of_split(hooks, "test", truth, epoch)
            hooks.on_test_end(validation)
            logs |= {f"val_{name}": value for name, value in validation.items()}
        hooks.on_epoch_end(epoch, logs)
    hooks.on_train_end(logs)


def trained(
    driver: Driver, schedule: Schedule, callbacks: Sequence[Any], first_epoch: int = 0
) -> None:
    """Train a new model on a schedule with callbacks."""
    driver(schedule, exact_model(schedule.steps_per_execution), callbacks, first_epoch)


def _by(
    train: Callable[..., Any], schedule: Schedule, callbacks: Sequence[Any], **arguments: Any
) -> None:
    others = [] if schedule.stop is None else [Stop(schedule.stop)]
    validation = dataset(schedule, "validation") if schedule.validation_rows else None
    # Stop comes last, so that the others see the step at which it stops.
    every = [*callbacks, *others]
    train(
        dataset(schedule),
        epochs=schedule.epochs,
        validation_data=validation,
        callbacks=every,
        **arguments,
    )


def _hooks_of_split(hooks: Any, name: str, truth: Recording, epoch: int) -> dict[str, float]:
    """Call the batch hooks of an epoch with running means as logs; return the last logs."""
    series = truth.find(split="train" if name == "train" else "validation")
    assert series.weights is not None
    assert series.epochs is not None
    mean, logs = KerasMean(), dict[str, float]()
    for batch, index in enumerate(np.flatnonzero(series.epochs == epoch).tolist()):
        getattr(hooks, f"on_{name}_batch_begin")(batch)
        mean.update_state(float(series.values[index]), float(series.weights[index]))
        logs = {"loss": mean.result()}
        # A copy, because a callback may change the logs that it receives.
        getattr(hooks, f"on_{name}_batch_end")(batch, dict(logs))
    return logs
