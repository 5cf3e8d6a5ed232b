"""Whether the batch values of a log agree with its epoch values."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lossaudit.arithmetic.arrays import Floats
from lossaudit.auditing.alone.axis import about, place_of
from lossaudit.auditing.alone.pairing import pairs
from lossaudit.auditing.alone.pairs import Pair
from lossaudit.recording.recording import Recording
from lossaudit.report.findings import Finding
from lossaudit.rules.log_files import FOLLOWS, RUNNING

_RUNNING, _LAST = "running-mean-read-as-batch-loss", "last-batch-shown-as-epoch"


def check_running_means(recording: Recording) -> Iterator[Finding]:
    """LA501: the batch values end in the epoch's value, and are no batch losses of which that is
    the mean.
    """
    for pair in pairs(recording):
        if pair.batches.covers == "batch" and _ends_wrongly(pair):
            yield _running(pair)


def _ends_wrongly(pair: Pair) -> bool:
    return pair.ends_in_epoch_value and pair.no_coincidence and pair.hardly_follow


def _running(pair: Pair) -> Finding:
    series, at = pair.batches, int(np.argmax(_distance(pair)))
    causes = _causes(pair)
    mean = (
        f", but the mean of its {pair.lengths[at]} batch values is {pair.mean[at]:.9g}"
        if pair.complete
        else ""
    )
    counted = "the only epoch" if len(pair.value) == 1 else f"each of {len(pair.value)} epochs"
    end = int(pair.ends[pair.judged][at])
    return about(
        RUNNING,
        series,
        f"the last batch value of {counted} is the value of the epoch: for example "
        f"{pair.last[at]:.9g} at position "
        f"{end}{mean}. {_reading(pair, causes)}",
        epoch=_epoch(pair, at),
        observed=float(pair.last[at]),
        cause=causes[0],
        causes=causes,
        remedy="Take the batch losses from `lossaudit.keras.LossRecorder()`; "
        "`lossaudit.logs.recovered(series)` gives "
        "those that went into a running mean, with their errors.",
        **place_of(series, end),
    )


def _distance(pair: Pair) -> Floats:
    """How far the epoch's value is from the mean of its batch values."""
    return np.abs(pair.value - pair.mean) if pair.complete else np.zeros(len(pair.value))


def _causes(pair: Pair) -> tuple[str, ...]:
    """Which of the two mistakes it is; both where the numbers do not tell."""
    if pair.recovered_negative is not None:
        return (_LAST,)
    return (_RUNNING,) if pair.shrinks else (_RUNNING, _LAST)


def _reading(pair: Pair, causes: tuple[str, ...]) -> str:
    running = "the batch values are the mean of the epoch so far, not the loss of each batch"
    last = "the value of the epoch is the loss of its last batch"
    if causes == (_RUNNING,):
        return f"Their changes shrink along the epoch, as those of a mean that begins anew in each must: {running}."
    if causes == (_LAST,):
        return (
            "As a running mean they would need a negative batch loss at position "
            f"{pair.recovered_negative}, where "
            f"none is negative: {last}."
        )
    return f"Either {running}, or {last}. More batches and epochs would tell them apart."


def check_means(recording: Recording) -> Iterator[Finding]:
    """LA502: the epoch's value is the mean of its batch values in another way than it should be."""
    for pair in pairs(recording):
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
    return about(
        FOLLOWS,
        pair.epochs,
        f"epoch {_epoch(pair, at)} has the value {pair.value[at]:.9g}, but its {pair.lengths[at]} "
        "batch values average "
        f"{pair.mean[at]:.9g} weighted by rows (bound {pair.bound[at]:.2g}). It is their "
        "unweighted mean.",
        epoch=_epoch(pair, at),
        observed=float(pair.value[at]),
        expected=float(pair.mean[at]),
        bound=float(pair.bound[at]),
        cause="short-last-batch-counted-as-full",
        remedy="Weight each batch by its rows: `mean.update_state(loss, sample_weight=len(x))`.",
    )


def _raw(pair: Pair) -> Finding:
    at = int(np.argmax(np.abs(pair.value - pair.last)))
    return about(
        FOLLOWS,
        pair.batches,
        f"the last running mean of epoch {_epoch(pair, at)} is {pair.last[at]:.9g}, but the "
        "epoch's value is "
        f"{pair.value[at]:.9g}, which is the mean of its {pair.lengths[at]} values: they are "
        "losses of batches.",
        epoch=_epoch(pair, at),
        observed=float(pair.last[at]),
        expected=float(pair.value[at]),
        bound=float(pair.bound[at]),
        cause="batch-loss-read-as-running-mean",
        remedy="Average what you show: `mean.update_state(loss, sample_weight=len(x)); "
        "mean.result()`.",
    )


def _epoch(pair: Pair, at: int) -> int:
    """The number of the judged epoch at a place among them."""
    row, axis = int(np.flatnonzero(pair.judged)[at]), pair.epochs.axis
    return row if axis is None or pair.epochs.epochs is None else int(axis[row])
