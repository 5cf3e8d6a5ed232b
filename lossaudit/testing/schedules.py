"""Schedule and Updates: trainings and updates whose true losses are computed without a recorder.

A schedule trains a model with one weight k, which starts at 0. A row with target y has the loss
|y - k - 1| in training and |y - k| in evaluation, times its sample weight; each batch adds a
penalty of k/8. All targets are larger than k, so each step moves k by a known amount. Targets,
weights, row counts and learning rate are chosen such that every loss and every k is exactly a
float32: a correct program gets the numbers that are computed here in float64, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np

from lossaudit.arithmetic.arrays import Floats
from lossaudit.recording import keys
from lossaudit.recording.names import Split
from lossaudit.recording.recording import Recording
from lossaudit.recording.series import Series

# Powers of two: a product with one of them has no rounding error.
LEARNING_RATE, PENALTY, TRAINING_OFFSET = 2.0**-6, 2.0**-3, 1.0
MOST_ROWS, MOST_STEPS = 16, 64
"""Largest batch size and number of steps for which every number is exact."""


@dataclass(frozen=True)
class Updates:
    """Updates of an accumulator: the losses and the rows of batches."""

    values: tuple[float, ...]
    weights: tuple[int, ...]

    @property
    def pairs(self) -> list[tuple[float, int]]:
        """The value and the weight of each update."""
        return list(zip(self.values, self.weights, strict=True))

    @property
    def recording(self) -> Recording:
        """The updates as the batches of one epoch."""
        epochs = np.zeros(len(self.values), int)
        return Recording(
            [Series(self.values, weights=self.weights, epochs=epochs, steps=range(len(epochs)))]
        )


@dataclass(frozen=True, repr=False)
class Schedule:
    """A training: its data, batches and epochs, and what happens in it.

    Args:
        rows: training rows in each epoch; every batch, also the last, must have 1, 2, 4, 8 or 16.
        batch_size: rows of a batch; the last one has the remaining rows.
        epochs: number of epochs.
        validation_rows: rows to evaluate after each epoch.
        weighted: whether rows have sample weights: 0, 1 or 2.
        steps_per_execution: batches for each call of the batch hooks.
        odd: (batch, target): the first row of that batch has this target, NaN or infinite, in
            every epoch.
        stop: the step after which the training is stopped; only with one step per execution.
        seed: seed of the targets and sample weights.

    Raises:
        ValueError: a batch has another number of rows, or there are more than 64 steps.
    """

    rows: int
    batch_size: int
    epochs: int = 1
    validation_rows: int = 0
    weighted: bool = False
    steps_per_execution: int = 1
    odd: tuple[int, float] | None = None
    stop: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for size in {*self.sizes, *sizes_of(self.validation_rows, self.batch_size)}:
            # A mean is exact if its divisor is a power of two.
            if size > MOST_ROWS or size & (size - 1):
                raise ValueError(
                    f"{self!r} has a batch of {size} rows, but only the losses of 1, 2, 4, 8 or "
                    "16 rows are exact"
                )
        if len(self.sizes) * self.epochs > MOST_STEPS:
            raise ValueError(
                f"{self!r} has {len(self.sizes) * self.epochs} steps, more than the {MOST_STEPS} "
                "that are exact"
            )

    @property
    def sizes(self) -> list[int]:
        """Rows of each batch of an epoch."""
        return sizes_of(self.rows, self.batch_size)

    @property
    def executions(self) -> list[int]:
        """The index in the epoch of the last batch of each execution."""
        last = len(self.sizes) - 1
        return [
            min(first + self.steps_per_execution - 1, last)
            for first in range(0, last + 1, self.steps_per_execution)
        ]

    def rows_of(self, split: Split) -> tuple[Floats, Floats | None]:
        """Return targets and sample weights of a split, each of shape (rows,)."""
        number = self.rows if split == "train" else self.validation_rows
        random = np.random.default_rng([self.seed, split == "train"])
        # Multiples of 1/2 from 4 on: exact, and above the weight k in every step of a schedule.
        targets = 4 + random.integers(0, 64, number) / 2
        weights = random.integers(0, 3, number).astype(float) if self.weighted else None
        if self.odd is not None and split == "train":
            row = self.odd[0] * self.batch_size
            targets[row] = self.odd[1]
            # With a weight of 0 the row would be NaN for NaN and infinity alike.
            if weights is not None:
                weights[row] = 1
        return targets, weights

    def __repr__(self) -> str:
        given = [
            (one.name, getattr(self, one.name))
            for one in fields(self)
            if getattr(self, one.name) != one.default
        ]
        return f"Schedule({', '.join(f'{name}={value!r}' for name, value in given)})"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Print it for Hypothesis, as the call that makes it."""
        printer.text(repr(self))

    def __str__(self) -> str:
        sizes = ", ".join(map(str, self.sizes))
        parts = [
            f"{self.rows} rows in batches of {sizes}",
            f"{self.epochs} epoch{'s' if self.epochs > 1 else ''}",
        ]
        if self.validation_rows:
            validation = ", ".join(map(str, sizes_of(self.validation_rows, self.batch_size)))
            parts.append(f"validation on {self.validation_rows} rows in batches of {validation}")
        if self.weighted:
            parts.append("sample weights 0, 1 and 2")
        if self.steps_per_execution > 1:
            parts.append(f"steps_per_execution={self.steps_per_execution}")
        if self.odd is not None:
            parts.append(f"a loss of {self.odd[1]} in batch {self.odd[0]}")
        if self.stop is not None:
            parts.append(f"stopped after step {self.stop}")
        return "; ".join(parts)


