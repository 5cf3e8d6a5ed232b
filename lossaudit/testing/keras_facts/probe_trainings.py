"""The trainings that facts observe; each runs once, and each model is compiled once."""

from __future__ import annotations

import csv
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np

from lossaudit.testing.keras_facts.fact import Known
from lossaudit.testing.scenarios import SCENARIOS, BatchLogs, Logs, X, Y, frozen

BATCHES = [(X[start : start + 4], Y[start : start + 4]) for start in (0, 4, 8)]
HUNDREDS = np.full_like(Y, 100.0)
ARGUMENTS: dict[str, Any] = {"batch_size": 4, "epochs": 2, "shuffle": False, "verbose": 0}


def counted_alike(seen: Any) -> Known:
    """Return the defect of Keras before 3.2, which does not weight batches by their rows."""
    return Known(("3.0.0", "3.1.1"), seen, defect="batches-counted-alike")


@cache
def played(name: str) -> Logs:
    """Return what a scenario logs, without any recorder."""
    return SCENARIOS[name](None)


@cache
def probe() -> Any:
    """Return the frozen model; its only state is its means and the number of its steps."""
    return frozen()


class Hooks(keras.callbacks.Callback):
    """Records the index and the loss of every hook."""

    def __init__(self) -> None:
        super().__init__()
        self.begins: list[int] = []
        self.ends: list[int] = []
        self.losses: list[Any] = []
        self.epochs: list[Any] = []
        self.tests: list[Any] = []

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Record the index."""
        self.begins.append(int(batch))

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Record the index and the loss."""
        self.ends.append(int(batch))
        self.losses.append((logs or {})["loss"])

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Record the loss."""
        self.tests.append((logs or {})["loss"])

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Record the loss."""
        self.epochs.append((logs or {})["loss"])


@cache
def hooked() -> Hooks:
    """Return the hooks of two epochs of the probe, with validation."""
    hooks = Hooks()
    fitted(probe(), [hooks], validation_data=(X, Y), validation_batch_size=4)
    return hooks


def fitted(
    model: Any, callbacks: list[Any] | None = None, x: Any = X, y: Any = Y, **arguments: Any
) -> Any:
    """Fit a model on the ten rows in order; return its History."""
    return model.fit(x, y, callbacks=callbacks or [], **{**ARGUMENTS, **arguments})


def logged(model: Any, **arguments: Any) -> Logs:
    """Train a model for one epoch; return its History, and as "batches" the batch logs."""
    seen = BatchLogs()
    history = fitted(model, [seen], **{"epochs": 1, **arguments}).history
    return {
        **{key: [float(one) for one in values] for key, values in history.items()},
        "batches": seen.running_mean_of_loss,
    }


def learning(loss: Any, rate: float, **compiled: Any) -> Any:
    """Return a model that learns, with one weight that starts at 0."""
    model = frozen(loss=loss, **compiled)
    model.optimizer.learning_rate = rate
    return model


def steps_of(model: Any) -> int:
    """Return the number of steps of its optimizer."""
    return int(keras.ops.convert_to_numpy(model.optimizer.iterations))


def csv_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def folder() -> tempfile.TemporaryDirectory[str]:
    """Return a temporary folder."""
    return tempfile.TemporaryDirectory(prefix="lossaudit-facts-")
