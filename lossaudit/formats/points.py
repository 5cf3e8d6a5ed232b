"""Points: the numbers under one name of a log, and how they become series."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lossaudit.arithmetic.arrays import Floats, Ints
from lossaudit.formats.digits import decimals_of, widened
from lossaudit.recording import keys
from lossaudit.recording.names import Covers, Name, Split
from lossaudit.recording.origins import Origin
from lossaudit.recording.recording import Recording
from lossaudit.recording.series import Series


@dataclass(frozen=True, eq=False)
class Points:
    """The numbers under one name of a log, as they are in the file.

    Args:
        name: their name in the log.
        values: the numbers, shape (n,).
        origin: the file and the name.
        axis: a counter that may count steps or epochs, shape (n,).
        steps: steps, shape (n,).
        epochs: epochs, shape (n,).
        weights: rows behind each number, shape (n,).
        tag: their tag; None if the name says it.
        split: their split; None if the name says it.
        covers: what each number covers; None if the name or the shape says it.
        printed: whether they were written as text, so that digits may be missing.
    """

    name: str
    values: Floats
    origin: Origin
    axis: Ints | None = None
    steps: Floats | Ints | None = None
    epochs: Floats | Ints | None = None
    weights: Floats | None = None
    tag: str | None = None
    split: Split | None = None
    covers: Covers | None = None
    printed: bool = False


def recording_of(
    source: str | Path,
    form: str,
    points: Iterable[Points],
    notes: Iterable[str] = (),
    *,
    covers: Covers | None = None,
    run: str | None = None,
) -> Recording:
    """The recording of a log; guesses are added to its notes.

    Args:
        source: the path that was read.
        form: the name of the format.
        points: the numbers of the log, by name.
        notes: notes of the reader.
        covers: what each number covers, if the user says so; else the format, the name and the
            shape decide.
        run: the run that was read, if the log has several.
    """
    all_notes = list(notes)
    named = [_named(one, covers) for one in points]
    shaped = [_shaped(one, named) for one in named]
    all_notes += _guesses(named, shaped)
    series = [_series(one, all_notes) for one in shaped]
    return Recording(
        series,
        run=run,
        metadata={keys.SOURCE: str(source), keys.FORMAT: form, keys.NOTES: all_notes},
    )


def _named(points: Points, covers: Covers | None) -> Points:
    name = Name(points.name)
    split = points.split or name.split or "train"
    return replace(
        points,
        tag=points.tag or name.tag,
        split=split,
        covers=covers or points.covers or name.covers,
    )


def _shaped(points: Points, others: Sequence[Points]) -> Points:
    """The points with `covers` filled in, and with the axis moved to the steps or epochs."""
    if points.covers is None:
        points = replace(points, covers="epoch" if _is_by_epoch(points, others) else "batch")
    if points.axis is None:
        return points
    if points.covers == "epoch" and _counts_epochs(points):
        return replace(points, epochs=points.axis)
    return replace(points, steps=points.axis)


def _is_by_epoch(points: Points, others: Sequence[Points]) -> bool:
    """Whether there is one number for each epoch.

    Neighbours are then of different epochs, or the validation of the tag has the same length.
    """
    if points.epochs is not None and np.array_equal(points.epochs, np.trunc(points.epochs)):
        return bool(np.all(np.diff(points.epochs) != 0))
    held_out = [one for one in others if one.split != "train" and one.tag == points.tag]
    return points.split != "train" or any(
        len(one.values) == len(points.values) for one in held_out
    )


def _counts_epochs(points: Points) -> bool:
    """Whether the axis counts epochs: by the name, or because it is 0, 1, 2, … or 1, 2, 3, …."""
    if points.axis is None or Name(points.name).covers == "epoch":
        # Keras logs `evaluation_…_vs_iterations` at the step of the optimizer.
        return points.axis is not None and not Name(points.name).is_against_iterations
    first = points.axis[:1]
    return bool(np.all(np.diff(points.axis) == 1) and np.all((first == 0) | (first == 1)))


def _guesses(named: Sequence[Points], shaped: Sequence[Points]) -> list[str]:
    guessed: dict[str, dict[str, None]] = {}
    for before, after in zip(named, shaped, strict=True):
        if before.covers is None and after.covers:
            guessed.setdefault(after.covers, {})[after.name] = None
    return [
        f"{', '.join(names)}: taken as one number for each {found}, by "
        f"{'shape' if found == 'epoch' else 'default'}; covers=… overrules this"
        for found, names in guessed.items()
    ]


def _series(points: Points, notes: list[str]) -> Series:
    values, decimals = points.values, None
    if points.printed:
        decimals = decimals_of(values)
        # Rounded numbers do not tell which float32 was printed.
        floats = None if decimals is not None else widened(values)
        if decimals is not None:
            places = "decimal place" if decimals == 1 else "decimal places"
            notes.append(f"{points.name}: looks rounded to {decimals} {places}")
        if floats is not None:
            values = floats
            notes.append(f"{points.name}: printed as float32 and read as float32")
    _count_not_finite(points, notes)
    columns: dict[str, Any] = {name: _whole(points, name, notes) for name in ("steps", "epochs")}
    return Series(
        values,
        tag=points.tag or points.name,
        split=points.split or "train",
        covers=points.covers or "batch",
        weights=_weights(points, notes),
        decimals=decimals,
        origin=points.origin,
        **columns,
    )


def _count_not_finite(points: Points, notes: list[str]) -> None:
    nans, infinite = int(np.isnan(points.values).sum()), int(np.isinf(points.values).sum())
    if nans or infinite:
        notes.append(
            f"{points.name}: {nans:,} of {len(points.values):,} numbers are NaN, {infinite:,} are "
            "infinite"
        )


def _whole(points: Points, name: str, notes: list[str]) -> Ints | None:
    """Steps or epochs as integers; None, with a note, if some are missing or have fractions."""
    column: Any = getattr(points, name)
    if column is None or np.issubdtype(column.dtype, np.integer):
        return column
    if not np.all(np.isfinite(column)):
        notes.append(f"{points.name}: some {name} are missing, so all are left out")
    elif not np.array_equal(column, np.trunc(column)):
        notes.append(f"{points.name}: {name} have fractions and are left out")
    else:
        return column.astype(np.int64)
    return None


def _weights(points: Points, notes: list[str]) -> Floats | None:
    if points.weights is None or np.all(np.isfinite(points.weights) & (points.weights >= 0)):
        return points.weights
    notes.append(f"{points.name}: some weights are missing or negative, so all are left out")
    return None
