"""Explanation: one way to read all numbers of a claim."""

from __future__ import annotations

from dataclasses import dataclass

from lossaudit.auditing.alignment import Alignment
from lossaudit.predictions.mistakes.mistake import Mistake
from lossaudit.predictions.prediction import Prediction


@dataclass(frozen=True, eq=False)
class Explanation:
    """An alignment, a prediction, and the mistakes that produce it.

    Args:
        alignment: where the numbers belong in the truth.
        prediction: what the numbers are.
        mistakes: the mistakes that made them so, besides one of the alignment; none for the
            expected quantity.
    """

    alignment: Alignment
    prediction: Prediction
    mistakes: tuple[Mistake, ...] = ()

    @property
    def made(self) -> tuple[Mistake, ...]:
        """Every mistake, that of the alignment last."""
        moved = (self.alignment.mistake,) if self.alignment.mistake else ()
        return (*self.mistakes, *moved)

    @property
    def names(self) -> tuple[str, ...]:
        """Every mistake by name."""
        return tuple(one.name for one in self.made)

    @property
    def parameters(self) -> int:
        """How many of the mistakes have a parameter that was computed from the logged numbers."""
        return sum(one.estimates for one in self.mistakes)
