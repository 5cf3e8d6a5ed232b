"""Fault: a planted mistake and the causes that an audit must find; and means that faults share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from lossaudit.recording.names import Covers
from lossaudit.recording.recording import Recording
from lossaudit.recording.series import Series

Plant = Callable[[Recording], Series | None]
Epoch = tuple[list[float], list[float]]
"""The batch losses of an epoch, and the rows of each batch."""


@dataclass(frozen=True)
class Fault:
    """A planted mistake.

    Args:
        name: kebab-case.
        causes: the causes that an audit must name; two if the program makes two mistakes.
        plant: takes a recording, and returns the log of a program with this mistake.
    """

    name: str
    causes: tuple[str, ...]
    plant: Plant


FAULTS: dict[str, Fault] = {}


def fault(*causes: str) -> Callable[[Plant], Plant]:
    """Register a fault with the causes that an audit must find."""

    def register(plant: Plant) -> Plant:
        name = plant.__name__.replace("_", "-")
        FAULTS[name] = Fault(name, causes, plant)
        return plant

    return register


def epochs_of(recording: Recording, split: str = "train", tag: str = "loss") -> list[Epoch]:
    """Return the batches of each epoch; nothing if rows or epochs were not recorded."""
    found = recording.select(tag=tag, split=split, covers="batch")
    if not found or found[0].weights is None or found[0].epochs is None:
        return []
    one, weights = found[0], found[0].weights
    return [
        (one.values[one.epochs == epoch].tolist(), weights[one.epochs == epoch].tolist())
        for epoch in dict.fromkeys(found[0].epochs.tolist())
    ]


def epoch_log(numbers: Iterable[float], split: str = "train") -> Series:
    """Return a log with a number for each epoch."""
    return Series(list(numbers), covers="epoch", split=split)


def batch_log(numbers: Iterable[float], covers: Covers = "batch", **columns: Any) -> Series:
    """Return a log with a number for each batch."""
    return Series(list(numbers), covers=covers, **columns)


def mean(losses: list[float], rows: list[float]) -> float:
    """Return the mean of batch losses, weighted by rows."""
    # Plain float additions, as in a user's loop: the audit must allow for their rounding.
    return sum(loss * n for loss, n in zip(losses, rows, strict=True)) / sum(rows)


def running_means(epochs: list[Epoch]) -> list[float]:
    """Return the mean of the epoch so far after each batch, weighted by rows."""
    return [
        mean(losses[: k + 1], rows[: k + 1]) for losses, rows in epochs for k in range(len(losses))
    ]


def has(recording: Recording, batches: int) -> bool:
    """Whether every epoch has at least this number of batches."""
    return all(len(losses) >= batches for losses, _ in epochs_of(recording))


def is_finite(recording: Recording) -> bool:
    """Whether every loss is finite."""
    return all(math.isfinite(loss) for loss in batches_of(recording))


def batches_of(recording: Recording) -> list[float]:
    """Return the train losses of all batches."""
    return [loss for losses, _ in epochs_of(recording) for loss in losses]
