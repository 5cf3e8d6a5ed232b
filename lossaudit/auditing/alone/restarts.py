"""Steps and epochs that restart, repeat or do not advance: LA504, LA505, LA511."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lossaudit.arithmetic.arrays import Ints
from lossaudit.auditing.alone.axis import SharedAxis
from lossaudit.auditing.alone.log import Log
from lossaudit.auditing.alone.log_check import log_check
from lossaudit.predictions.mistakes import noticed, places
from lossaudit.predictions.mistakes.mistake import Mistake
from lossaudit.recording.series import Series
from lossaudit.report.findings import Finding
from lossaudit.report.verdict import Verdict
from lossaudit.rules.log_files import EPOCHS_GO_ON, OWN_STEP, STEPS_GO_ON
from lossaudit.rules.rule import Rule


@log_check(STEPS_GO_ON, EPOCHS_GO_ON)
def check_axis_goes_on(log: Log) -> Iterator[Finding]:
    """Steps or epochs go back or, for epochs, repeat."""
    for column in log.axes:
        change = np.diff(column.axis)
        # A step may have several numbers, which LA511 judges; an epoch has one.
        back = np.flatnonzero(change <= 0 if column.covers_epochs else change < 0) + 1
        if len(back) and not _counts_within_epochs(column, back):
            yield _restart(column, int(back[0]))


def _counts_within_epochs(column: SharedAxis, back: Ints) -> bool:
    """Whether the steps are counted within each epoch, and the epochs go on."""
    epochs = column.series[0].epochs
    if column.covers_epochs or epochs is None:
        return False
    change = np.diff(epochs)
    return bool(np.all(change >= 0) and np.all(change[back - 1] > 0))


def _restart(column: SharedAxis, at: int) -> Finding:
    """The finding about an axis that goes back at an index."""
    axis, unit = column.axis, column.unit
    first, again = _repetitions(axis)
    fall = f"the {unit}s go from {axis[at - 1]} to {axis[at]} at number {at}"
    if not len(first):
        return _out_of_order(column, at, fall)
    for series in column.series:
        different = _different(series, first, again)
        if len(different):
            places = first[different[0]], again[different[0]]
            return _logged_again(column, series, at, f"{fall}. {len(first)} {unit}s", *places)
    return column.finding(
        _rule(column),
        Verdict.WRONG,
        f"{fall}. {len(first)} of {len(axis)} numbers occur twice, with the same values: "
        "the same log was appended, or read, twice.",
        **noticed.LOG_APPENDED_TWICE.cited(),
        **{unit: int(axis[first[0]])},
    )


def _rule(column: SharedAxis) -> Rule:
    return EPOCHS_GO_ON if column.covers_epochs else STEPS_GO_ON


def _out_of_order(column: SharedAxis, at: int, fall: str) -> Finding:
    mistake = noticed.EPOCHS_OUT_OF_ORDER if column.covers_epochs else noticed.STEPS_OUT_OF_ORDER
    return column.finding(
        _rule(column),
        Verdict.SUSPECT,
        f"{fall}, and no {column.unit} occurs twice. The numbers are out of order, as "
        "concurrent writers leave them.",
        step=None if column.covers_epochs else int(column.axis[at]),
        **mistake.cited(),
    )


def _logged_again(
    column: SharedAxis, series: Series, at: int, counted: str, one: int, other: int
) -> Finding:
    """Steps or epochs that have different values at their first and second place."""
    axis, unit = column.axis, column.unit
    # A resumed run has at least the steps before its checkpoint, so it does not begin again.
    anew = axis[at] <= axis[0]
    reason = "Another run begins there" if anew else "The training resumed from an earlier state"
    return column.finding(
        _rule(column),
        Verdict.WRONG,
        f"{counted} occur twice, with different values: {unit} {axis[one]} is "
        f"{series.values[one]:.9g} and {series.values[other]:.9g}. {reason}.",
        observed=float(series.values[other]),
        expected=float(series.values[one]),
        **_mistake_of_restart(column, anew).cited(),
        **{unit: int(axis[one])},
    )


def _mistake_of_restart(column: SharedAxis, anew: bool) -> Mistake:
    if column.covers_epochs:
        return noticed.TWO_RUNS_IN_ONE_LOG if anew else noticed.EPOCHS_REPEATED_AFTER_RESUME
    return places.STEPS_RESTARTED if anew else noticed.STEPS_REPEATED_AFTER_RESUME


def _repetitions(axis: Ints) -> tuple[Ints, Ints]:
    """Indices of the first and of the second place of every number that repeats."""
    # Stable, so that of two equal steps the one logged first is `first`.
    order = np.argsort(axis, kind="stable")
    same = np.flatnonzero(np.diff(axis[order]) == 0)
    first, again = order[same], order[same + 1]
    by_place = np.argsort(again, kind="stable")
    return first[by_place], again[by_place]


def _different(series: Series, first: Ints, again: Ints) -> Ints:
    """Which repetitions have another value; NaN equals NaN."""
    one, other = series.values[first], series.values[again]
    return np.flatnonzero((one != other) & ~(np.isnan(one) & np.isnan(other))).astype(np.int64)


@log_check(OWN_STEP)
def check_own_steps(log: Log) -> Iterator[Finding]:
    """All numbers are at one step, or several at each."""
    for column in log.axes:
        if column.covers_epochs or len(column.axis) < 2:
            continue
        still = np.flatnonzero(_repeats_step(column)) + 1
        if len(still) == len(column.axis) - 1:
            yield column.finding(
                OWN_STEP,
                Verdict.WRONG,
                f"all {len(column.axis)} numbers are at step {column.axis[0]}: the step never "
                "advanced.",
                step=int(column.axis[0]),
                **noticed.STEPS_NOT_COUNTED.cited(),
            )
        elif len(still):
            yield column.finding(
                OWN_STEP,
                Verdict.SUSPECT,
                f"{len(still)} of {len(column.axis)} numbers have the step of the number before, "
                f"the first at step {column.axis[still[0]]}. A step that counts optimizer updates "
                "does not advance while gradients are accumulated, and one that counts epochs "
                "does not advance during an epoch. Only the program that wrote the log can tell.",
                step=int(column.axis[still[0]]),
                **noticed.SEVERAL_NUMBERS_AT_ONE_STEP.cited(),
            )


def _repeats_step(column: SharedAxis) -> NDArray[np.bool_]:
    """Which numbers but the first have the step, and the epoch, of the number before."""
    still = np.diff(column.axis) == 0
    epochs = column.series[0].epochs
    return still if epochs is None else still & (np.diff(epochs) == 0)
