"""Pairing: finds which batch values of a log lead to which of its epoch values."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import gcd

import numpy as np

from lossaudit.arithmetic.arrays import Ints
from lossaudit.auditing.alone.axis import distances
from lossaudit.auditing.alone.pair import NOWHERE, Pair
from lossaudit.recording.recording import Recording
from lossaudit.recording.series import Series, epoch_ends, epoch_starts


def pairs_by_index(recording: Recording) -> dict[tuple[int, int], tuple[Pair, ...]]:
    """Every batch series of a loss with every epoch series of its tag and split that fits it.

    Returns:
        The pairs by the indices of the two series in the recording: one pair for each session,
        none where the sessions do not fit.
    """
    found = {}
    for index, batches in enumerate(recording.series):
        if batches.covers == "epoch" or not len(batches) or not batches.is_loss:
            continue
        for other, epochs in enumerate(recording.series):
            if epochs.covers == "epoch" and (epochs.tag, epochs.split) == (
                batches.tag,
                batches.split,
            ):
                found[index, other] = tuple(_of_each_session(batches, epochs))
    return found


def _of_each_session(batches: Series, epochs: Series) -> Iterator[Pair]:
    first, second = _sessions(batches), _sessions(epochs)
    if len(first) == len(second):
        for one, other in zip(first, second, strict=True):
            yield from _paired(one, other)


def _sessions(series: Series) -> list[Series]:
    """The parts of a log between which its steps or epochs start anew."""
    axis = series.axis
    back = (
        np.zeros(0, int)
        if axis is None or len(axis) == 0
        else np.flatnonzero(np.diff(axis) < 0) + 1
    )
    if series.covers != "epoch" and series.epochs is not None:
        # Steps may be counted within each epoch, so that only the epochs tell a new session.
        back = np.flatnonzero(np.diff(series.epochs) < 0) + 1
    edges = [0, *back.tolist(), len(series)]
    return (
        [series.take(slice(start, end)) for start, end in pairwise(edges)]
        if len(back)
        else [series]
    )


def _paired(batches: Series, epochs: Series) -> Iterator[Pair]:
    if not len(batches) or not len(epochs):
        return
    # The surest sign first: epochs in the log, then steps; last, epochs of equal length.
    if batches.epochs is not None:
        yield from _by_epoch(batches, epochs)
    elif batches.steps is not None and _spacing(batches.steps) > 1:
        yield from _by_step(batches, epochs)
    # A missing epoch would move all later ones by its length.
    elif len(batches) % len(epochs) == 0 and _goes_on(epochs):
        length = len(batches) // len(epochs)
        starts = np.arange(len(epochs)) * length
        yield _pair(batches, epochs, starts, starts + length - 1, complete=True)


def _pair(batches: Series, epochs: Series, starts: Ints, ends: Ints, *, complete: bool) -> Pair:
    weights = np.ones(len(batches)) if batches.weights is None else batches.weights
    sums = np.cumsum(weights)
    begins = np.sort(starts[starts != NOWHERE])
    # Rows before each epoch, subtracted from the running sum instead of summing epoch by epoch.
    before = sums[begins] - weights[begins]
    group = np.searchsorted(begins, np.arange(len(batches)), side="right") - 1
    so_far = sums - np.where(group < 0, 0.0, before[np.maximum(group, 0)])
    return Pair(batches, epochs, ends.astype(np.int64), starts.astype(np.int64), so_far, complete)


def _by_epoch(batches: Series, epochs: Series) -> Iterator[Pair]:
    """The log says which epoch each batch value is from."""
    assert batches.epochs is not None
    starts = np.flatnonzero(epoch_starts(batches.epochs))
    ends = np.flatnonzero(epoch_ends(batches.epochs))
    labels, axis = batches.epochs[starts], epochs.axis
    if axis is None and len(starts) != len(epochs):
        return
    rows = np.arange(len(starts)) if axis is None else _places(labels, axis)
    if rows is None or np.all(rows == NOWHERE):
        return
    gaps = (
        # From epoch to epoch the steps may start anew, so those distances tell nothing.
        np.zeros(0) if batches.steps is None else np.delete(np.diff(batches.steps), starts[1:] - 1)
    )
    found = rows != NOWHERE
    starts, ends = np.where(found, starts[rows], NOWHERE), np.where(found, ends[rows], NOWHERE)
    yield _pair(batches, epochs, starts, ends, complete=bool(np.all(gaps == 1)))


def _places(labels: Ints, axis: Ints) -> Ints | None:
    """The index of each of `axis` among the labels; None if one of either occurs twice."""
    order = np.argsort(labels, kind="stable")
    if np.any(np.diff(labels[order]) == 0) or len(np.unique(axis)) < len(axis):
        return None
    places = np.minimum(np.searchsorted(labels, axis, sorter=order), len(labels) - 1)
    return np.where(labels[order[places]] == axis, order[places], NOWHERE)


def _by_step(batches: Series, epochs: Series) -> Iterator[Pair]:
    """Only some steps were logged: try each number of batches that an epoch may have.

    The right number makes the last batch value of each epoch the epoch's value.
    """
    axis = epochs.axis
    assert batches.steps is not None
    if axis is None or axis[0] < 0:
        return
    # From here on a step is the count of batches done: the last of epoch k is (k + 1) · length.
    steps = batches.steps + (1 if batches.steps[0] == 0 else 0)
    spacing, last, every = _spacing(batches.steps), int(axis[-1]) + 1, _every(axis)
    # Up to one spacing of batches may have followed the last logged one; 1000 bounds the search.
    totals = range(int(steps[-1]), int(steps[-1]) + min(spacing, 1000))
    lengths = sorted(
        {total // n for n in range(last, last + every) for total in totals if total % n == 0}
    )
    for length in lengths:
        places = np.minimum(np.searchsorted(steps, (axis + 1) * length), len(steps) - 1)
        found = steps[places] == (axis + 1) * length
        starts = np.where(found, np.searchsorted(steps, axis * length, side="right"), NOWHERE)
        so_far = ((steps - 1) % length + 1).astype(np.float64)
        pair = Pair(
            batches, epochs, np.where(found, places, NOWHERE), starts, so_far, False, len(lengths)
        )
        if pair.ends_in_epoch_value:
            yield pair
            return


def _every(axis: Ints) -> int:
    """One epoch in how many was logged; 1 if that is irregular."""
    # A program that logs one epoch in k begins with epoch k - 1, which is k after -1.
    gaps = np.diff(axis, prepend=-1)
    return int(gaps[0]) if np.all(gaps == gaps[0]) and gaps[0] > 0 else 1


def _spacing(steps: Ints) -> int:
    """The greatest common divisor of the distances between steps."""
    return gcd(*distances(steps).tolist()) or 1


def _goes_on(epochs: Series) -> bool:
    """Whether no epoch is missing; epoch values may also be at the steps that end the epochs."""
    axis = epochs.axis
    gaps = np.zeros(0) if axis is None else distances(axis)
    return len(gaps) == 0 or (len(gaps) == 1 and (epochs.epochs is None or gaps[0] == 1))
