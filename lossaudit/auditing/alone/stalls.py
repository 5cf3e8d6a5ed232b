"""Sums that stopped growing at a power of two, where rounding loses every addition: LA508."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lossaudit.arithmetic.bounds import decimals_bound, half_ulp
from lossaudit.arithmetic.replay import PRECISIONS
from lossaudit.auditing.alone.axis import finding_about, place_of
from lossaudit.auditing.alone.log import Log
from lossaudit.auditing.alone.log_check import log_check
from lossaudit.predictions.mistakes import noticed
from lossaudit.recording.series import Series, epoch_starts
from lossaudit.report.findings import Finding
from lossaudit.report.verdict import Verdict
from lossaudit.rules.log_files import STALLED

_SPELL = 3
"""Equal numbers in a row from which a sum is taken to have stopped."""


@log_check(STALLED)
def check_stalls(log: Log) -> Iterator[Finding]:
    """A growing sum stops at a power of two."""
    for series in log.losses:
        values = series.values
        if (
            len(values) < 2 * _SPELL
            or not np.isfinite(values[-1])
            # At a power of two an ulp doubles, so an addend that just counted is rounded away.
            or not _is_power_of_two(values[-1])
        ):
            continue
        # The True at the end stops the search in a log of equal numbers.
        start = len(values) - int(np.argmax(np.append(values[::-1] != values[-1], True)))
        growth = np.diff(values[: start + 1])
        spell = len(values) - start
        if spell < _SPELL or len(growth) < _SPELL or not np.all(growth > 0):
            continue
        # A curve that approaches a limit slows down. A sum that rounding stops keeps its pace up
        # to the number at which it stops.
        if float(growth[-1 - _SPELL : -1].mean()) > float(growth.mean()) / 2:
            yield _stalled_sum(series, start, float(growth.mean()))


def _stalled_sum(series: Series, start: int, growth: float) -> Finding:
    last = float(series.values[-1])
    return finding_about(
        STALLED,
        series,
        f"it grows by about {growth:.9g} from number to number up to {last:.9g} = "
        f"2^{int(np.log2(last))} at number {start}, and then stays there for "
        f"{len(series) - start} numbers. A {series.dtype} sum stops there if each addition is at "
        f"most {half_ulp(last, series.dtype):.9g}; if what was added was not zero from then on, "
        "it was lost.",
        verdict=Verdict.SUSPECT,
        observed=last,
        cause=noticed.SUM_STALLED_AT_POWER_OF_TWO.name,
        remedy="Sum in float64, or with `lossaudit.ExactSum()`, and start anew in every epoch.",
        **place_of(series, start),
    )


@log_check(STALLED)
def check_stalled_means(log: Log) -> Iterator[Finding]:
    """A running mean falls as 1/n, because the sum behind it stopped at a power of two."""
    for series in log.losses:
        # A sum can stall after 2^(p-1) updates, and must then stay for as many to be recognised.
        if series.covers == "epoch" or len(series) < 2 ** PRECISIONS[series.dtype]:
            continue
        part = _longest_epoch(series)
        rows = np.cumsum(np.ones(len(part)) if part.weights is None else part.weights)
        totals = rows * part.values
        errors = rows * (half_ulp(part.values, part.dtype) + decimals_bound(part.decimals))
        # Negated, so that a NaN counts as a total that moved.
        moving = np.flatnonzero(~(np.abs(totals - totals[-1]) <= errors + errors[-1]))
        start = int(moving[-1]) + 1 if len(moving) else 0
        power = 2.0 ** np.rint(np.log2(totals[-1])) if totals[-1] > 0 else np.inf
        # A sum of n like parts can stall from 2^(p-1) of them on, for p bits of the float.
        if (
            abs(totals[-1] - power) > errors[-1]
            or start < 2 ** (PRECISIONS[part.dtype] - 1)
            or start > len(part) / 2
        ):
            continue
        yield finding_about(
            STALLED,
            series,
            f"from number {start} of an epoch on, the running mean times its count stays at "
            f"{power:g} = 2^{np.log2(power):.0f} for {len(part) - start} numbers: the sum stopped "
            f"while the count grows. If the losses were not zero from then on, a {part.dtype} sum "
            "has lost them.",
            verdict=Verdict.SUSPECT,
            observed=float(part.values[-1]),
            **noticed.SUM_STALLED_AT_POWER_OF_TWO.cited(),
            **place_of(part, start),
        )


def _longest_epoch(series: Series) -> Series:
    if series.epochs is None:
        return series
    edges = np.append(np.flatnonzero(epoch_starts(series.epochs)), len(series))
    at = int(np.argmax(np.diff(edges)))
    return series.take(slice(edges[at], edges[at + 1]))


def _is_power_of_two(value: float) -> bool:
    # `frexp` gives a mantissa in [0.5, 1): exactly 0.5 for powers of two only.
    return value > 0 and float(np.frexp(value)[0]) == 0.5
