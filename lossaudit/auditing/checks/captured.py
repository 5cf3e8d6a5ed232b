"""Findings about the audit itself: LA401, LA402, LA404."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from lossaudit.predictions.mistakes import noticed
from lossaudit.report.findings import Finding
from lossaudit.report.verdict import Verdict
from lossaudit.rules.callbacks import CAPTURED, EXPLAINED


def not_captured(split: str, tag: str, origin: str, reason: str) -> Finding:
    """LA401: there is no truth to compare a claim with."""
    return Finding(
        CAPTURED.code,
        Verdict.UNDECIDABLE,
        f"{origin}: {reason}.",
        severity="warning",
        tag=tag,
        split=split,
        **noticed.LOSSES_NOT_CAPTURED.cited(),
        origin=origin,
    )


def check_gap(statement: str, remains: Fraction, bound: float, *, epoch: int) -> Iterator[Finding]:
    """LA404: rounding does not explain what remains between `fit` and `evaluate`."""
    # Negated, so that a NaN is reported instead of passing as explained.
    if not abs(remains) <= bound:
        yield Finding(
            EXPLAINED.code,
            Verdict.WRONG,
            f"{statement} The remainder exceeds what rounding can explain.",
            epoch=epoch,
            observed=float(remains),
            expected=0.0,
            bound=bound,
            **noticed.LOSS_AVERAGED_WRONGLY.cited(),
        )


def gap_not_measured(reason: str) -> Finding:
    """LA404: the parts of the difference cannot be measured."""
    return Finding(
        EXPLAINED.code,
        Verdict.UNDECIDABLE,
        f"why `evaluate` does not give the loss that `fit` reported cannot be measured: {reason}.",
        severity="warning",
        **noticed.GAP_NOT_MEASURED.cited(),
    )
