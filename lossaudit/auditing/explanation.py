"""Explanation: one way to explain all numbers of a claim."""

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
        mistakes: the mistakes that change the numbers; none for the expected quantity. A mistake
            that moves them belongs to the alignment.
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
        """Number of mistakes with a parameter that was computed from the log."""
        return sum(one.estimates for one in self.mistakes)
