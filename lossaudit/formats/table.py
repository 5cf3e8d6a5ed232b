"""Tables: which column is what, as the user says or as the names of the columns suggest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lossaudit.arithmetic.arrays import Floats
from lossaudit.errors import LogFileError
from lossaudit.formats.columns import Column, Columns, numeric
from lossaudit.formats.log_file import Roles
from lossaudit.formats.points import Points
from lossaudit.recording import keys
from lossaudit.recording.names import Name, Split, split_of
from lossaudit.recording.origins import Origin

# Words of Lightning (`trainer/global_step`), of W&B (`_step`), and of hand-written loops.
_STEPS = (
    "step",
    "steps",
    "global_step",
    "_step",
    "trainer/global_step",
    "iteration",
    "iterations",
    "iter",
)
_WITHIN_AN_EPOCH = ("batch", "batches", "batch_idx")
_GUESSED: Mapping[str, tuple[str, ...]] = {
    "step": (*_STEPS, *_WITHIN_AN_EPOCH),
    "epoch": ("epoch", "epochs", "train/epoch"),
    "weight": ("weight", "weights", "rows", "batch_size", "samples", "num_samples"),
    "split": ("split", "phase", "stage", "mode", "subset", "set"),
}
PLACES = frozenset({*_GUESSED["step"], *_GUESSED["epoch"]})
"""Names of columns that say at which step or epoch a row was logged."""

_CLOCKS = {
    "time",
    "timestamp",
    "_timestamp",
    "_runtime",
    "runtime",
    "wall_time",
    "walltime",
    "date",
    "elapsed",
}


def points_of(
    columns: Columns,
    file: str,
    source: str | Path,
    roles: Roles,
    notes: list[str],
    *,
    empty_is_nan: bool = True,
) -> list[Points]:
    """The points of every metric; the columns with steps, epochs and weights say where they are.

    Args:
        columns: the table.
        file: the file in the origin of each series.
        source: the name of the table in errors.
        roles: the columns that the user named.
        notes: gets a sentence for each guess and for each column that is left out.
        empty_is_nan: whether the writer may have left a cell empty for a NaN.

    Raises:
        LogFileError: no column has numbers, or a named column is missing.
    """
    found = _roles(columns, source, roles)
    splits = _splits(columns, found)
    others = {name: one for name, one in columns.items() if name != found.get("split")}
    # A loss with a word among its numbers must not vanish with a mere note.
    needed = {
        name for name in others if name in roles.given().values() or Name(name).tag == keys.LOSS
    }
    table = numeric(others, source, needed, notes)
    table = _without_counters(table, found, notes)
    places = {role: table.get(found.get(role, "")) for role in ("step", "epoch", "weight")}
    metrics = {
        name: one
        for name, one in table.items()
        if name not in {found.get(role) for role in places}
    }
    if not metrics:
        raise LogFileError(
            f"{source} has no column of logged numbers; its columns are {_listed(columns)}"
        )
    _note_guesses(found, roles, notes)
    has_places = bool(places["step"] or places["epoch"])
    rows = _logged(metrics, empty_is_nan=empty_is_nan, has_places=has_places, notes=notes)
    return [
        _points(name, metrics[name], file, found, places, kept, split)
        for name in metrics
        for split, kept in _parts(rows[name], splits)
        # A metric without any number in a split is no series; one of an empty table is.
        if kept.any() or not len(kept)
    ]


def _roles(columns: Columns, source: str | Path, roles: Roles) -> dict[str, str]:
    """The column of each role, named by the user or guessed; other roles are absent."""
    given = roles.given()
    for role, name in given.items():
        if name not in columns:
            raise LogFileError(
                f"{role}={name!r} is not a column of {source}; its columns are {_listed(columns)}"
            )
    by_name = {name.strip().lower(): name for name in columns if name not in given.values()}
    guessed = {
        role: by_name[word]
        for role, words in _GUESSED.items()
        # Of several columns for one role, the last assignment wins: the first word.
        for word in reversed(words)
        if word in by_name
    }
    # A column called "set" or "mode" may be anything; its words decide.
    if "split" not in given and _words_for_splits(columns, guessed.get("split")) is None:
        guessed.pop("split", None)
    return {**guessed, **given}


def _listed(columns: Columns) -> str:
    return ", ".join(map(repr, columns)) or "none"


def _words_for_splits(columns: Columns, name: str | None) -> list[Split] | None:
    words = columns[name].words if name is not None else None
    known = {word: split for word in set(words or []) if (split := split_of(word))}
    return [known[word] for word in words] if words and known.keys() == set(words) else None


def _splits(columns: Columns, found: dict[str, str]) -> list[Split] | None:
    if "split" not in found:
        return None
    splits = _words_for_splits(columns, found["split"])
    if splits is None:
        raise LogFileError(
            f"split={found['split']!r} must be a column of words such as 'train' and 'val'"
        )
    return splits


def _without_counters(table: Columns, found: dict[str, str], notes: list[str]) -> Columns:
    """The table without clocks, counters that have no role, and the index that pandas writes."""
    clocks = [
        name for name in table if name.strip().lower() in _CLOCKS and name not in found.values()
    ]
    if clocks:
        notes.append(f"{', '.join(clocks)}: left out, as a time is not a metric")
    counters = [
        name for name in table if name.strip().lower() in PLACES and name not in found.values()
    ]
    if counters:
        notes.append(f"{', '.join(counters)}: left out, as a counter is not a metric")
    index = [name for name in table if not name.strip() or name.startswith("Unnamed: ")]
    if index:
        notes.append("the column without a name: left out, as the index of the rows")
    return {name: one for name, one in table.items() if name not in clocks + counters + index}


def _note_guesses(found: dict[str, str], roles: Roles, notes: list[str]) -> None:
    guessed = [
        f"{role} from {name!r}" for role, name in found.items() if role not in roles.given()
    ]
    if guessed:
        notes.append(f"guessed by the names of the columns: {', '.join(guessed)}")


def _logged(
    metrics: Columns, *, empty_is_nan: bool, has_places: bool, notes: list[str]
) -> dict[str, NDArray[np.bool_]]:
    """The rows in which each metric was logged, as masks of shape (rows,).

    An empty cell next to a number of another metric means that nothing was logged. For example, a
    program that validates once an epoch leaves the other cells empty. An empty cell in a row
    without any number is a NaN, as pandas writes it, if the metric has numbers in all other rows.
    Without steps and epochs the position of a number counts, so no row is left out.
    """
    gaps = {name: column.gaps for name, column in metrics.items()}
    blank = np.logical_and.reduce(list(gaps.values()))
    rows = {}
    for name, gap in gaps.items():
        is_dense = not has_places or (empty_is_nan and not (gap & ~blank).any())
        rows[name] = np.ones(len(gap), np.bool_) if is_dense and not gap.all() else ~gap
        if gap.any():
            made = "read as NaN" if rows[name].all() else "nothing was logged there"
            notes.append(f"{name}: {gap.sum():,} of {len(gap):,} cells are empty: {made}")
    return rows


def _parts(
    rows: NDArray[np.bool_], splits: list[Split] | None
) -> Iterator[tuple[Split | None, NDArray[np.bool_]]]:
    if splits is None:
        yield None, rows
    else:
        words = np.array(splits)
        yield from ((split, rows & (words == split)) for split in dict.fromkeys(splits))


def _points(
    name: str,
    column: Column,
    file: str,
    found: dict[str, str],
    places: Mapping[str, Column | None],
    rows: NDArray[np.bool_],
    split: Split | None,
) -> Points:
    def taken(role: str) -> Floats | None:
        column = places[role]
        return None if column is None else column.numbers[rows]

    steps = taken("step")
    if (
        steps is not None
        and found["step"].strip().lower() in _WITHIN_AN_EPOCH
        and np.any(np.diff(steps) < 0)
    ):
        # The column restarts in each epoch: it counts batches, not steps.
        steps = None
    named: Mapping[str | None, Split] = {
        found.get("loss"): "train",
        found.get("val_loss"): "validation",
    }
    role = named.get(name)
    return Points(
        name,
        column.numbers[rows],
        Origin(f"{name} ({split})" if split else name, file=file),
        steps=steps,
        epochs=taken("epoch"),
        weights=taken("weight"),
        tag=keys.LOSS if role else None,
        split=split or role or Name(name).split,
        printed=True,
    )
