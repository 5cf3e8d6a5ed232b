"""A table that a user made: CSV, JSON lines or a DataFrame, its columns named by the user or
guessed by their names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lossaudit.arithmetic.arrays import Floats
from lossaudit.errors import LogFileError
from lossaudit.formats import delimited, documents, wandb
from lossaudit.formats.columns import Column, Columns, column_of, from_frame, from_rows, numeric
from lossaudit.formats.points import Points, recording_of
from lossaudit.recording import keys
from lossaudit.recording.names import Covers, Name, Split, split_of
from lossaudit.recording.recording import Recording

if TYPE_CHECKING:
    import pandas

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


@dataclass(frozen=True)
class Roles:
    """The names of columns; what is None is guessed.

    Args:
        loss: the loss of training.
        val_loss: the loss of validation.
        step: the step of each row.
        epoch: the epoch of each row.
        weight: how many rows of data are behind the numbers of each row.
        split: a word for the split of each row.
    """

    loss: str | None = None
    val_loss: str | None = None
    step: str | None = None
    epoch: str | None = None
    weight: str | None = None
    split: str | None = None

    def given(self) -> dict[str, str]:
        """The columns that the user named, by role."""
        named = {one.name: getattr(self, one.name) for one in fields(self)}
        return {role: column for role, column in named.items() if column is not None}


_GUESS = Roles()


def read_csv(
    path: Path, roles: Roles = _GUESS, *, run: str | None = None, covers: Covers | None = None
) -> Recording:
    """Read a table of delimited text; that of a W&B chart too, of which `run` picks one run.

    Raises:
        LogFileError: the file is damaged, holds no numbers, or has no column of a given name.
    """
    notes: list[str] = []
    layout, columns = delimited.read(path, notes)
    if wandb.is_export(layout.names):
        run, columns = wandb.run_of(columns, path, run, notes)
        points = points_of(columns, path.name, path, roles, notes, empty_is_nan=False)
        return recording_of(path, "wandb-csv", points, notes, covers=covers, run=run)
    return recording_of(
        path, "csv", points_of(columns, path.name, path, roles, notes), notes, covers=covers
    )


def read_json_lines(
    path: Path, roles: Roles = _GUESS, *, covers: Covers | None = None
) -> Recording:
    """Read a table that has a JSON object on each line.

    Raises:
        LogFileError: the file is damaged, holds no numbers, or has no column of a given name.
    """
    notes: list[str] = []
    columns = documents.read_lines(path, notes)
    return recording_of(
        path, "json-lines", points_of(columns, path.name, path, roles, notes), notes, covers=covers
    )


def is_table(document: Any) -> bool:
    """Whether a JSON document is an object of equally long lists of which one has steps or epochs."""
    if not isinstance(document, dict) or not all(
        isinstance(cells, list) for cells in document.values()
    ):
        return False
    places = {*_GUESSED["step"], *_GUESSED["epoch"]}
    return len({len(cells) for cells in document.values()}) == 1 and any(
        name.lower() in places for name in document
    )


def read_lists(
    path: Path,
    lists: Mapping[str, list[Any]],
    roles: Roles = _GUESS,
    *,
    covers: Covers | None = None,
) -> Recording:
    """Take a table whose columns are the lists of a JSON object.

    Raises:
        LogFileError: the lists are of several lengths, none holds numbers, or none has a given
            name.
    """
    lengths = {name: len(cells) for name, cells in lists.items()}
    if len(set(lengths.values())) > 1:
        raise LogFileError(f"{path} has columns of several lengths, which are no table: {lengths}")
    notes: list[str] = []
    columns = {name: column_of(cells) for name, cells in lists.items()}
    points = points_of(columns, path.name, path, roles, notes)
    return recording_of(path, "json", points, notes, covers=covers)


def read_rows(
    path: Path, rows: list[dict[str, Any]], roles: Roles = _GUESS, *, covers: Covers | None = None
) -> Recording:
    """Take a table whose rows are the objects of a JSON list.

    Raises:
        LogFileError: the table holds no numbers, or has no column of a given name.
    """
    notes: list[str] = []
    points = points_of(from_rows(rows), path.name, path, roles, notes)
    return recording_of(path, "json", points, notes, covers=covers)


def read_frame(
    frame: pandas.DataFrame, roles: Roles = _GUESS, *, covers: Covers | None = None
) -> Recording:
    """Take the columns of a DataFrame.

    Raises:
        LogFileError: the frame holds no numbers, or has no column of a given name.
    """
    notes: list[str] = []
    points = points_of(from_frame(frame), "DataFrame", "the DataFrame", roles, notes)
    return recording_of("DataFrame", "dataframe", points, notes, covers=covers)


def points_of(
    columns: Columns,
    origin: str,
    source: str | Path,
    roles: Roles,
    notes: list[str],
    *,
    empty_is_nan: bool = True,
) -> list[Points]:
    """Every column of numbers as points, but for the columns that say where and how much.

    Args:
        columns: the table.
        origin: what the origin of each series begins with.
        source: what errors call the table.
        roles: which columns the user named.
        notes: where it is said what was guessed or left out.
        empty_is_nan: whether the writer may have left a cell empty for a NaN.

    Raises:
        LogFileError: there is no column of numbers, or none of a given name.
    """
    found = _roles(columns, source, roles)
    splits = _splits(columns, found)
    others = {name: one for name, one in columns.items() if name != found.get("split")}
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
    _say(found, roles, notes)
    has_places = bool(places["step"] or places["epoch"])
    rows = _logged(metrics, empty_is_nan=empty_is_nan, has_places=has_places, notes=notes)
    return [
        _points(name, metrics[name], origin, found, places, kept, split)
        for name in metrics
        for split, kept in _parts(rows[name], splits)
        if kept.any() or not len(kept)
    ]


def _roles(columns: Columns, source: str | Path, roles: Roles) -> dict[str, str]:
    """The column of each role that is played, as named, or as guessed by its name."""
    given = roles.given()
    for role, name in given.items():
        if name not in columns:
            raise LogFileError(
                f"{role}={name!r} is no column of {source}; its columns are {_listed(columns)}"
            )
    by_name = {name.strip().lower(): name for name in columns if name not in given.values()}
    guessed = {
        role: by_name[word]
        for role, words in _GUESSED.items()
        for word in reversed(words)
        if word in by_name
    }
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
    """The table without clocks, which are no metric, and without the index that pandas writes
    before its columns.
    """
    clocks = [
        name for name in table if name.strip().lower() in _CLOCKS and name not in found.values()
    ]
    if clocks:
        notes.append(f"{', '.join(clocks)}: left out, as a time is no metric")
    index = [name for name in table if not name.strip() or name.startswith("Unnamed: ")]
    if index:
        notes.append("the column without a name: left out, as the index of the rows")
    return {name: one for name, one in table.items() if name not in clocks + index}


def _say(found: dict[str, str], roles: Roles, notes: list[str]) -> None:
    guessed = [
        f"{role} from {name!r}" for role, name in found.items() if role not in roles.given()
    ]
    if guessed:
        notes.append(f"guessed by the names of the columns: {', '.join(guessed)}")


def _logged(
    metrics: Columns, *, empty_is_nan: bool, has_places: bool, notes: list[str]
) -> dict[str, NDArray[np.bool_]]:
    """The rows in which each metric was logged, as a mask.

    An empty cell beside a number of another metric was not logged: a program that validates once
    an epoch leaves the cells between empty. One in a row without any number is a NaN, as pandas
    writes it, if the metric has numbers everywhere else. Without steps or epochs the position
    counts, so that nothing is left out.
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
    origin: str,
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
        steps = None  # it counts the batches of each epoch anew, which is no step
    asked = {found.get("loss"): "train", found.get("val_loss"): "validation"}
    role: Split | None = (
        "validation" if name == found.get("val_loss") else "train" if name in asked else None
    )
    return Points(
        name,
        column.numbers[rows],
        f"{origin}: {name}" + (f" ({split})" if split else ""),
        steps=steps,
        epochs=taken("epoch"),
        weights=taken("weight"),
        tag="loss" if role else None,
        split=split or role or Name(name).split,
        printed=True,
    )
