"""Validation losses that are a copy of the train losses: LA506."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lossaudit.arithmetic.bounds import COINCIDENCE, decimals_bound, half_ulp
from lossaudit.auditing.alone.axis import finding_about
from lossaudit.auditing.alone.log import Log
from lossaudit.auditing.alone.log_check import log_check
from lossaudit.predictions.mistakes import noticed
from lossaudit.recording.series import Series
from lossaudit.report.findings import Finding
from lossaudit.rules.log_files import COPIED


@log_check(COPIED)
def check_copies(log: Log) -> Iterator[Finding]:
    """Train and validation have the same numbers."""
    for train in log.losses:
        for other in log.losses:
            if (
                train.split == "train"
                and other.split in ("validation", "test")
                and (other.tag, other.covers) == (train.tag, train.covers)
                and _is_copy(train, other)
            ):
                yield _copied(train, other)


def _is_copy(one: Series, other: Series) -> bool:
    """Whether two series agree bit for bit, and it would be a miracle if by chance."""
    if len(one) != len(other) or not np.array_equal(one.values, other.values, equal_nan=True):
        return False
    finite = one.values[np.isfinite(one.values)]
    distinct = np.unique(finite)
    # Two losses that never move may be equal for many reasons.
    if len(distinct) < 2:
        return False
    # The distance of two neighbours on the grid of possible numbers: an ulp, or a printed digit.
    step = 2 * (half_ulp(distinct[-1], one.dtype) + decimals_bound(one.decimals))
    chance = min(1.0, float(step) / float(distinct[-1] - distinct[0]))
    # Logarithms, because the product of many chances underflows to zero.
    return len(distinct) * np.log(chance) < np.log(COINCIDENCE)


def _copied(train: Series, other: Series) -> Finding:
    places = "" if other.decimals == 1 else "s"
    digits = "" if other.decimals is None else f", to {other.decimals} decimal place{places}"
    return finding_about(
        COPIED,
        other,
        f"all {len(other)} numbers equal those of {train.title}{digits}, from "
        f"{other.values[0]:.9g} to {other.values[-1]:.9g}. The train loss was logged under both "
        "names, or both were evaluated on the same data.",
        observed=float(other.values[0]),
        **noticed.VALIDATION_IS_TRAIN.cited(),
    )
