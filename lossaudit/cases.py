"""Case: one claim beside the truth, and how its numbers can be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from lossaudit.alignments import Alignment, in_place, moved
from lossaudit.causes import Cause
from lossaudit.evidence import Evidence
from lossaudit.exhibits import Explanation, beside_truth
from lossaudit.findings import Verdict
from lossaudit.mistakes import PACES, Mistaken, expected_of, mistaken, repeated
from lossaudit.predictions import GRADES, Prediction
from lossaudit.recordings import Covers, Floats, Series
from lossaudit.truths import Truth

_MOST = 4096
"""Batches by which a wrong explanation of a batch log shows itself; one that fits so many is tried on all of them."""


@dataclass(frozen=True, eq=False)
class Reading:
    """An explanation of all numbers of a claim: where they stand, and what they are.

    Args:
        alignment: where the numbers stand in the truth.
        prediction: what the numbers are.
        causes: the mistakes that made them so; none for the expected quantity.
    """

    alignment: Alignment
    prediction: Prediction
    causes: tuple[Cause, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The mistakes by name, one in where the numbers stand included."""
        moved = (self.alignment.cause,) if self.alignment.cause else ()
        return (*(cause.name for cause in self.causes), *moved)


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
        return expected_of(self.truth, self.covers)

    @cached_property
    def absent(self) -> NDArray[np.bool_]:
        """Where the log holds NaN although every true loss is finite, shape (m,)."""
        return np.isnan(self.claim.values) & bool(np.all(np.isfinite(self.truth.batches.values)))

    @cached_property
    def readings(self) -> tuple[Reading, ...]:
        """The explanations of all numbers with the fewest mistakes; several are indistinguishable on this data."""
        if self.expected is None or not self.numbers:
            return ()
        for found in self._readings(self.expected):
            readings = _one_of_each(found)
            if readings:
                return readings
        return ()

    @property
    def reading(self) -> Reading | None:
        """The first of the simplest explanations; None if there is none."""
        return self.readings[0] if self.readings else None

    @cached_property
    def verdict(self) -> Verdict:
        """What can be said of the claim as a whole."""
        if self.expected is None or not self.numbers:
            return Verdict.WRONG if self.absent.any() else Verdict.UNDECIDABLE
        if self.reading is None or self.reading.causes or self.absent.any():
            return Verdict.WRONG
        if self.reading.alignment.cause is not None:
            return Verdict.WRONG if self.reading.alignment.founded else Verdict.UNDECIDABLE
        return Verdict.UNDECIDABLE if self.lookalikes else self.grade

    @cached_property
    def evidence(self) -> Evidence:
        """What a plot of the claim shows."""
        read, explanation = self.reading, None
        if read is not None:
            explanation = Explanation(read.alignment, read.prediction, " and ".join(read.names))
        return beside_truth(self.claim, self.covers, self.truth.batches, self.expected, explanation)

    @property
    def right(self) -> bool:
        """Whether the numbers are the expected ones, in place."""
        return self.reading is not None and not self.reading.names

    @cached_property
    def grade(self) -> Verdict:
        """How well the numbers match what the best reading says they are: the worst verdict of any of them."""
        grades = [len(GRADES) - 1]
        for reading in self.readings:
            _, observed, beside = self.aligned(reading.prediction, reading.alignment)
            grades.append(int(beside.grade(observed, self.claim.decimals).max()))
        return GRADES[min(grades)]

    @cached_property
    def lookalikes(self) -> tuple[Cause, ...]:
        """Mistakes that would have logged other numbers, which this log is too coarse to tell from the right ones."""
        if self.expected is None or self.reading is None or self.grade is Verdict.EXACT:
            return ()
        look = self._explaining(self.reading.alignment, self.expected, 1, plain=True)
        found = [one for one in look if one.prediction.differs_from(self.expected).any()]
        return tuple(one.causes[0] for one in _one_of_each(found))

    @property
    def numbers(self) -> int:
        """How many logged numbers there are to judge."""
        return int(np.sum(~self.absent))

    def aligned(self, prediction: Prediction, alignment: Alignment) -> tuple[NDArray[np.int64], Floats, Prediction]:
        """Positions in the log, the numbers there, and the predicted numbers beside them."""
        used = alignment.placed & ~self.absent
        return np.flatnonzero(used), self.claim.values[used], prediction.take(alignment.rows[used])

    def _readings(self, expected: Prediction) -> Iterator[list[Reading]]:
        """Every explanation: without a mistake, with one, with two; one in the numbers comes before moved numbers."""
        placed = list(in_place(self.claim, expected))
        yield [Reading(one, expected) for one in placed if self._is(one, expected)]
        elsewhere = list(moved(self.claim, expected))
        alone = [found for one in placed for found in self._explaining(one, expected, 1)]
        yield alone + [Reading(one, expected) for one in elsewhere if self._is(one, expected)]
        pairs = [(one, 2) for one in placed] + [(one, 1) for one in elsewhere]
        yield [found for one, count in pairs for found in self._explaining(one, expected, count)]

    def _is(self, alignment: Alignment, prediction: Prediction) -> bool:
        """Whether the numbers are the predicted ones, each of which has its place unless the alignment says why not."""
        if alignment.cause is None and not np.all(alignment.placed):
            return False
        _, observed, beside = self.aligned(prediction, alignment)
        return len(observed) > 0 and bool(beside.matches(observed, self.claim.decimals).all())

    def _tells(self, alignment: Alignment, prediction: Prediction) -> bool:
        """Whether the numbers are larger than what the prediction may be wrong by, or the same bit for bit."""
        _, observed, beside = self.aligned(prediction, alignment)
        finite = np.isfinite(observed)
        near = np.sum(beside.bounds[finite]) < np.sum(np.abs(observed[finite]))
        return bool(near) or bool(np.all(beside.grade(observed) == 0))

    def _explaining(
        self, alignment: Alignment, expected: Prediction, count: int, plain: bool = False
    ) -> Iterator[Reading]:
        """Readings with so many mistakes: those that fit the first epochs are tried on all of them."""
        if alignment.cause is None and not np.all(alignment.placed):
            return
        logged, known = self._beside(alignment, expected)
        is_batch = PACES[self.covers] == "batch"
        head = self.truth.head(_MOST if is_batch else len(self.truth.batches))
        rows = len(head.batches) if is_batch else len(head.batches.ends)
        if rows == len(logged) or not known[:rows].any():
            found = mistaken(self.truth, self.covers, logged, count, plain)
        else:
            tried = mistaken(head, self.covers, logged[:rows], count, plain)
            likely = self._fitting(tried, logged[:rows], known[:rows])
            combinations = dict.fromkeys(causes for causes, _ in likely)
            found = chain.from_iterable(repeated(self.truth, self.covers, logged, one) for one in combinations)
        for causes, prediction in found:
            if self._is(alignment, prediction) and self._tells(alignment, prediction):
                yield Reading(alignment, prediction, causes)

    def _beside(self, alignment: Alignment, expected: Prediction) -> tuple[Floats, NDArray[np.bool_]]:
        """The logged numbers in the places of the expected ones, and which places have one."""
        logged, known = np.full(len(expected), np.nan), np.zeros(len(expected), dtype=bool)
        used = alignment.placed & ~self.absent
        logged[alignment.rows[used]], known[alignment.rows[used]] = self.claim.values[used], True
        return logged, known

    def _fitting(self, found: Iterable[Mistaken], logged: Floats, known: NDArray[np.bool_]) -> Iterator[Mistaken]:
        for causes, prediction in found:
            if prediction.take(known).matches(logged[known], self.claim.decimals).all():
                yield causes, prediction


def _one_of_each(readings: Iterable[Reading]) -> tuple[Reading, ...]:
    """The first reading of each combination of mistakes."""
    first: dict[tuple[str, ...], Reading] = {}
    for reading in readings:
        first.setdefault(reading.names, reading)
    return tuple(first.values())
