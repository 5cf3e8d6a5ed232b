"""What is missing from a log: epochs, steps, or all but a sample (LA503, LA509, LA512, LA513)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from lossaudit.arithmetic.arrays import Ints
from lossaudit.auditing.alone.axis import SharedAxis, distances
from lossaudit.auditing.alone.log import Log
from lossaudit.auditing.alone.log_check import log_check
from lossaudit.predictions.mistakes import noticed
from lossaudit.predictions.mistakes.mistake import MISTAKES
from lossaudit.report.findings import Finding
from lossaudit.report.verdict import Verdict
from lossaudit.rules.log_files import EPOCHS_MISSING, EVERY_STEP, SAMPLED, STEP_SKIPPED

_SAMPLERS = {
    10: (5, "TensorBoard keeps of a summary that TensorFlow 2 wrote"),
    500: (3, "W&B's `run.history()` returns"),
    1000: (3, "TensorBoard keeps of a curve"),
    10000: (3, "TensorBoard's EventAccumulator keeps of a curve"),
}
"""Sizes of known samples, who keeps them, and how irregular the steps of such a sample are.

A log of that size is suspect if it has at least so many different distances between its steps.
"""


@log_check(EPOCHS_MISSING)
def check_missing_epochs(log: Log) -> Iterator[Finding]:
    """Epochs are missing between others, because of TensorBoard's `update_freq` or not."""
    for column in log.axes:
        if not column.covers_epochs or column.axis.min() < 0:
            continue
        present = np.unique(column.axis)
        # If update_freq keeps one epoch in k, the first that it keeps is epoch k - 1.
        every = int(present[0]) + 1
        regular = every > 1 and np.array_equal(present, np.arange(1, len(present) + 1) * every - 1)
        frequency = _update_frequency(log, every) if regular else None
        # A log may begin late for good reasons; only a known update_freq proves earlier epochs.
        missing = np.setdiff1d(np.arange(0 if frequency else present[0], present[-1]), present)
        if len(missing) and not (regular and _only_validated_then(column, log.axes)):
            yield from _missing_epochs(column, present, missing, frequency)


def _missing_epochs(
    column: SharedAxis, present: Ints, missing: Ints, frequency: int | None
) -> Iterator[Finding]:
    counted = (
        f"{len(missing)} of {len(missing) + len(present)} epochs are missing, "
        f"the first is epoch {missing[0]}"
    )
    gaps = distances(present)
    if frequency:
        yield column.finding(
            EPOCHS_MISSING,
            Verdict.WRONG,
            f"{counted}. One epoch in {present[0] + 1} was logged, and one batch in {frequency}: "
            f"an epoch was logged only if update_freq={frequency} divides the count of its last "
            "batch.",
            epoch=int(missing[0]),
            **noticed.EPOCHS_DROPPED_BY_UPDATE_FREQ.cited(),
        )
    elif column.series[0].epochs is not None or gaps[0] == 1:
        yield column.finding(
            EPOCHS_MISSING,
            Verdict.UNDECIDABLE if len(gaps) == 1 else Verdict.SUSPECT,
            f"{counted}. {_pattern(gaps)} Only the program that wrote the log can tell.",
            epoch=int(missing[0]),
            **noticed.EPOCHS_MISSING.cited(),
        )


def _pattern(gaps: Ints) -> str:
    if len(gaps) == 1:
        return (
            f"One epoch in {gaps[0]} was logged: either the program logs that rarely, "
            "or update_freq dropped the others."
        )
    return "The places are irregular, as if epochs were dropped."


def _update_frequency(log: Log, every: int) -> int | None:
    """The distance between logged batches, if it explains why one epoch in `every` was logged."""
    for series in log.series:
        if series.covers == "epoch" or series.steps is None or len(series) < 2:
            continue
        gaps = distances(series.steps)
        # update_freq=f keeps one epoch of n batches in f / gcd(f, n), which divides f. TensorBoard
        # counts from 1, so f is also the first step in the log.
        if len(gaps) == 1 and gaps[0] > 1 and gaps[0] % every == 0 and series.steps[0] == gaps[0]:
            return int(gaps[0])
    return None


