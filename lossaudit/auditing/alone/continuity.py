"""What the steps and epochs of a log prove by themselves: restarts, repetitions, gaps, and
samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossaudit.arithmetic.arrays import Ints
from lossaudit.auditing.alone.axis import SharedAxis, distances, shared_axes
from lossaudit.predictions.mistakes import noticed
from lossaudit.recording.recording import Recording
from lossaudit.recording.series import Series
from lossaudit.report.findings import Finding
from lossaudit.report.verdict import Verdict
from lossaudit.rules.log_files import (
    EPOCHS_GO_ON,
    EPOCHS_MISSING,
    EVERY_STEP,
    OWN_STEP,
    SAMPLED,
    STEP_SKIPPED,
    STEPS_GO_ON,
)

_SAMPLERS = {
    10: (5, "TensorBoard keeps of a summary that TensorFlow 2 wrote"),
    500: (3, "W&B's `run.history()` returns"),
    1000: (3, "TensorBoard keeps of a curve"),
    10000: (3, "TensorBoard's EventAccumulator keeps of a curve"),
}
"""Sizes of known samples, with the different distances between steps that make a sample of such a
size likely.
"""


def check_missing_epochs(recording: Recording) -> Iterator[Finding]:
    """LA503: epochs are missing between those that are there, by TensorBoard's update_freq or
    otherwise.
    """
    every_column = shared_axes(recording)
    for column in every_column:
        if not column.covers_epochs or column.axis.min() < 0:
            continue
        present = np.unique(column.axis)
        every = int(present[0]) + 1
        regular = every > 1 and np.array_equal(present, np.arange(1, len(present) + 1) * every - 1)
        frequency = _update_frequency(recording, every) if regular else None
        missing = np.setdiff1d(np.arange(0 if frequency else present[0], present[-1]), present)
        if len(missing) and not (regular and _only_validated_then(column, every_column)):
            yield from _missing_epochs(column, present, missing, frequency)


def _missing_epochs(
    column: SharedAxis, present: Ints, missing: Ints, frequency: int | None
) -> Iterator[Finding]:
    counted = f"{len(missing)} of {len(missing) + len(present)} epochs are missing, the first is epoch {missing[0]}"
    gaps = distances(present)
    if frequency:
        yield column.finding(
            EPOCHS_MISSING,
            Verdict.WRONG,
            f"{counted}. Only one in {present[0] + 1} is there, and its batches were logged every "
            f"{frequency} steps: "
            "values of an epoch were written only where its last batch is a multiple of "
            f"update_freq={frequency}.",
            epoch=int(missing[0]),
            **noticed.EPOCHS_DROPPED_BY_UPDATE_FREQ.cited(),
        )
    elif column.series[0].epochs is not None or gaps[0] == 1:
        yield column.finding(
            EPOCHS_MISSING,
            Verdict.UNDECIDABLE if len(gaps) == 1 else Verdict.SUSPECT,
            f"{counted}. {_pattern(gaps)} whether the others were dropped, the program that wrote "
            "the log can tell.",
            epoch=int(missing[0]),
            **noticed.EPOCHS_MISSING.cited(),
        )


def _pattern(gaps: Ints) -> str:
    if len(gaps) == 1:
        return f"One in {gaps[0]} is there, as where a program logs so seldom, or update_freq drops the rest;"
    return "They are missing at irregular places;"


def _update_frequency(recording: Recording, every: int) -> int | None:
    """The distance between logged batches, where it explains that only every so many epochs are
    there.
    """
    for series in recording.series:
        if series.covers == "epoch" or series.steps is None or len(series) < 2:
            continue
        gaps = distances(series.steps)
        if len(gaps) == 1 and gaps[0] > 1 and gaps[0] % every == 0 and series.steps[0] == gaps[0]:
            return int(gaps[0])
    return None


def _only_validated_then(column: SharedAxis, others: Sequence[SharedAxis]) -> bool:
    """Whether the epochs are those after which a training validates, as validation_freq says."""
    if any(one.split == "train" for one in column.series):
        return False
    trained = [
        other for other in others if other.covers_epochs and other.series[0].split == "train"
    ]
    return not trained or any(len(np.setdiff1d(other.axis, column.axis)) for other in trained)


def check_axis_goes_on(recording: Recording) -> Iterator[Finding]:
    """LA504, LA505: steps or epochs restart, or stand there twice."""
    for column in shared_axes(recording):
        change = np.diff(column.axis)
        back = np.flatnonzero(change <= 0 if column.covers_epochs else change < 0) + 1
        if len(back) and not _counts_within_epochs(column, back):
            yield _restart(column, int(back[0]))


def _counts_within_epochs(column: SharedAxis, back: Ints) -> bool:
    """Whether the steps are those of each epoch, and the epochs go on."""
    epochs = column.series[0].epochs
    if column.covers_epochs or epochs is None:
        return False
    change = np.diff(epochs)
    return bool(np.all(change >= 0) and np.all(change[back - 1] > 0))


def _restart(column: SharedAxis, at: int) -> Finding:
    rule = EPOCHS_GO_ON if column.covers_epochs else STEPS_GO_ON
    axis, unit = column.axis, column.unit
    first, again = _repetitions(axis)
    fall = f"from {axis[at - 1]} the {unit}s go to {axis[at]} at number {at}"
    if not len(first):
        return column.finding(
            rule,
            Verdict.SUSPECT,
            f"{fall}, and none stands there twice. The numbers are out of order, as concurrent "
            "writers leave them.",
            step=None if column.covers_epochs else int(axis[at]),
            cause=f"{unit}s-out-of-order",
            remedy=f"Sort the log by its {unit}s before you plot it.",
        )
    differing = [(one, apart) for one in column.series if len(apart := _apart(one, first, again))]
    where: dict[str, Any] = {unit: int(axis[first[0]])}
    if not differing:
        return column.finding(
            rule,
            Verdict.WRONG,
            f"{fall}. {len(first)} of {len(axis)} numbers stand there twice, with the same "
            "values: the same log was "
            "appended, or read, twice.",
            **noticed.LOG_APPENDED_TWICE.cited(),
            **where,
        )
    series, apart = differing[0]
    one, other = first[apart[0]], again[apart[0]]
    where = {unit: int(axis[one])}
    values = f"{unit} {axis[one]} is {series.values[one]:.9g} and {series.values[other]:.9g}"
    counted = f"{fall}. {len(first)} {unit}s stand there twice, with other values: {values}."
    anew = axis[at] <= axis[0]
    cause = _cause_of_restart(column, anew)
    return column.finding(
        rule,
        Verdict.WRONG,
        f"{counted} {'Another run begins there' if anew else 'The training was resumed from an earlier state'}.",
        observed=float(series.values[other]),
        expected=float(series.values[one]),
        cause=cause,
        remedy=f"Give each run a log of its own, or let a resumed one go on with its {unit}s; "
        "plot the last value of a "
        f"{unit} that was trained twice.",
        **where,
    )


def _cause_of_restart(column: SharedAxis, anew: bool) -> str:
    if anew:
        return "two-runs-in-one-log" if column.covers_epochs else "steps-restarted"
    return f"{column.unit}s-repeated-after-resume"


def _repetitions(axis: Ints) -> tuple[Ints, Ints]:
    """Indices of what stands on the axis twice, and of where it stands again."""
    order = np.argsort(axis, kind="stable")
    same = np.flatnonzero(np.diff(axis[order]) == 0)
    first, again = order[same], order[same + 1]
    by_place = np.argsort(again, kind="stable")
    return first[by_place], again[by_place]


def _apart(series: Series, first: Ints, again: Ints) -> Ints:
    """Which repetitions have another value; NaN is the same as NaN."""
    one, other = series.values[first], series.values[again]
    return np.flatnonzero((one != other) & ~(np.isnan(one) & np.isnan(other))).astype(np.int64)


def check_own_steps(recording: Recording) -> Iterator[Finding]:
    """LA511: all numbers stand at one step, or several at each."""
    for column in shared_axes(recording):
        if column.covers_epochs or len(column.axis) < 2:
            continue
        still = np.flatnonzero(_stands_still(column)) + 1
        if len(still) == len(column.axis) - 1:
            yield column.finding(
                OWN_STEP,
                Verdict.WRONG,
                f"all {len(column.axis)} numbers stand at step {column.axis[0]}: the step was "
                "never counted on.",
                step=int(column.axis[0]),
                **noticed.STEPS_NOT_COUNTED.cited(),
            )
        elif len(still):
            yield column.finding(
                OWN_STEP,
                Verdict.SUSPECT,
                f"{len(still)} of {len(column.axis)} numbers stand at the step of the number "
                "before, the first at step "
                f"{column.axis[still[0]]}. A step that counts optimizer updates stands still "
                "while gradients are "
                "accumulated, and one that counts epochs during an epoch; the program that wrote "
                "the log can tell.",
                step=int(column.axis[still[0]]),
                **noticed.SEVERAL_NUMBERS_AT_ONE_STEP.cited(),
            )


def _stands_still(column: SharedAxis) -> NDArray[np.bool_]:
    """Which numbers but the first have the step, and the epoch, of the number before."""
    still = np.diff(column.axis) == 0
    epochs = column.series[0].epochs
    return still if epochs is None else still & (np.diff(epochs) == 0)


def check_skipped_steps(recording: Recording) -> Iterator[Finding]:
    """LA512: one step is skipped after each epoch's batches."""
    every_column = shared_axes(recording)
    for column in every_column:
        gaps = np.diff(column.axis)
        holes = np.flatnonzero(gaps == 2) + 1
        length = int(holes[0]) if len(holes) else 0
        if column.covers_epochs or length < 2 or np.any((gaps != 1) & (gaps != 2)):
            continue
        epochs = {len(other.axis) for other in every_column if other.covers_epochs}
        known = len(holes) > 1 or len(holes) + 1 in epochs
        regular = len(column.axis) == length * (len(holes) + 1) and np.all(holes % length == 0)
        skipped = column.axis[holes] - 1
        taken = any(
            np.isin(skipped, other.axis).all() for other in every_column if other is not column
        )
        if known and regular and not taken:
            yield column.finding(
                STEP_SKIPPED,
                Verdict.SUSPECT,
                f"after every {length} numbers one step is skipped, {len(holes)} in all, the "
                "first is step "
                f"{skipped[0]}. With data of unknown size Keras counts a batch at the end of each "
                "epoch that does "
                "not exist; a program that logs something else at these steps would look the "
                "same.",
                step=int(skipped[0]),
                cause="phantom-batch-counted",
                remedy="Say how long the data set is: "
                "`dataset.apply(tf.data.experimental.assert_cardinality(n))`.",
            )


