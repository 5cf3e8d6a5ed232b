"""Case: one claim beside the truth, and how its numbers can be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lossaudit import quantities
from lossaudit.alignments import Alignment, in_place, moved
from lossaudit.causes import CAUSES, Cause
from lossaudit.findings import Verdict
from lossaudit.predictions import GRADES, Pace, Prediction
from lossaudit.recordings import Covers, Floats, Series
from lossaudit.truths import Truth

PACES: dict[Covers, Pace] = {"batch": "batch", "epoch_so_far": "batch", "epoch": "epoch"}

EXPECTED: dict[Covers, Callable[[Truth], Iterator[Prediction]]] = {
    "batch": quantities.batch_loss,
    "epoch_so_far": quantities.running_mean,
    "epoch": quantities.epoch_mean,
}
"""The quantity that numbers hold which cover what they promise to cover."""


@dataclass(frozen=True, eq=False)
class Reading:
    """An explanation of all numbers of a claim: where they stand, and what they are.

    Args:
        alignment: where the numbers stand in the truth.
        predictions: what the numbers are; several are indistinguishable on this data.
        causes: the mistake behind each prediction; None for the expected quantity.
    """

    alignment: Alignment
    predictions: tuple[Prediction, ...]
    causes: tuple[Cause | None, ...]


@dataclass(frozen=True, eq=False)
class Case:
    """A claim beside the truth about its tag and split.

    Args:
        claim: the logged numbers.
        covers: what each of them promises to cover.
        truth: the recorded batches.
    """

    claim: Series
    covers: Covers
    truth: Truth

    @cached_property
    def expected(self) -> Prediction | None:
        """The numbers that keep the promise; None where the truth does not suffice to form them."""
        return next(EXPECTED[self.covers](self.truth), None)

    @cached_property
    def absent(self) -> NDArray[np.bool_]:
        """Where the log holds NaN although every true loss is finite, shape (m,)."""
        return np.isnan(self.claim.values) & bool(np.all(np.isfinite(self.truth.batches.values)))

    @cached_property
    def reading(self) -> Reading | None:
        """The simplest explanation of all numbers; None if there is none."""
        return next(self._readings(), None)

    @cached_property
    def verdict(self) -> Verdict:
        """What can be said of the claim as a whole."""
        if self.expected is None or not self.numbers:
            return Verdict.WRONG if self.absent.any() else Verdict.UNDECIDABLE
        if self.reading is None or self.reading.causes != (None,) or self.absent.any():
            return Verdict.WRONG
        if self.reading.alignment.cause is not None:
            return Verdict.WRONG if self.reading.alignment.founded else Verdict.UNDECIDABLE
        return Verdict.UNDECIDABLE if self.lookalikes else self.grade

    @property
    def right(self) -> bool:
        """Whether the numbers are the expected ones, in place."""
        return self.reading is not None and self.reading.causes == (None,) and self.reading.alignment.cause is None

    @cached_property
    def grade(self) -> Verdict:
        """How well the numbers match what the reading says they are: the worst verdict of any of them."""
        if self.reading is None:
            return Verdict.WRONG
        grades = []
        for prediction in self.reading.predictions:
            _, observed, beside = self.aligned(prediction, self.reading.alignment)
            grades.append(beside.grade(observed, self.claim.decimals).max())
        return GRADES[min(grades)]

    @cached_property
    def lookalikes(self) -> tuple[Cause, ...]:
        """Mistakes that would have logged other numbers, which this log is too coarse to tell from the right ones."""
        if self.expected is None or self.reading is None or self.grade is Verdict.EXACT:
            return ()
        found = [
            (cause, one)
            for cause, one in self._mistakes
            if self._explains(self.reading.alignment, one) and one.differs_from(self.expected).any()
        ]
        return tuple(cause for cause, _ in _one_of_each_cause(found) if cause is not None)

    @property
    def numbers(self) -> int:
        """How many logged numbers there are to judge."""
        return int(np.sum(~self.absent))

    def aligned(self, prediction: Prediction, alignment: Alignment) -> tuple[NDArray[np.int64], Floats, Prediction]:
        """Positions in the log, the numbers there, and the predicted numbers beside them."""
        used = alignment.placed & ~self.absent
        return np.flatnonzero(used), self.claim.values[used], prediction.take(alignment.rows[used])

    def _readings(self) -> Iterator[Reading]:
        """Every explanation, numbers in place before numbers moved, the expected ones before those of a mistake."""
        if self.expected is None:
            return
        for find in (in_place, moved):
            alignments = list(find(self.claim, self.expected))
            for candidates in ([(None, self.expected)], self._mistakes):
                for alignment in alignments:
                    found = [(cause, one) for cause, one in candidates if self._explains(alignment, one)]
                    if found:
                        causes, predictions = zip(*_one_of_each_cause(found), strict=True)
                        yield Reading(alignment, predictions, causes)

    @cached_property
    def _mistakes(self) -> list[tuple[Cause | None, Prediction]]:
        """What each known mistake that breaks this promise would have logged."""
        pace = PACES[self.covers]
        broken = [cause for cause in CAUSES.values() if self.covers in cause.breaks]
        return [(cause, one) for cause in broken for one in cause.predict(self.truth) if one.pace == pace]

    def _explains(self, alignment: Alignment, prediction: Prediction) -> bool:
        if alignment.cause is None and not np.all(alignment.placed):
            return False
        _, observed, beside = self.aligned(prediction, alignment)
        return len(observed) > 0 and bool(beside.matches(observed, self.claim.decimals).all())


def _one_of_each_cause(found: list[tuple[Cause | None, Prediction]]) -> list[tuple[Cause | None, Prediction]]:
    """The first prediction of each cause."""
    first = {cause.name if cause else None: (cause, one) for cause, one in reversed(found)}
    return list(reversed(first.values()))