def _only_validated_then(column: SharedAxis, others: Sequence[SharedAxis]) -> bool:
    """Whether the epochs may be those after which `validation_freq` makes a training validate."""
    if any(one.split == "train" for one in column.series):
        return False
    trained = [
        other for other in others if other.covers_epochs and other.series[0].split == "train"
    ]
    return not trained or any(len(np.setdiff1d(other.axis, column.axis)) for other in trained)


@log_check(SAMPLED)
def check_samples(log: Log) -> Iterator[Finding]:
    """There are exactly as many numbers as a sampler keeps, at irregular steps."""
    for column in log.axes:
        size, gaps = len(column.axis), np.diff(column.axis)
        # Samplers keep the order, so a log that goes back was not sampled but mixed.
        if size not in _SAMPLERS or np.any(gaps <= 0):
            continue
        fewest, keeper = _SAMPLERS[size]
        if len(np.unique(gaps)) >= fewest:
            yield column.finding(
                SAMPLED,
                Verdict.SUSPECT,
                f"there are exactly {size:,} numbers, as many as {keeper}, at irregular "
                f"{column.unit}s: from {column.axis[0]} to {column.axis[-1]}, up to {gaps.max()} "
                f"apart. If another reading gives different {column.unit}s, or the file itself "
                "has more, this is a random sample of the log.",
                **noticed.LOG_READ_THROUGH_A_SAMPLER.cited(),
            )


@log_check(STEP_SKIPPED)
def check_skipped_steps(log: Log) -> Iterator[Finding]:
    """One step is skipped after the batches of each epoch."""
    for column in log.axes:
        gaps = np.diff(column.axis)
        holes = np.flatnonzero(gaps == 2) + 1
        length = int(holes[0]) if len(holes) else 0
        # TensorBoard counts begin hooks, of which Keras calls one too many before the data end.
        if column.covers_epochs or length < 2 or np.any((gaps != 1) & (gaps != 2)):
            continue
        epochs = {len(other.axis) for other in log.axes if other.covers_epochs}
        # A single hole is no pattern unless the number of logged epochs confirms it.
        known = len(holes) > 1 or len(holes) + 1 in epochs
        regular = len(column.axis) == length * (len(holes) + 1) and np.all(holes % length == 0)
        skipped = column.axis[holes] - 1
        taken = any(
            np.isin(skipped, other.axis).all() for other in log.axes if other is not column
        )
        if known and regular and not taken:
            yield column.finding(
                STEP_SKIPPED,
                Verdict.SUSPECT,
                f"after every {length} numbers one step is skipped, {len(holes)} in all, the "
                f"first is step {skipped[0]}. With data of unknown size Keras counts one batch "
                "too many in each epoch; a program that logs something else at these steps would "
                "look the same.",
                step=int(skipped[0]),
                cause=MISTAKES["phantom-batch-counted"].name,
                remedy="Declare the length of the data set: "
                "`dataset.apply(tf.data.experimental.assert_cardinality(n))`.",
            )


@log_check(EVERY_STEP)
def check_every_step(log: Log) -> Iterator[Finding]:
    """Only every k-th step was logged, so the other batches cannot be judged."""
    for column in log.axes:
        gaps = distances(column.axis)
        if not column.covers_epochs and len(column.axis) > 2 and len(gaps) == 1 and gaps[0] > 1:
            yield column.finding(
                EVERY_STEP,
                Verdict.UNDECIDABLE,
                f"only one step in {gaps[0]} was logged, from {column.axis[0]} to "
                f"{column.axis[-1]}. Each number may be about one batch (update_freq) or about "
                f"{gaps[0]} (steps_per_execution, accumulation); the other batches cannot be "
                "judged.",
                remedy="Record every batch with `lossaudit.keras.LossRecorder()`.",
            )
