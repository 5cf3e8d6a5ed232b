"""The total loss next to the losses of the outputs of a model: LA507."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from lossaudit.arithmetic.arrays import Floats, Ints
from lossaudit.arithmetic.bounds import decimals_bound, group_mean_bound
from lossaudit.arithmetic.replay import PRECISIONS
from lossaudit.auditing.alone.axis import finding_about, place_of
from lossaudit.auditing.alone.log import Log
from lossaudit.auditing.alone.log_check import log_check
from lossaudit.predictions.mistakes import noticed
from lossaudit.recording import keys
from lossaudit.recording.series import Series
from lossaudit.report.findings import Finding
from lossaudit.report.verdict import Verdict
from lossaudit.rules.log_files import TOTAL_OF_PARTS

_FEWEST_UPDATES = 2.0**16
"""Batches in an epoch that are implausible, so that rounding is no excuse for a difference.

It matters only if the log does not tell how many batches an epoch has.
"""


@log_check(TOTAL_OF_PARTS)
def check_totals(log: Log) -> Iterator[Finding]:
    """The loss is not the sum of the losses of its outputs."""
    weights = log.recording.metadata.get(keys.LOSS_WEIGHTS)
    for total in log.recording.select(tag=keys.LOSS):
        parts = _parts(log, total)
        known = isinstance(weights, Mapping) and set(weights) == {
            one.tag.removesuffix(keys.OUTPUT_LOSS) for one in parts
        }
        if len(parts) > 1:
            factors = [
                float(weights[one.tag.removesuffix(keys.OUTPUT_LOSS)])
                if known and weights
                else 1.0
                for one in parts
            ]
            yield from _about_total(log, total, parts, np.array(factors), known)


def _parts(log: Log, total: Series) -> list[Series]:
    """The losses of the outputs, on the same axis as their total."""
    return [
        one
        for one in log.recording.select(split=total.split, covers=total.covers)
        if one.tag.endswith(keys.OUTPUT_LOSS)
        and one.file == total.file
        and len(one) == len(total)
        and _same(one.axis, total.axis)
    ]


def _same(one: Ints | None, other: Ints | None) -> bool:
    if one is None or other is None:
        return one is other
    return np.array_equal(one, other)


def _about_total(
    log: Log, total: Series, parts: Sequence[Series], factors: Floats, known: bool
) -> Iterator[Finding]:
    """The finding about a total and its parts, if there is one; `known`: the factors are."""
    sums, sizes = _combined(parts, factors)
    rest = total.values - sums
    updates = _updates(log, total)
    bound = _bound(total, parts, factors, sizes, updates)
    plain = np.abs(total.values - _combined(parts, np.ones(len(parts)))[0]) <= bound
    finite = np.isfinite(rest)
    if known and not np.all(factors == 1) and finite.any() and np.all(plain[finite]):
        yield _times_weights(total, parts, factors, int(np.flatnonzero(finite)[0]))
        return
    outside = finite & (np.abs(rest) > bound)
    less = outside & (rest < 0)
    # Where a part is zero, its weight cannot show.
    agreeing = finite & ~outside & np.all([np.abs(one.values) > bound for one in parts], axis=0)
    # A sum that is right in most epochs proves the weights. Without them only a total below the
    # sum is wrong, because regularization can explain any excess.
    mostly = np.sum(agreeing) > max(np.sum(outside), len(parts))
    wrong = outside if mostly else less if known else np.zeros(len(total), bool)
    if wrong.any():
        at = int(np.flatnonzero(wrong)[np.argmax(np.abs(rest[wrong]))])
        needed = _needed_updates(total, float(rest[at]), float(sizes[at]), at)
        if updates or needed > _FEWEST_UPDATES:
            expected, right = float(sums[at]), int(np.sum(agreeing))
            unless = None if updates else needed
            yield _apart(total, parts, factors, at, expected, float(bound[at]), unless, right)


def _bound(
    total: Series, parts: Sequence[Series], factors: Floats, sizes: Floats, updates: float | None
) -> Floats:
    """How far each total may be from the sum of its parts, by rounding."""
    rounding = [
        decimals_bound(one.decimals) * factor
        for one, factor in zip(parts, np.abs(factors), strict=True)
    ]
    # Without known updates the bound is that of one, and `_needed_updates` says what would excuse
    # more.
    bound = group_mean_bound(
        sizes + np.abs(total.values), np.full(len(total), updates or 1.0), total.dtype
    )
    return bound + decimals_bound(total.decimals) + sum(rounding)


def _needed_updates(total: Series, rest: float, size: float, at: int) -> float:
    """How many batches an epoch must have for rounding to explain a difference."""
    # The bound of `group_mean_bound` grows as 3n·u·Σ|p|, which is solved for n here.
    relative = np.abs(rest) / (size + np.abs(total.values[at]))
    return float(relative * 2.0 ** PRECISIONS[total.dtype] / 3)


def _combined(parts: Sequence[Series], factors: Floats) -> tuple[Floats, Floats]:
    """Σ w·l and Σ |w·l|, each of shape (n,)."""
    values = np.stack([one.values for one in parts]) * factors[:, None]
    return values.sum(axis=0), np.abs(values).sum(axis=0)


def _updates(log: Log, total: Series) -> float | None:
    """The number of batches of the longest epoch; None if the log does not tell."""
    if total.covers != "epoch":
        return (
            None
            if total.epochs is None
            else float(np.unique(total.epochs, return_counts=True)[1].max())
        )
    found = [
        pair
        for pair in log.pairs
        if (pair.epochs.tag, pair.epochs.split) == (total.tag, total.split)
    ]
    return max(
        (float(pair.lengths.max()) for pair in found if pair.complete and len(pair.value)),
        default=None,
    )


def _times_weights(total: Series, parts: Sequence[Series], factors: Floats, at: int) -> Finding:
    weights = ", ".join(f"{one:g}" for one in factors)
    return finding_about(
        TOTAL_OF_PARTS,
        total,
        f"the loss is the plain sum of {_sum(parts, np.ones(len(parts)), at)} in all of "
        f"{len(total)} numbers, although the outputs have the weights {weights}: the losses of "
        "the outputs were logged times their weights, or the weights were not applied.",
        observed=float(total.values[at]),
        **noticed.PARTS_LOGGED_TIMES_THEIR_WEIGHTS.cited(),
        **place_of(total, at),
    )


def _apart(
    total: Series,
    parts: Sequence[Series],
    factors: Floats,
    at: int,
    expected: float,
    bound: float,
    needed: float | None,
    agreeing: int,
) -> Finding:
    less = total.values[at] < expected
    rounding = (
        f"(bound {bound:.2g}, {total.dtype})"
        if needed is None
        else f"(rounding explains it only if an epoch has more than {needed:,.0f} batches)"
    )
    others = f" In {agreeing} of {len(total)} numbers the sum is right." if agreeing else ""
    why = "Regularization only adds to the loss. " if less else ""
    return finding_about(
        TOTAL_OF_PARTS,
        total,
        f"the loss is {total.values[at]:.9g}, but {_sum(parts, factors, at)} is {expected:.9g} "
        f"{rounding}.{others} {why}The parts and the total are means over different rows, or of "
        "different losses: Keras from 3.7 on counts a short last batch as a full one in the "
        "losses of outputs.",
        verdict=Verdict.WRONG if needed is None else Verdict.SUSPECT,
        observed=float(total.values[at]),
        expected=expected,
        bound=bound,
        **noticed.TOTAL_IS_NOT_THE_SUM_OF_ITS_PARTS.cited(),
        **place_of(total, at),
    )


def _sum(parts: Sequence[Series], factors: Floats, at: int) -> str:
    """The sum as a formula, with the name and the value of each part."""
    return " + ".join(
        f"{'' if factor == 1 else f'{factor:g} × '}{one.tag} {one.values[at]:.9g}"
        for one, factor in zip(parts, factors.tolist(), strict=True)
    )