def check_every_step(recording: Recording) -> Iterator[Finding]:
    """LA513: only every k-th step stands in the log, so nothing can be said of the others."""
    for column in shared_axes(recording):
        gaps = distances(column.axis)
        if not column.covers_epochs and len(column.axis) > 2 and len(gaps) == 1 and gaps[0] > 1:
            yield column.finding(
                EVERY_STEP,
                Verdict.UNDECIDABLE,
                f"only one step in {gaps[0]} was logged, from {column.axis[0]} to "
                f"{column.axis[-1]}. The log "
                "does not say whether a number speaks of one batch (update_freq) or of several "
                "(steps_per_execution, accumulation), and of the other batches nothing can be "
                "said.",
                remedy="Record every batch with `lossaudit.keras.LossRecorder()`.",
            )


def check_samples(recording: Recording) -> Iterator[Finding]:
    """LA509: exactly as many numbers as a sampler keeps, at irregular steps."""
    for column in shared_axes(recording):
        size, gaps = len(column.axis), np.diff(column.axis)
        if size not in _SAMPLERS or np.any(gaps <= 0):
            continue
        fewest, keeper = _SAMPLERS[size]
        if len(np.unique(gaps)) >= fewest:
            yield column.finding(
                SAMPLED,
                Verdict.SUSPECT,
                f"there are exactly {size:,} numbers, as many as {keeper}, at irregular "
                f"{column.unit}s: from "
                f"{column.axis[0]} to {column.axis[-1]}, up to {gaps.max()} apart. If another "
                "reading gives other "
                f"{column.unit}s, or the file itself holds more, this is a random sample of the "
                "log.",
                **noticed.LOG_READ_THROUGH_A_SAMPLER.cited(),
            )


AXIS_CHECKS = (
    check_missing_epochs,
    check_axis_goes_on,
    check_samples,
    check_own_steps,
    check_skipped_steps,
    check_every_step,
)
