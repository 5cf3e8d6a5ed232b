"""Alignment: which logged number belongs to which number of the truth."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lossaudit.arithmetic.arrays import Floats, Ints
from lossaudit.predictions.mistakes import places
from lossaudit.predictions.mistakes.mistake import Mistake
from lossaudit.predictions.prediction import Prediction
from lossaudit.recording.counts import counted
from lossaudit.recording.series import Series, epoch_ends, epoch_starts

NOWHERE = -1


@dataclass(frozen=True, eq=False)
class Alignment:
    """A row of the truth for each logged number.

    Args:
        rows: index into the prediction for each logged number, or NOWHERE, shape (m,).
        mistake: the mistake that moved the numbers; None where nothing moved them.
        detail: what the mistake did to this log, as a sentence.
        founded: False where some numbers have no recorded truth, so that they cannot be judged.
    """

    rows: Ints
    mistake: Mistake | None = None
    detail: str = ""
    founded: bool = True

    @property
    def placed(self) -> NDArray[np.bool_]:
        """Which logged numbers have a row of the truth, shape (m,)."""
        return self.rows != NOWHERE


def in_place(claim: Series, expected: Prediction) -> Iterator[Alignment]:
    """Yield the alignments by the log's own axis, or by position where the lengths agree.

    A resumed run trains some steps twice. A log may have their first or their last values.
    """
    axis = _axis(claim, expected)
    true = expected.epochs if expected.per == "epoch" else expected.steps
    again = _has_twins(true)
    if axis is not None and not _repeats(*axis):
        yield Alignment(_lookup(*axis))
        if again and not np.array_equal(*axis):
            yield Alignment(_lookup(*axis, last=True))
    elif axis is None and len(claim) == len(expected):
        yield Alignment(np.arange(len(claim)))
    elif axis is None and again and len(claim) == len(np.unique(true)):
        yield Alignment(_lookup(np.unique(true), true, last=True))


def side_by_side(claim: Series, expected: Prediction) -> Ints | None:
    """Return a row of the truth, or NOWHERE, for each logged number, to show both.

    Of two alignments in place it takes the one with fewer wrong numbers. A log that names a step
    twice has both numbers next to that step. None where nothing tells which number is which.
    """
    axis = _axis(claim, expected)
    found = [one.rows for one in in_place(claim, expected)]
    if not found and axis is not None:
        return _lookup(*axis)
    return min(found, key=lambda rows: int(np.sum(~agreeing(claim, expected, rows))), default=None)


def agreeing(claim: Series, expected: Prediction, rows: Ints) -> NDArray[np.bool_]:
    """Return which logged numbers have a row of the truth and match it, shape (m,)."""
    placed = rows != NOWHERE
    matching = np.zeros(len(claim), dtype=bool)
    matching[placed] = expected.take(rows[placed]).matches(claim.values[placed], claim.decimals)
    return matching


def shifted(claim: Series, expected: Prediction) -> Iterator[Alignment]:
    """Yield alignments that move every number by some places."""
    axis = _axis(claim, expected)
    if axis is not None:
        yield from _other_steps(*axis, expected)
        yield from _executions(axis[0], expected)
    elif len(claim) == len(expected):
        # Programs miscount by one or two; more offsets would only fit more logs by chance.
        for offset in (1, -1, 2, -2):
            rows = np.arange(len(claim)) - offset
            rows[(rows < 0) | (rows >= len(claim))] = NOWHERE
            if _holds_no_number(claim.values[rows == NOWHERE]):
                yield _shift(rows, offset)
            # A loss after the update is the next batch's loss only if both batches have the same
            # data.
            if (
                offset == -1
                and len(claim) > 2
                and expected.per == "batch"
                and np.all(epoch_starts(expected.epochs))
            ):
                yield _after_update(rows)


def with_gaps(claim: Series, expected: Prediction) -> Iterator[Alignment]:
    """Yield alignments of a log with too few numbers, where nothing tells which are missing."""
    missing = len(expected) - len(claim)
    if _axis(claim, expected) is not None or missing <= 0 or not len(claim):
        return
    lost = f"the log lacks {missing} of {counted(len(expected), 'number')}"
    for description, kept in _patterns(expected, len(claim)):
        yield _gap(kept, f"{lost}: {description}")
    found = _subsequence(claim, expected)
    if found is not None:
        first = np.setdiff1d(np.arange(len(expected)), found)[0]
        yield _gap(
            found,
            f"{lost}, the first at position {first}",
        )


def after_others(claim: Series, expected: Prediction) -> Iterator[Alignment]:
    """Yield alignments of a log with too many numbers: the first are older than the truth."""
    older = len(claim) - len(expected)
    if _axis(claim, expected) is None and older > 0 and len(expected):
        yield from (_repeated(rows) for rows in _repetitions(len(claim), expected))
        # A recorder that was attached late, or cleared by a new `fit`, lacks the first batches.
        rows = np.concatenate([np.full(older, NOWHERE), np.arange(len(expected))])
        older_ones = f"the first {counted(older, 'number')} of {len(claim)}"
        detail = f"nothing was recorded for {older_ones}"
        yield Alignment(rows, places.NUMBERS_WITHOUT_TRUTH, detail, founded=False)


def moved(claim: Series, expected: Prediction) -> Iterator[Alignment]:
    """Yield every alignment in which numbers are elsewhere or missing."""
    for find in (shifted, with_gaps, after_others):
        yield from find(claim, expected)


def _axis(claim: Series, expected: Prediction) -> tuple[Ints, Ints] | None:
    """The axis of the log and that of the truth."""
    if expected.per == "epoch":
        return None if claim.epochs is None else (claim.epochs, expected.epochs)
    return None if claim.steps is None else (claim.steps, expected.steps)


def _repeats(logged: Ints, true: Ints) -> bool:
    """Whether a log names a step twice that was taken once."""
    return _has_twins(logged) and not _has_twins(true)


def _has_twins(steps: Ints) -> bool:
    """Whether a step occurs twice."""
    # Rising steps, the usual case, need no sort.
    return not np.all(np.diff(steps) > 0) and len(np.unique(steps)) < len(steps)


def _lookup(logged: Ints, true: Ints, last: bool = False) -> Ints:
    """The first or the last row of the truth with each logged step or epoch."""
    if np.array_equal(logged, true):
        return np.arange(len(true))
    # Stable, so that of equal steps the one that was trained first stays first.
    order = np.argsort(true, kind="stable")
    found = np.searchsorted(true, logged, sorter=order, side="right" if last else "left") - int(
        last
    )
    rows = order[np.clip(found, 0, len(true) - 1)]
    return np.where(true[rows] == logged, rows, NOWHERE)


def _other_steps(logged: Ints, true: Ints, expected: Prediction) -> Iterator[Alignment]:
    """Yield alignments of a log whose axis starts elsewhere or counts something else."""
    offsets = [int(logged[0] - true[0]), 1, -1] if len(logged) else []
    for offset in dict.fromkeys(offset for offset in offsets if offset):
        yield _shift(_lookup(logged - offset, true), offset)
    rows = _lookup(logged, true)
    if _repeats(logged, true) and len(np.unique(rows[rows != NOWHERE])) < np.sum(rows != NOWHERE):
        yield _repeated(rows)
    if len(logged) == len(true) and np.any(np.diff(logged - true)):
        first = int(np.flatnonzero(logged != true)[0])
        yield Alignment(
            np.arange(len(true)),
            _miscounted(logged, expected),
            f"the numbers are in order, but from position {first} on they stand at step "
            f"{logged[first]} "
            f"where the truth has step {true[first]}",
        )


def _miscounted(logged: Ints, expected: Prediction) -> Mistake:
    """The mistake in an axis that is in order but is not that of the truth."""
    begins = epoch_starts(expected.epochs)
    starts, epoch = np.flatnonzero(begins), np.cumsum(begins) - 1
    of_epoch = logged[starts]
    lengths = np.diff(of_epoch)
    # What `epoch * steps_per_epoch + batch` gives if some epochs have other lengths.
    as_computed = of_epoch[epoch] + np.arange(len(logged)) - starts[epoch]
    if (
        len(lengths)
        and lengths[0] > 0
        and np.all(lengths == lengths[0])
        and np.array_equal(logged, as_computed)
    ):
        return places.EPOCHS_COUNTED_OF_EQUAL_LENGTH
    return places.STEPS_RESTARTED if np.any(np.diff(logged) <= 0) else places.STEPS_SHIFTED


def _executions(logged: Ints, expected: Prediction) -> Iterator[Alignment]:
    """Yield alignments of steps that count the numbers, of which one covers several batches."""
    n = len(logged)
    if (
        # TensorBoard counts the calls of its hook from 1, other programs count them from 0.
        1 < n < len(expected)
        and np.array_equal(logged, logged[0] + np.arange(n))
        and logged[0] - expected.steps[0] in (0, 1)
    ):
        for description, kept in _patterns(expected, n):
            yield Alignment(
                kept,
                places.EXECUTIONS_COUNTED_FOR_BATCHES,
                f"steps {logged[0]} to {logged[-1]} count the numbers, of which {n} were logged "
                f"for {len(expected)} "
                f"batches: missing are {description}",
            )


def _repetitions(length: int, expected: Prediction) -> Iterator[Ints]:
    """Yield the regular ways in which programs log numbers twice."""
    rows = np.arange(len(expected))
    first, last = epoch_starts(expected.epochs), epoch_ends(expected.epochs)
    times = length // len(rows)
    # Two loggers in one hook repeat each number; a file that was written twice repeats all.
    patterns = [np.repeat(rows, times), np.tile(rows, times)]
    patterns += [np.sort(np.append(rows, rows[some])) for some in (last, first, last | first)]
    patterns += [
        np.append(rows, rows[-(length - len(rows)) :]),
        np.append(rows[: length - len(rows)], rows),
    ]
    yield from {one.tobytes(): one for one in patterns if len(one) == length}.values()


def _repeated(rows: Ints) -> Alignment:
    times = np.bincount(rows[rows != NOWHERE])
    several = counted(int((times > 1).sum()), "number")
    detail = f"the log repeats {several}, the first at place {int(np.argmax(times > 1))}"
    return Alignment(rows, places.BATCHES_REPEATED, detail)


def _after_update(rows: Ints) -> Alignment:
    detail = "each number is the loss after the update, with which the next step begins"
    return Alignment(rows, places.LOSS_AFTER_UPDATE, detail)


def _shift(rows: Ints, offset: int) -> Alignment:
    direction, count = "later" if offset > 0 else "earlier", abs(offset)
    by = f"{count} {'place' if count == 1 else 'places'} {direction}"
    return Alignment(
        rows, places.STEPS_SHIFTED, f"each number is logged {by} than it was measured"
    )


def _gap(kept: Ints, detail: str) -> Alignment:
    return Alignment(kept, places.BATCHES_MISSING, detail)


def _holds_no_number(values: Floats) -> bool:
    """Whether the empty places of a shift have what programs put there: zero or NaN."""
    return bool(np.all(np.isnan(values) | (values == 0)))


def _patterns(expected: Prediction, length: int) -> Iterator[tuple[str, Ints]]:
    """Yield the regular ways in which programs lose numbers, if they leave that many."""
    rows = np.arange(len(expected))
    first, last = epoch_starts(expected.epochs), epoch_ends(expected.epochs)
    batch = rows - np.maximum.accumulate(np.where(first, rows, 0))
    patterns = [
        ("the last ones", rows < length),
        ("the first ones", rows >= len(rows) - length),
        ("the last one of each epoch", ~last),
        ("the first one of each epoch", ~first),
    ]
    # Both quotients, because programs differ in whether they log a short rest.
    for every in {len(rows) // length, -(-len(rows) // length)} - {1}:
        patterns += [
            (f"all but one in {every}, from the first on", rows % every == 0),
            (f"all but one in {every}", rows % every == every - 1),
            (
                f"all but one in {every} and the last one of each epoch",
                (batch % every == every - 1) | last,
            ),
        ]
    yield from (
        (description, rows[kept]) for description, kept in patterns if kept.sum() == length
    )


def _subsequence(claim: Series, expected: Prediction) -> Ints | None:
    """The first rows, in order, with the log's numbers bit for bit; None where there are none."""
    rows_of: dict[float, list[int]] = {}
    for way in (expected.values, *(way() for way in expected.replays)):
        for row, value in enumerate(way.tolist()):
            insort(rows_of.setdefault(value, []), row)
    kept, start = [], 0
    for value in claim.values.tolist():
        rows = rows_of.get(value, [])
        # Greedy is enough: taking the first possible row never rules out a later number.
        at = bisect_left(rows, start)
        if at == len(rows):
            return None
        kept.append(rows[at])
        start = rows[at] + 1
    return np.array(kept, dtype=np.int64)
