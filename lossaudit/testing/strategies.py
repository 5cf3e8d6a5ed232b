"""Hypothesis strategies: losses, weights, updates, schedules, recordings, planted mistakes.

All are shaped like training runs: batches of equal size, a short last batch, several epochs. A
failing example is printed as the call that makes it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial

import numpy as np
from hypothesis import strategies as st

from lossaudit.recording.names import Split
from lossaudit.recording.recording import Recording
from lossaudit.recording.series import Series
from lossaudit.testing.faults import FAULTS, Fault
from lossaudit.testing.schedules import Schedule, Updates

NON_FINITE = (math.nan, math.inf, -math.inf)


def losses(*, finite: bool = True) -> st.SearchStrategy[float]:
    """Return batch losses, float32 from 2^-10 to 1024; also NaN, ±infinity unless `finite`."""
    usual = st.floats(2.0**-10, 1024.0, width=32)
    return usual if finite else usual | st.sampled_from(NON_FINITE)


@st.composite
def weights(draw: st.DrawFn, *, most: int = 12, largest: int = 64) -> tuple[int, ...]:
    """The rows of each batch of an epoch: all equal, except that the last may be smaller."""
    batch_size = draw(st.integers(2, largest), label="batch size")
    full = draw(st.integers(1, most - 1), label="full batches")
    last = draw(st.integers(0, batch_size - 1), label="rows of the last batch")
    return (*[batch_size] * full, *([last] if last else []))


@st.composite
def batches(draw: st.DrawFn, *, finite: bool = True, most: int = 12, largest: int = 64) -> Updates:
    """The losses and rows of an epoch as updates; unless `finite`, one loss is NaN or infinite."""
    rows = draw(weights(most=most, largest=largest))
    values = draw(st.lists(losses(), min_size=len(rows), max_size=len(rows)))
    if not finite:
        place = draw(st.integers(0, len(rows) - 1), label="where it is not finite")
        values[place] = draw(st.sampled_from(NON_FINITE))
    return Updates(tuple(values), rows)


@st.composite
def schedules(
    draw: st.DrawFn,
    *,
    epochs: tuple[int, int] = (1, 3),
    validation: bool = False,
    weighted: bool = False,
    steps_per_execution: Iterable[int] = (1,),
    odd: bool = False,
    stopped: bool = False,
) -> Schedule:
    """A training of several batches, usually with a short last one.

    Args:
        draw: passed by Hypothesis.
        epochs: smallest and largest number of epochs.
        validation: whether each epoch ends with an evaluation.
        weighted: whether rows have sample weights.
        steps_per_execution: values to choose from.
        odd: whether one batch has a loss that is NaN or infinite.
        stopped: whether the training is stopped early.
    """
    # Hypothesis shrinks towards the first value: four rows, then two, are the easiest to read.
    batch_size = draw(st.sampled_from([4, 2, 8]))
    shorter = [size for size in (2, 1, 4) if size < batch_size]
    full, last = draw(st.integers(2, 5)), draw(st.sampled_from([*shorter, 0]))
    rows = full * batch_size + last
    number = full + bool(last)
    count = draw(st.integers(*epochs))
    held_out = batch_size * draw(st.integers(1, 2)) + shorter[0] if validation else 0
    return Schedule(
        rows,
        batch_size,
        count,
        held_out,
        weighted,
        draw(st.sampled_from(list(steps_per_execution))),
        (draw(st.integers(0, number - 1)), draw(st.sampled_from(NON_FINITE[:2]))) if odd else None,
        draw(st.integers(0, number * count - 2)) if stopped else None,
        draw(st.integers(0, 99)),
    )


@st.composite
def recordings(draw: st.DrawFn, *, validation: bool = True, finite: bool = True) -> Recording:
    """The recording of a run: losses and rows of each batch of several epochs."""
    epochs = draw(st.integers(1, 4), label="epochs")
    parts = [_split(draw, "train", epochs, finite)]
    return Recording([*parts, _split(draw, "validation", epochs, True)] if validation else parts)


def _split(draw: st.DrawFn, split: Split, epochs: int, finite: bool) -> Series:
    rows = draw(weights())
    number = len(rows) * epochs
    values = draw(st.lists(losses(finite=finite), min_size=number, max_size=number))
    return Series(
        values,
        split=split,
        weights=rows * epochs,
        epochs=np.repeat(range(epochs), len(rows)),
        steps=range(number),
    )


@st.composite
def faulty_recordings(
    draw: st.DrawFn, *, faults: Iterable[str] | None = None
) -> tuple[Fault, Recording, Series]:
    """A mistake, a true recording, and the log of a program with that mistake.

    Args:
        draw: passed by Hypothesis.
        faults: names of `lossaudit.testing.faults.FAULTS` to choose from; all if None.
    """
    fault = FAULTS[draw(st.sampled_from(sorted(FAULTS if faults is None else faults)))]
    planted = draw(
        recordings().map(partial(_planted, fault)).filter(lambda pair: pair[1] is not None)
    )
    truth, logged = planted
    assert logged is not None
    return fault, truth, logged


def _planted(fault: Fault, recording: Recording) -> tuple[Recording, Series | None]:
    return recording, fault.plant(recording)
