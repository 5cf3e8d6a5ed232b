"""Whether the batch values of a log agree with its epoch values: LA501, LA502."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lossaudit.arithmetic.arrays import Floats
from lossaudit.auditing.alone.axis import finding_about, place_of
from lossaudit.auditing.alone.log import Log
from lossaudit.auditing.alone.log_check import log_check
from lossaudit.auditing.alone.pair import Pair
from lossaudit.predictions.mistakes.mistake import MISTAKES
from lossaudit.report.findings import Finding
from lossaudit.rules.log_files import FOLLOWS, RUNNING

_RUNNING, _LAST = "running-mean-read-as-batch-loss", "last-batch-shown-as-epoch"


@log_check(RUNNING)
def check_running_means(log: Log) -> Iterator[Finding]:
    """The last batch value is the epoch's value, and the epoch's value is no mean of batches."""
    for pair in log.pairs:
        if pair.batches.covers == "batch" and _ends_wrongly(pair):
            yield _running(pair)


def _ends_wrongly(pair: Pair) -> bool:
    return pair.ends_in_epoch_value and pair.no_coincidence and pair.hardly_follow


def _running(pair: Pair) -> Finding:
    series, at = pair.batches, int(np.argmax(_distance(pair)))
    causes = _causes(pair)
    mean = (
        f", but its {pair.lengths[at]} batch values average {pair.mean[at]:.9g}"
        if pair.complete
        else ""
    )
    counted = "the only epoch" if len(pair.value) == 1 else f"each of {len(pair.value)} epochs"
    end = int(pair.ends[pair.judged][at])
    return finding_about(
        RUNNING,
        series,
        f"the last batch value of {counted} is also the epoch's value: for example "
        f"{pair.last[at]:.9g} at position {end}{mean}. {_explanation(pair, causes)}",
        epoch=_epoch(pair, at),
        observed=float(pair.last[at]),
        cause=causes[0],
        causes=causes,
        remedy="Take the batch losses from `lossaudit.keras.LossRecorder()`. "
        "`lossaudit.logs.recovered(series)` recovers those that went into a running mean, "
        "with their errors.",
        **place_of(series, end),
    )


def _distance(pair: Pair) -> Floats:
    """How far the epoch's value is from the mean of its batch values."""
    return np.abs(pair.value - pair.mean) if pair.complete else np.zeros(len(pair.value))


def _causes(pair: Pair) -> tuple[str, ...]:
    """Which of the two mistakes it is; both if the numbers do not tell."""
    if pair.recovered_negative is not None:
        return (_LAST,)
    return (_RUNNING,) if pair.shrinks else (_RUNNING, _LAST)


def _explanation(pair: Pair, causes: tuple[str, ...]) -> str:
    running = "the batch values are running means of their epoch, not batch losses"
    last = "the epoch's value is the loss of its last batch"
    if causes == (_RUNNING,):
        return (
            "The batch values change less and less along each epoch, as a mean that starts anew "
            f"in each epoch does: {running}."
        )
    if causes == (_LAST,):
        return (
            "If they were running means, the batch at position "
            f"{pair.recovered_negative} would have a negative loss, but no value is negative: "
            f"{last}."
        )
    return f"Either {running}, or {last}. More batches and epochs would tell which."


@log_check(FOLLOWS)
def check_means(log: Log) -> Iterator[Finding]:
    """The epoch's value is the mean of its batch values, but not the mean that it should be."""
    for pair in log.pairs:
        if not pair.complete or not len(pair.value) or pair.ends_in_epoch_value:
            continue
        alike = np.abs(pair.plain_mean - pair.value) <= pair.bound
        if pair.batches.covers == "epoch_so_far":
            if pair.follows and not pair.leads_to_epoch_value:
                yield _raw(pair)
        elif pair.batches.weights is not None and not pair.follows and np.all(alike):
            yield _unweighted(pair)


def _unweighted(pair: Pair) -> Finding:
    at = int(np.argmax(np.abs(pair.value - pair.mean)))
    return finding_about(
        FOLLOWS,
        pair.epochs,
        f"epoch {_epoch(pair, at)} has the value {pair.value[at]:.9g}, but its {pair.lengths[at]} "
        f"batch values average {pair.mean[at]:.9g} weighted by rows (bound {pair.bound[at]:.2g}). "
        "The logged value is their unweighted mean.",
        epoch=_epoch(pair, at),
        observed=float(pair.value[at]),
        expected=float(pair.mean[at]),
        bound=float(pair.bound[at]),
        **MISTAKES["short-last-batch-counted-as-full"].cited(),
    )


def _raw(pair: Pair) -> Finding:
    at = int(np.argmax(np.abs(pair.value - pair.last)))
    return finding_about(
        FOLLOWS,
        pair.batches,
        f"the last running mean of epoch {_epoch(pair, at)} is {pair.last[at]:.9g}, but the "
        f"epoch's value is {pair.value[at]:.9g}, the mean of its {pair.lengths[at]} values. "
        "They are batch losses, not running means.",
        epoch=_epoch(pair, at),
        observed=float(pair.last[at]),
        expected=float(pair.value[at]),
        bound=float(pair.bound[at]),
        **MISTAKES["batch-loss-read-as-running-mean"].cited(),
    )


def _epoch(pair: Pair, at: int) -> int:
    """The number of a judged epoch; `at` is its index among the judged ones."""
    row, axis = int(np.flatnonzero(pair.judged)[at]), pair.epochs.axis
    return row if axis is None or pair.epochs.epochs is None else int(axis[row])
