"""`History.history` as JSON: an object with a list of numbers, one for each epoch, under each key
of the logs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lossaudit.arithmetic.arrays import Ints
from lossaudit.errors import LogFileError
from lossaudit.formats.columns import Column, Columns, column_of, numeric
from lossaudit.formats.points import Points, recording_of
from lossaudit.recording import keys
from lossaudit.recording.names import Covers, Name
from lossaudit.recording.recording import Recording


def is_history(document: Any) -> bool:
    """Whether a JSON document is a History, or its `history`: an object of lists."""
    lists = lists_of(document)
    return bool(lists) and all(isinstance(one, list) for one in lists.values())


def read(path: Path, document: Any, *, covers: Covers | None = None) -> Recording:
    """Read the lists of a document; `epoch` beside `history` has the epochs, which else are
    unknown.

    Raises:
        LogFileError: no list holds numbers.
    """
    notes: list[str] = []
    epochs = document.get("epoch") if "history" in document else None
    lists = lists_of(document)
    losses = {name for name in lists if Name(name).tag == keys.LOSS}
    columns = numeric(
        {name: column_of(cells) for name, cells in lists.items()}, path, losses, notes
    )
    if not columns:
        raise LogFileError(f"{path} holds no list of numbers under {', '.join(map(repr, lists))}")
    points = [_points(path, name, column, epochs) for name, column in columns.items()]
    _say_empty(columns, notes)
    return recording_of(path, "keras-history", points, notes, covers=covers)


def lists_of(document: Any) -> Mapping[str, Any]:
    """The lists of a document; pandas writes a list as an object with the keys "0", "1" and so on."""
    inner = document.get("history") if isinstance(document, dict) else None
    found = inner if isinstance(inner, dict) and not _is_numbered(inner) else document
    if not isinstance(found, dict):
        return {}
    return {name: list(one.values()) if _is_numbered(one) else one for name, one in found.items()}


def _is_numbered(found: Any) -> bool:
    return isinstance(found, dict) and list(found) == [str(row) for row in range(len(found))]


def _points(path: Path, name: str, column: Column, epochs: list[int] | None) -> Points:
    return Points(
        name,
        column.numbers,
        f"{path.name}: {name}",
        epochs=_epochs(epochs, len(column.numbers)),
        covers=Name(name).covers or "epoch",
        printed=True,
    )


def _epochs(epochs: list[int] | None, length: int) -> Ints | None:
    """The epochs of a list that has a number for each of them."""
    return np.array(epochs, np.int64) if epochs is not None and len(epochs) == length else None


def _say_empty(columns: Columns, notes: list[str]) -> None:
    for name, column in columns.items():
        if column.gaps.any():
            notes.append(
                f"{name}: {column.gaps.sum():,} of {len(column.gaps):,} numbers are null: read as "
                "NaN"
            )
