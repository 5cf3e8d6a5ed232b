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
from lossaudit.coincidences import is_told
from lossaudit.evidence import Evidence
from lossaudit.exhibits import Explanation, beside_truth
from lossaudit.findings import Verdict
from lossaudit.mistakes import PACES, Mistaken, alone, expected_of, mistaken, repeated
from lossaudit.predictions import GRADES, Prediction
from lossaudit.recordings import Covers, Floats, Ints, Series
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

    @property
    def parameters(self) -> int:
        """How many of the mistakes have a parameter that the numbers said."""
        return sum(cause.estimates for cause in self.causes)


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
        """The explanations of all numbers with the fewest mistakes; several are indistinguishable on this data.

        The numbers have to tell of one of them; what fits with no more parameters is among them. A parameter that the
        numbers said counts as a mistake.
        """
        if self.expected is None or not self.numbers:
            return ()
        simplest: list[Reading] = []
        for found in self._readings(self.expected):
            told = [one for one in found if not (simplest and one.parameters) and self._is_told(one, self.expected)]
            fewest = min((one.parameters for one in told), default=-1)
            simplest += [one for one in found if one in told or one.parameters <= fewest]
            if any(not one.parameters for one in simplest):
                break
        return _one_of_each(simplest)

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
        if self.drift is not None:
            return Verdict.WRONG
        return Verdict.UNDECIDABLE if self.lookalikes or self.is_vague else self.grade

    @cached_property
    def drift(self) -> int | None:
        """The place of the first right number whose accumulator had lost as much as a whole batch; None if none had.

        Its error is then beyond the probable bound, and at least the mean divided by the number of its batches.
        """
        if not self.right or self.reading is None or self.covers == "batch":
            return None
        _, observed, beside = self.aligned(self.reading.prediction, self.reading.alignment)
        errors = np.abs(observed - beside.values)
        if self.claim.decimals is not None or not np.any(
            errors * self.truth.batches.lengths.max() >= np.abs(beside.values)
        ):
            return None
        lost = (errors > beside.bands()) & (errors * self._terms(self.reading.alignment) >= np.abs(beside.values))
        return int(np.argmax(lost)) if lost.any() else None

    def _terms(self, alignment: Alignment) -> Ints:
        """How many batches are behind each number."""
        batches = self.truth.batches
        counts = batches.lengths if self.covers == "epoch" else batches.places + 1
        return counts[alignment.rows[alignment.placed & ~self.absent]]

    @cached_property
    def is_vague(self) -> bool:
        """Whether the numbers may be right, but only because rounding may move them by as much as they are."""
        if self.reading is None or self.grade is Verdict.EXACT:
            return False
        _, observed, beside = self.aligned(self.reading.prediction, self.reading.alignment)
        finite = np.isfinite(observed)
        return not np.sum(beside.bounds[finite]) < np.sum(np.abs(observed[finite])) and bool(finite.any())

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
        found = [one for one in look if one.prediction.differs_from(self.expected).any() and self._is_likely(one)]
        return tuple(one.causes[0] for one in _one_of_each(found))

    def _is_likely(self, reading: Reading) -> bool:
        """Whether rounding not only can make the numbers of a reading these, but may well do so."""
        _, observed, beside = self.aligned(reading.prediction, reading.alignment)
        return GRADES[beside.grade(observed, self.claim.decimals).max()] in (Verdict.EXACT, Verdict.CONSISTENT)

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

    def _explaining(
        self, alignment: Alignment, expected: Prediction, count: int, plain: bool = False
    ) -> Iterator[Reading]:
        """Readings with so many mistakes; `plain` ones only may look like right numbers."""
        if alignment.cause is None and not np.all(alignment.placed):
            return
        logged, known = self._beside(alignment, expected)
        for causes, prediction in self._candidates(logged, known, count, plain):
            if self.claim.decimals is not None and any(one.name == "rounded-to-decimals" for one in causes):
                continue  # a log that says so is not mistaken for what it says
            if self._is(alignment, prediction):
                yield Reading(alignment, prediction, causes)

    def _is_told(self, reading: Reading, expected: Prediction) -> bool:
        """Whether the numbers say that the mistakes were made, and not only that they may have been."""
        _, observed, beside = self.aligned(reading.prediction, reading.alignment)
        right = self.aligned(expected, reading.alignment)[2]
        return is_told(reading.causes, beside, right, observed, self.claim.decimals)

    def _candidates(self, logged: Floats, known: NDArray[np.bool_], count: int, plain: bool) -> Iterable[Mistaken]:
        """What so many mistakes would have logged; those that the first epochs refute are not tried on all of them."""
        few, more = (self._head(most) for most in (_MOST, len(self.truth.batches)))
        rows = self._rows(few)
        if rows == len(logged) or not known[:rows].any():
            return mistaken(self.truth, self.covers, logged, count, plain)
        likely = self._fitting(few, mistaken(few, self.covers, logged[:rows], count, plain), logged, known)
        tried = {**dict.fromkeys(alone(self.covers, plain) if count == 1 else (), True), **likely}
        left = [causes for causes, fits in tried.items() if fits]
        if rows < self._rows(more) < len(logged):
            again = self._fitting(more, self._all_repeated(more, logged[: self._rows(more)], left), logged, known)
            left = [causes for causes in left if again.get(causes, True)]
        return self._all_repeated(self.truth, logged, left)

    def _head(self, most: int) -> Truth:
        return self.truth.head(most if PACES[self.covers] == "batch" else len(self.truth.batches))

    def _rows(self, truth: Truth) -> int:
        return len(truth.batches) if PACES[self.covers] == "batch" else len(truth.batches.ends)

    def _fitting(
        self, head: Truth, found: Iterable[Mistaken], logged: Floats, known: NDArray[np.bool_]
    ) -> dict[tuple[Cause, ...], bool]:
        """Whether a prediction of each combination of mistakes fits the first numbers; it has to have one."""
        there = known[: self._rows(head)]
        begun, fits = logged[: len(there)][there], dict[tuple[Cause, ...], bool]()
        for causes, one in found:
            fits[causes] = fits.get(causes, False) or bool(one.take(there).matches(begun, self.claim.decimals).all())
        return fits

    def _all_repeated(self, truth: Truth, logged: Floats, left: Iterable[tuple[Cause, ...]]) -> Iterator[Mistaken]:
        return chain.from_iterable(repeated(truth, self.covers, logged, causes) for causes in left)

    def _beside(self, alignment: Alignment, expected: Prediction) -> tuple[Floats, NDArray[np.bool_]]:
        """The logged numbers in the places of the expected ones, and which places have one."""
        logged, known = np.full(len(expected), np.nan), np.zeros(len(expected), dtype=bool)
        used = alignment.placed & ~self.absent
        logged[alignment.rows[used]], known[alignment.rows[used]] = self.claim.values[used], True
        return logged, known


def _one_of_each(readings: Iterable[Reading]) -> tuple[Reading, ...]:
    """The first reading of each combination of mistakes; those without a parameter before those with one."""
    first: dict[tuple[str, ...], Reading] = {}
    for reading in readings:
        first.setdefault(reading.names, reading)
    return tuple(sorted(first.values(), key=lambda one: one.parameters))
