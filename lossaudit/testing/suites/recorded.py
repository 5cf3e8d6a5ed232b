"""Reading: what a callback or a loop says that it recorded, as series."""

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
    """What was recorded of the loss, as series of those splits that were trained.

    Args:
        subject: what reads it, and says what it covers.
        source: the callback, or what a loop returned.
        truth: the true losses.
        schedule: what was trained.

    Raises:
        Violation: there is no loss, or it is no list of numbers.
    """
    held = source if subject.read is None else subject.read(source)
    held = getattr(held, "history", held)  # a loop may return a History
    splits = {one.split for one in truth.series}
    found = list(held.series) if isinstance(held, Recording) else _named(subject, held, schedule)
    claims = [
        replace(one, covers=subject.covers or one.covers) for one in found if one.tag == keys.LOSS
    ]
    return [_at_hooks(one, schedule) for one in claims if one.split in splits]


def _named(subject: Subject, held: Any, schedule: Schedule) -> list[Series]:
    named = dict(held) if isinstance(held, Mapping) else {"loss": held}
    found = [_series(subject, name, named[name]) for name in ("loss", "val_loss") if name in named]
    if not found:
        raise Violation(f"{schedule}\n{held!r:.80} was read, in which there is no 'loss'")
    return found


def _series(subject: Subject, name: str, values: Any) -> Series:
    if isinstance(values, Series):
        return values
    try:
        numbers = [float("nan") if value is None else float(value) for value in values]
    except (TypeError, ValueError) as error:
        raise Violation(
            f"{values!r:.80} was read as {name!r}, which are no numbers: {error}"
        ) from error
    return Series(
        numbers,
        covers=subject.covers or "epoch",
        split="validation" if name == "val_loss" else "train",
    )


def _at_hooks(series: Series, schedule: Schedule) -> Series:
    """Running means say nothing of the batches for which no hook was called."""
    hooks, steps = schedule.executions, len(schedule.sizes)
    if (
        series.covers != "epoch_so_far"
        or schedule.steps_per_execution == 1
        or series.steps is not None
    ):
        return series
    places = [epoch * steps + hook for epoch in range(len(series) // len(hooks)) for hook in hooks]
    return replace(series, steps=np.array(places)) if len(places) == len(series) else series
