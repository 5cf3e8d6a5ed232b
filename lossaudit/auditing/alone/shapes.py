"""What the values of a log prove by themselves: copies, stalls, and NaN that vanished."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossaudit.arithmetic.bounds import COINCIDENCE, decimals_bound, half_ulp
from lossaudit.arithmetic.replay import PRECISIONS
from lossaudit.auditing.alone.axis import about, place_of
from lossaudit.auditing.alone.pairing import pairs
from lossaudit.auditing.alone.pairs import Pair
from lossaudit.predictions.mistakes import noticed
from lossaudit.recording.recording import Recording
from lossaudit.recording.series import Series, epoch_starts
from lossaudit.report.findings import Finding
from lossaudit.report.verdict import Verdict
from lossaudit.rules.log_files import COPIED, NAN, STALLED

_SPELL = 3
"""So many NaN, or equal numbers, in a row are looked at; fewer are spikes."""
_LONG_SPELL = 10
"""So many NaN in a row are hardly those of single batches any more."""


def check_copies(recording: Recording) -> Iterator[Finding]:
    """LA506: train and validation hold the same numbers."""
    losses = [one for one in recording.series if one.is_loss]
    for train in losses if len(losses) > 1 else ():
        for other in losses:
            if (
                train.split != "train"
                or other.split not in ("validation", "test")
                or other.tag != train.tag
            ):
                continue
            if other.covers == train.covers and _is_copy(train, other):
                yield about(
                    COPIED,
                    other,
                    f"all {len(other)} numbers are those of "
                    f"{train.title}{'' if other.decimals is None else f', to {other.decimals} decimals'}, from "
                    f"{other.values[0]:.9g} to {other.values[-1]:.9g}. The train loss was logged "
                    "under both names, "
                    "or both were evaluated on the same data.",
                    observed=float(other.values[0]),
                    **noticed.VALIDATION_IS_TRAIN.cited(),
                )


def _is_copy(one: Series, other: Series) -> bool:
    """Whether two series agree bit for bit where no coincidence can make them."""
    if len(one) != len(other) or not np.array_equal(one.values, other.values, equal_nan=True):
        return False
    finite = one.values[np.isfinite(one.values)]
    distinct = np.unique(finite)
    if len(distinct) < 2:
        return False
    step = 2 * (half_ulp(distinct[-1], one.dtype) + decimals_bound(one.decimals))
    chance = min(1.0, float(step) / float(distinct[-1] - distinct[0]))
    return len(distinct) * np.log(chance) < np.log(COINCIDENCE)


def check_stalls(recording: Recording) -> Iterator[Finding]:
    """LA508: a growing sum stands still at a power of two."""
    for series in (one for one in recording.series if one.is_loss):
        values = series.values
        if (
            len(values) < 2 * _SPELL
            or not np.isfinite(values[-1])
            or not _is_power_of_two(values[-1])
        ):
            continue
        start = len(values) - int(np.argmax(np.append(values[::-1] != values[-1], True)))
        growth = np.diff(values[: start + 1])
        spell = len(values) - start
        if spell < _SPELL or len(growth) < _SPELL or not np.all(growth > 0):
            continue
        # What approaches a limit gets slower; a sum that rounding stops does not, up to the number
        # that it stops at.
        if float(growth[-1 - _SPELL : -1].mean()) > float(growth.mean()) / 2:
            yield about(
                STALLED,
                series,
                f"it grows by about {growth.mean():.9g} from number to number up to "
                f"{values[-1]:.9g} = "
                f"2^{int(np.log2(values[-1]))} at number {start}, and then stands still for "
                f"{spell} numbers. A "
                f"{series.dtype} sum stops there when what is added is at most "
                f"{half_ulp(values[-1], series.dtype):.9g}; if its parts were not zero from then "
                "on, they were lost.",
                verdict=Verdict.SUSPECT,
                observed=float(values[-1]),
                cause=noticed.SUM_STALLED_AT_POWER_OF_TWO.name,
                remedy="Sum in float64, or with `lossaudit.ExactSum()`, and start anew in every "
                "epoch.",
                **place_of(series, start),
            )


def check_stalled_means(recording: Recording) -> Iterator[Finding]:
    """LA508: a running mean falls as 1/n, because the sum under it stands still at a power of two."""
    for series in (one for one in recording.series if one.is_loss):
        if series.covers == "epoch" or len(series) < 2 ** PRECISIONS[series.dtype]:
            continue
        part = _longest_epoch(series)
        rows = np.cumsum(np.ones(len(part)) if part.weights is None else part.weights)
        totals, errors = (
            rows * part.values,
            rows * (half_ulp(part.values, part.dtype) + decimals_bound(part.decimals)),
        )
        moving = np.flatnonzero(~(np.abs(totals - totals[-1]) <= errors + errors[-1]))
        start = int(moving[-1]) + 1 if len(moving) else 0
        power = 2.0 ** np.rint(np.log2(totals[-1])) if totals[-1] > 0 else np.inf
        # A sum of n like parts can stall from 2^p of them on, for p bits of the float.
        if (
            abs(totals[-1] - power) > errors[-1]
            or start < 2 ** (PRECISIONS[part.dtype] - 1)
            or start > len(part) / 2
        ):
            continue
        yield about(
            STALLED,
            series,
            f"from number {start} of an epoch on, the running mean times its count is {power:g} = "
            f"2^{np.log2(power):.0f} for {len(part) - start} numbers: the sum stands still while "
            "the count grows. If "
            f"the losses were not zero from then on, a {part.dtype} sum has lost them.",
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
    return value > 0 and float(np.frexp(value)[0]) == 0.5


def check_nan(recording: Recording) -> Iterator[Finding]:
    """LA510: a mean forgot NaN, or NaN stand in a block between numbers."""
    forgotten = set()
    for pair in pairs(recording):
        dropped = _dropped_by_epoch_value(pair.batches, pair.epochs, pair.starts, pair.ends)
        raw = pair.batches.covers == "batch" and pair.complete and not pair.ends_in_epoch_value
        if raw and dropped is not None and _of_one_run(recording, pair):
            forgotten.add(id(pair.batches))
            yield _forgotten_by_epoch(pair.batches, pair.epochs, *dropped)
    for series in (one for one in recording.series if one.is_loss):
        nan = np.isnan(series.values)
        if not nan.any() or nan.all():
            continue
        if series.covers == "epoch_so_far":
            yield from _finite_again(series, nan)
        elif id(series) not in forgotten:
            yield from _blocks(series, nan)


def _of_one_run(recording: Recording, pair: Pair) -> bool:
    """Whether the two logs are of the same file, or there is no other that they could belong to."""
    same = recording.select(tag=pair.batches.tag, split=pair.batches.split)
    runs = sum(one.covers == "epoch" for one in same), sum(one.covers == "batch" for one in same)
    return runs == (1, 1) or pair.batches.file == pair.epochs.file != ""


def _dropped_by_epoch_value(
    batches: Series, epochs: Series, starts: NDArray[Any], ends: NDArray[Any]
) -> tuple[int, int] | None:
    """The first epoch with a finite value, and its batch of which the loss is NaN."""
    counts = np.append(0, np.cumsum(np.isnan(batches.values)))
    found = np.flatnonzero(
        (ends >= 0) & (counts[ends + 1] > counts[starts]) & np.isfinite(epochs.values)
    )
    if not len(found):
        return None
    epoch = int(found[0])
    return epoch, int(
        starts[epoch] + np.argmax(np.isnan(batches.values[starts[epoch] : ends[epoch] + 1]))
    )


def _forgotten_by_epoch(batches: Series, epochs: Series, epoch: int, at: int) -> Finding:
    axis = epochs.axis
    number = epoch if axis is None else int(axis[epoch])
    return about(
        NAN,
        epochs,
        f"epoch {number} has the value {epochs.values[epoch]:.9g}, but the value of its batch at "
        f"position {at} is NaN. "
        "The mean of the epoch leaves NaN out, or NaN stands for batches that were not logged.",
        epoch=number,
        observed=float(epochs.values[epoch]),
        expected=float("nan"),
        **noticed.NAN_DROPPED_FROM_MEAN.cited(),
    )


def _finite_again(series: Series, nan: NDArray[np.bool_]) -> Iterator[Finding]:
    """A running mean that was NaN is NaN up to the end of its epoch."""
    if series.epochs is None:
        return
    same = (np.diff(series.epochs) == 0) & nan[:-1] & np.isfinite(series.values[1:])
    found = np.flatnonzero(same) + 1
    if len(found):
        at = int(found[0])
        yield about(
            NAN,
            series,
            f"the mean of epoch {series.epochs[at]} so far is NaN at position {at - 1} and "
            f"{series.values[at]:.9g} "
            "at the next: a mean that holds NaN stays NaN, so NaN was dropped from it, or stands "
            "for what was not "
            "logged.",
            observed=float(series.values[at]),
            expected=float("nan"),
            **noticed.NAN_DROPPED_FROM_MEAN.cited(),
            **{"epoch": int(series.epochs[at])} | place_of(series, at),
        )


def _blocks(series: Series, nan: NDArray[np.bool_]) -> Iterator[Finding]:
    """Several NaN in a row between finite numbers, but for epochs without validation."""
    finite = np.flatnonzero(~nan)
    gaps = np.diff(finite)
    long = np.flatnonzero(gaps == gaps.max(initial=0))[:1]
    regular = len(np.unique(np.diff(finite, prepend=-1))) == 1 or len(np.unique(gaps)) == 1
    if gaps.max(initial=0) <= _SPELL or regular:
        return
    start, end = int(finite[long[0]]) + 1, int(finite[long[0] + 1]) - 1
    yield about(
        NAN,
        series,
        f"the numbers at positions {start} to {end} are NaN, and finite before and after. A model "
        "whose weights have "
        "become NaN does not recover: either its updates were skipped there, as loss scaling "
        "does, or nothing was "
        "logged.",
        verdict=Verdict.SUSPECT if end - start + 1 >= _LONG_SPELL else Verdict.UNDECIDABLE,
        observed=float("nan"),
        **noticed.NAN_BETWEEN_NUMBERS.cited(),
        **place_of(series, start),
    )


CURVE_CHECKS = (check_copies, check_stalls, check_stalled_means, check_nan)
