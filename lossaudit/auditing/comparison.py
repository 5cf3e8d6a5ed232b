"""Comparison: one claim next to the truth, number by number."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lossaudit.arithmetic.arrays import Floats, Ints
from lossaudit.auditing.alignment import Alignment
from lossaudit.predictions.prediction import Prediction
from lossaudit.predictions.quantities import expected_of
from lossaudit.predictions.truth import Truth
from lossaudit.recording.names import Covers
from lossaudit.recording.series import Series


@dataclass(frozen=True, eq=False)
class Comparison:
    """A claim next to the truth about its tag and split.

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
        """The expected numbers; None where the truth does not suffice to compute them."""
        return expected_of(self.truth, self.covers)

    @cached_property
    def absent(self) -> NDArray[np.bool_]:
        """Where the log has NaN although every true loss is finite, shape (m,)."""
        return np.isnan(self.claim.values) & bool(np.all(np.isfinite(self.truth.batches.values)))

    @property
    def count(self) -> int:
        """Number of logged numbers to judge."""
        return int(np.sum(~self.absent))

    def aligned(
        self, prediction: Prediction, alignment: Alignment
    ) -> tuple[Ints, Floats, Prediction]:
        """Return positions in the log, the numbers there, and the prediction of each."""
        used = alignment.placed & ~self.absent
        return np.flatnonzero(used), self.claim.values[used], prediction.take(alignment.rows[used])

    def fits(self, prediction: Prediction, alignment: Alignment) -> bool:
        """Return whether the numbers are the predicted ones.

        Each number needs a place, unless the alignment explains why it has none.
        """
        if alignment.mistake is None and not np.all(alignment.placed):
            return False
        _, observed, predicted = self.aligned(prediction, alignment)
        # Without this condition a log of NaN only would fit every prediction.
        return len(observed) > 0 and bool(predicted.matches(observed, self.claim.decimals).all())

    def in_order_of(
        self, prediction: Prediction, alignment: Alignment
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """Return the logged numbers in the order of a prediction, and which are known."""
        logged, known = np.full(len(prediction), np.nan), np.zeros(len(prediction), dtype=bool)
        used = alignment.placed & ~self.absent
        logged[alignment.rows[used]], known[alignment.rows[used]] = self.claim.values[used], True
        return logged, known
