"""Verdict: how a logged number compares with the truth."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """How a logged number compares with the truth; no verdict depends on an epsilon.

    >>> Verdict.EXACT == "exact"
    True
    """

    EXACT = "exact"
    """A replay of the arithmetic gives the same bits."""
    CONSISTENT = "consistent"
    """Within the proven bound of the arithmetic."""
    SUSPECT = "suspect"
    """Within the proven bound, but beyond the probabilistic band: a warning."""
    WRONG = "wrong"
    """Beyond the proven bound: a proof."""
    UNDECIDABLE = "undecidable"
    """The data cannot decide."""


WORST_FIRST = (
    Verdict.WRONG,
    Verdict.UNDECIDABLE,
    Verdict.SUSPECT,
    Verdict.CONSISTENT,
    Verdict.EXACT,
)
