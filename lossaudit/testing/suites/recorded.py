"""The losses that a callback recorded or a loop reported, as series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from lossaudit.recording import keys
from lossaudit.recording.recording import Recording
from lossaudit.recording.series import Series
from lossaudit.testing.schedules import Schedule
from lossaudit.testing.suites.subject import Subject
from lossaudit.testing.suites.violation import Violation


def recorded(subject: Subject, source: Any, truth: Recording, schedule: Schedule) -> list[Series]:
    """Return the recorded losses as series, one for each split of the truth.

    Args:
        subject: reads the numbers, and says what each covers.
        source: the callback, or the return value of a loop.
        truth: the true losses.
        schedule: what was trained.

    Raises:
        Violation: there is no loss, or it is not a list of numbers.
    """
    found = source if subject.read is None else subject.read(source)
    # A loop may return a History, as `fit` does.
    found = getattr(found, "history", found)
    splits = {one.split for one in truth.series}
    series = (
        list(found.series) if isinstance(found, Recording) else _named(subject, found, schedule)
    )
    claims = [
        replace(one, covers=subject.covers or one.covers) for one in series if one.tag == keys.LOSS
    ]
    return [_at_hooks(one, schedule) for one in claims if one.split in splits]


def _named(subject: Subject, found: Any, schedule: Schedule) -> list[Series]:
    named = dict(found) if isinstance(found, Mapping) else {"loss": found}
    series = [
        _series(subject, name, named[name]) for name in ("loss", "val_loss") if name in named
    ]
    if not series:
        raise Violation(f"{schedule}\nread {found!r:.80}, which has no 'loss'")
    return series


def _series(subject: Subject, name: str, values: Any) -> Series:
    # A Series says itself what it covers, so nothing is assumed about it.
    if isinstance(values, Series):
        return values
    try:
        numbers = [float("nan") if value is None else float(value) for value in values]
    except (TypeError, ValueError) as error:
        raise Violation(
            f"read {values!r:.80} as {name!r}, which is not a list of numbers: {error}"
        ) from error
    return Series(
        numbers,
        covers=subject.covers or "epoch",
        split="validation" if name == "val_loss" else "train",
    )


def _at_hooks(series: Series, schedule: Schedule) -> Series:
    """Give running means the steps at which Keras called a hook: the end of each execution."""
    hooks, steps = schedule.executions, len(schedule.sizes)
    if (
        series.covers != "epoch_so_far"
        or schedule.steps_per_execution == 1
        or series.steps is not None
    ):
        return series
    # Without its own steps the series is aligned by position, which would shift every number.
    places = [epoch * steps + hook for epoch in range(len(series) // len(hooks)) for hook in hooks]
    return replace(series, steps=np.array(places)) if len(places) == len(series) else series
