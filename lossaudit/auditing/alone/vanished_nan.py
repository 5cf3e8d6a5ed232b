"""NaN that a mean forgot, and blocks of NaN between numbers: LA510."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lossaudit.auditing.alone.axis import finding_about, place_of
from lossaudit.auditing.alone.log import Log
from lossaudit.auditing.alone.log_check import log_check
from lossaudit.auditing.alone.pair import Pair
from lossaudit.predictions.mistakes import noticed
from lossaudit.recording.series import Series
from lossaudit.report.findings import Finding
from lossaudit.report.verdict import Verdict
from lossaudit.rules.log_files import NAN

_SPELL = 3
"""NaN in a row that may be spikes; only longer blocks are reported."""
_LONG_SPELL = 10
"""NaN in a row that are unlikely to be those of single batches."""


@log_check(NAN)
def check_nan(log: Log) -> Iterator[Finding]:
    """A mean forgot NaN, or there is a block of NaN between numbers."""
    forgotten = set()
    for pair in log.pairs:
        dropped = _dropped_by_epoch_value(pair)
        # If the log skips batches, NaN may stand for what was not logged.
        raw = pair.batches.covers == "batch" and pair.complete and not pair.ends_in_epoch_value
        if raw and dropped is not None and _of_one_run(log, pair):
            # A series has no value to compare by. Its id is safe: the log keeps the pair alive.
            forgotten.add(id(pair.batches))
            yield _forgotten_by_epoch(pair.batches, pair.epochs, *dropped)
    for series in log.losses:
        nan = np.isnan(series.values)
        if not nan.any() or nan.all():
            continue
        if series.covers == "epoch_so_far":
            yield from _finite_again(series, nan)
        elif id(series) not in forgotten:
            yield from _blocks(series, nan)


def _of_one_run(log: Log, pair: Pair) -> bool:
    """Whether both series are of one file, or the log has no other that they could belong to."""
    same = log.recording.select(tag=pair.batches.tag, split=pair.batches.split)
    runs = sum(one.covers == "epoch" for one in same), sum(one.covers == "batch" for one in same)
    return runs == (1, 1) or pair.batches.file == pair.epochs.file != ""


def _dropped_by_epoch_value(pair: Pair) -> tuple[int, int] | None:
    """The first finite epoch value with a NaN batch, as index of the epoch and of the batch."""
    starts, ends = pair.starts, pair.ends
    nan = np.isnan(pair.batches.values)
    # Differences of running counts give the NaN of every epoch at once, without a loop.
    counts = np.append(0, np.cumsum(nan))
    found = np.flatnonzero(
        (ends >= 0) & (counts[ends + 1] > counts[starts]) & np.isfinite(pair.epochs.values)
    )
    if not len(found):
        return None
    epoch = int(found[0])
    return epoch, int(starts[epoch] + np.argmax(nan[starts[epoch] : ends[epoch] + 1]))


def _forgotten_by_epoch(batches: Series, epochs: Series, epoch: int, at: int) -> Finding:
    axis = epochs.axis
    number = epoch if axis is None else int(axis[epoch])
    return finding_about(
        NAN,
        epochs,
        f"epoch {number} has the value {epochs.values[epoch]:.9g}, but the value of its batch at "
        f"position {at} is NaN. The mean of the epoch leaves NaN out, or NaN was written for "
        "batches that were not logged.",
        epoch=number,
        observed=float(epochs.values[epoch]),
        expected=float("nan"),
        **noticed.NAN_DROPPED_FROM_MEAN.cited(),
    )


def _finite_again(series: Series, nan: NDArray[np.bool_]) -> Iterator[Finding]:
    """A running mean is finite after NaN, although it must stay NaN to the end of its epoch."""
    if series.epochs is None:
        return
    same = (np.diff(series.epochs) == 0) & nan[:-1] & np.isfinite(series.values[1:])
    found = np.flatnonzero(same) + 1
    if len(found):
        at = int(found[0])
        yield finding_about(
            NAN,
            series,
            f"the running mean of epoch {series.epochs[at]} is NaN at position {at - 1} and "
            f"{series.values[at]:.9g} at the next. A mean with NaN in it stays NaN: either NaN "
            "was dropped from it, or NaN was written for what was not logged.",
            observed=float(series.values[at]),
            expected=float("nan"),
            **noticed.NAN_DROPPED_FROM_MEAN.cited(),
            **{"epoch": int(series.epochs[at])} | place_of(series, at),
        )


def _blocks(series: Series, nan: NDArray[np.bool_]) -> Iterator[Finding]:
    """Several NaN in a row between finite numbers, unless NaN recur at regular distances.

    Regular NaN are those of epochs without validation.
    """
    finite = np.flatnonzero(~nan)
    gaps = np.diff(finite)
    long = np.flatnonzero(gaps == gaps.max(initial=0))[:1]
    # With -1 in front, a log that begins with NaN is regular too: `validation_freq=2` gives that.
    regular = len(np.unique(np.diff(finite, prepend=-1))) == 1 or len(np.unique(gaps)) == 1
    if gaps.max(initial=0) <= _SPELL or regular:
        return
    start, end = int(finite[long[0]]) + 1, int(finite[long[0] + 1]) - 1
    yield finding_about(
        NAN,
        series,
        f"the numbers at positions {start} to {end} are NaN, and finite before and after. A model "
        "does not recover once its weights are NaN: either its updates were skipped there, as "
        "loss scaling does, or nothing was logged.",
        verdict=Verdict.SUSPECT if end - start + 1 >= _LONG_SPELL else Verdict.UNDECIDABLE,
        observed=float("nan"),
        **noticed.NAN_BETWEEN_NUMBERS.cited(),
        **place_of(series, start),
    )