@dataclass(frozen=True)
class ScheduleOutcome:
    """The outcome of a training: its true losses, the final weight, and the number of steps."""

    recording: Recording
    weight: float
    steps: int


def sizes_of(rows: int, batch_size: int) -> list[int]:
    """Return the rows of each batch."""
    return [min(batch_size, rows - start) for start in range(0, rows, batch_size)]


def outcome(
    schedule: Schedule, weight: float = 0.0, first_epoch: int = 0, penalised: bool = True
) -> ScheduleOutcome:
    """Compute the outcome of one `fit` of a schedule.

    Args:
        schedule: the training.
        weight: the weight of the model before it.
        first_epoch: the epoch with which it begins.
        penalised: whether the training minimises the penalty; the losses always have it.
    """
    train, validation = _Losses("train"), _Losses("validation")
    data, held_out = _batches(schedule, "train"), _batches(schedule, "validation")
    step = 0
    for epoch in range(first_epoch, schedule.epochs):
        for targets, weights in data:
            train.add(targets, weights, weight, epoch)
            weight += LEARNING_RATE * (
                _slope(targets, weights, weight) - penalised * PENALTY * float(np.sign(weight))
            )
            step += 1
            if schedule.stop == step - 1:
                break
        for targets, weights in held_out:
            validation.add(targets, weights, weight, epoch)
        if schedule.stop is not None and schedule.stop < step:
            break
    metadata = {keys.STEPS_PER_EXECUTION: schedule.steps_per_execution}
    return ScheduleOutcome(
        Recording([one.series for one in (train, validation) if one.values], metadata=metadata),
        weight,
        step,
    )


class _Losses:
    """The true losses of one split."""

    def __init__(self, split: Split) -> None:
        self.split = split
        self.values: list[float] = []
        self.rows: list[int] = []
        self.epochs: list[int] = []

    def add(self, targets: Floats, weights: Floats, weight: float, epoch: int) -> None:
        offset = TRAINING_OFFSET if self.split == "train" else 0.0
        with np.errstate(invalid="ignore"):
            losses = np.abs(targets - weight - offset) * weights
        self.values.append(float(losses.mean() + PENALTY * abs(weight)))
        self.rows.append(len(targets))
        self.epochs.append(epoch)

    @property
    def series(self) -> Series:
        return Series(
            self.values,
            split=self.split,
            weights=self.rows,
            epochs=self.epochs,
            steps=range(len(self.values)),
        )


def _slope(targets: Floats, weights: Floats, weight: float) -> float:
    """Return minus the derivative of a batch loss without penalty by the weight; may be NaN."""
    return float(np.mean(np.sign(targets - weight - TRAINING_OFFSET) * weights))


def _batches(schedule: Schedule, split: Split) -> list[tuple[Floats, Floats]]:
    targets, weights = schedule.rows_of(split)
    weights = np.ones(len(targets)) if weights is None else weights
    ends = np.cumsum([0, *sizes_of(len(targets), schedule.batch_size)])
    return [(targets[start:end], weights[start:end]) for start, end in pairwise(ends.tolist())]
