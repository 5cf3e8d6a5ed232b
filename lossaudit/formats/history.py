"""`History.history` as JSON: a list of numbers, one for each epoch, under each key of the logs."""

from __future__ import annotations

from typing import Any

import numpy as np

from lossaudit.arithmetic.arrays import Ints
from lossaudit.errors import LogFileError
from lossaudit.formats.columns import Column, Columns, column_of, numeric
from lossaudit.formats.documents import lists_of
from lossaudit.formats.format import Format
from lossaudit.formats.log_file import LogFile
from lossaudit.formats.points import Points, recording_of
from lossaudit.recording import keys
from lossaudit.recording.names import Name
from lossaudit.recording.origins import Origin
from lossaudit.recording.recording import Recording


def sniff(log: LogFile) -> bool:
    """Whether a document is a History, or its `history`: an object of lists."""
    return bool(lists_of(log.document))


def read(log: LogFile) -> Recording:
    """Read the lists; `epoch` next to `history` has their epochs, else the epochs are unknown.

    Raises:
        LogFileError: no list has numbers.
    """
    notes: list[str] = []
    lists = lists_of(log.document)
    # A dump of a `History` object has its two attributes, `history` and `epoch`, as keys.
    epochs = log.document.get("epoch") if "history" in log.document else None
    losses = {name for name in lists if Name(name).tag == keys.LOSS}
    columns = numeric(
        {name: column_of(cells) for name, cells in lists.items()}, log.path, losses, notes
    )
    if not columns:
        raise LogFileError(
            f"{log.path} has no list of numbers; its keys are {', '.join(map(repr, lists))}"
        )
    points = [_points(log.file, name, column, epochs) for name, column in columns.items()]
    _note_empty(columns, notes)
    return recording_of(log.path, FORMAT.name, points, notes, covers=log.covers)


def _points(file: str, name: str, column: Column, epochs: list[Any] | None) -> Points:
    return Points(
        name,
        column.numbers,
        Origin(name, file=file),
        epochs=_epochs(epochs, len(column.numbers)),
        covers=Name(name).covers or "epoch",
        printed=True,
    )


def _epochs(epochs: list[Any] | None, length: int) -> Ints | None:
    """The epochs as an array, if there is one for each number."""
    return np.array(epochs, np.int64) if epochs is not None and len(epochs) == length else None


def _note_empty(columns: Columns, notes: list[str]) -> None:
    for name, column in columns.items():
        empty, total = column.gaps.sum(), len(column.gaps)
        if empty:
            notes.append(f"{name}: {empty:,} of {total:,} numbers are null: read as NaN")


FORMAT = Format("keras-history", "`History.history` as JSON", sniff, read)
