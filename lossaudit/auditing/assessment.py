"""Assessment: a comparison with its simplest explanations and the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lossaudit.arithmetic.arrays import Ints
from lossaudit.auditing.alignment import Alignment
from lossaudit.auditing.comparison import Comparison
from lossaudit.auditing.evidence import Drawing
from lossaudit.auditing.explanation import Explanation
from lossaudit.auditing.search import explanations, lookalikes
from lossaudit.predictions.mistakes.mistake import Mistake
from lossaudit.predictions.prediction import GRADES
from lossaudit.report.verdict import Verdict


@dataclass(frozen=True, eq=False)
class Assessment(Comparison):
    """A claim next to the truth, the explanations of its numbers, and the verdict on them.

    Args:
        claim: the logged numbers.
        covers: what each of them promises to cover.
        truth: the recorded batches.
    """

    @cached_property
    def explanations(self) -> tuple[Explanation, ...]:
        """The explanations with the fewest mistakes; this data cannot tell them apart."""
        return explanations(self)

    @property
    def best(self) -> Explanation | None:
        """The first of the simplest explanations; None if there is none."""
        return self.explanations[0] if self.explanations else None

    @property
    def right(self) -> bool:
        """Whether the numbers are the expected ones, in place."""
        return self.best is not None and not self.best.names

    @cached_property
    def grade(self) -> Verdict:
        """How well the numbers match their best explanation: the worst verdict of any number."""
        # The data cannot tell the explanations apart, so the one that fits best decides.
        grades = [len(GRADES) - 1]
        for one in self.explanations:
            _, observed, predicted = self.aligned(one.prediction, one.alignment)
            grades.append(int(predicted.grade(observed, self.claim.decimals).max()))
        return GRADES[min(grades)]

    @cached_property
    def verdict(self) -> Verdict:
        """The verdict on the claim as a whole."""
        if self.expected is None or not self.count:
            return Verdict.WRONG if self.absent.any() else Verdict.UNDECIDABLE
        if self.best is None or self.best.mistakes or self.absent.any():
            return Verdict.WRONG
        if self.best.alignment.mistake is not None:
            return Verdict.WRONG if self.best.alignment.founded else Verdict.UNDECIDABLE
        if self.drift is not None:
            return Verdict.WRONG
        return Verdict.UNDECIDABLE if self.lookalikes or self.is_vague else self.grade

    @cached_property
    def drift(self) -> int | None:
        """The position of the first right number that has lost as much as a whole batch.

        Its error exceeds the probable bound, and is at least the mean divided by its batches.
        None if no accumulator lost that much.
        """
        if not self.right or self.best is None or self.covers == "batch":
            return None
        _, observed, predicted = self.aligned(self.best.prediction, self.best.alignment)
        errors, sizes = np.abs(observed - predicted.values), np.abs(predicted.values)
        # The probable bound takes long to compute: most claims are nowhere near it.
        if self.claim.decimals is not None or not np.any(
            errors * self.truth.batches.lengths.max() >= sizes
        ):
            return None
        lost = (errors > predicted.probable()) & (
            errors * self._terms(self.best.alignment) >= sizes
        )
        return int(np.argmax(lost)) if lost.any() else None

    @cached_property
    def is_vague(self) -> bool:
        """Whether the numbers are right only because rounding may be as large as they are."""
        if self.best is None or self.grade is Verdict.EXACT:
            return False
        _, observed, predicted = self.aligned(self.best.prediction, self.best.alignment)
        # One infinite number would make every bound look small next to it.
        finite = np.isfinite(observed)
        # Negated, so that a sum of bounds that is infinite or NaN counts as vague.
        return not np.sum(predicted.bounds[finite]) < np.sum(np.abs(observed[finite])) and bool(
            finite.any()
        )

    @cached_property
    def lookalikes(self) -> tuple[Mistake, ...]:
        """Mistakes that this log is too coarse to tell from the right numbers."""
        if self.best is None or self.grade is Verdict.EXACT:
            return ()
        return lookalikes(self, self.best)

    @cached_property
    def drawing(self) -> Drawing:
        """What draws the claim when a plot is asked for."""
        return Drawing.of(self, self.best)

    def _terms(self, alignment: Alignment) -> Ints:
        """Number of batches that each number averages."""
        batches = self.truth.batches
        counts = batches.lengths if self.covers == "epoch" else batches.places + 1
        return counts[alignment.rows[alignment.placed & ~self.absent]]
