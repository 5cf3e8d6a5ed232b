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
    epochs = _epochs(log.document, notes)
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


def _epochs(document: Any, notes: list[str]) -> Ints | None:
    """The epochs of a dump of a `History` object, which has `history` and `epoch` as keys."""
    epochs = document.get("epoch") if "history" in document else None
    if epochs is None:
        return None
    if isinstance(epochs, list) and all(type(one) is int for one in epochs):
        return np.array(epochs, np.int64)
    notes.append(f"epoch: {epochs!r} is no list of whole numbers: the epochs are unknown")
    return None


def _points(file: str, name: str, column: Column, epochs: Ints | None) -> Points:
    return Points(
        name,
        column.numbers,
        Origin(name, file=file),
        # `validation_freq` makes shorter lists, whose epochs `epoch` does not say.
        epochs=epochs if epochs is not None and len(epochs) == len(column.numbers) else None,
        covers=Name(name).covers or "epoch",
        printed=True,
    )


def _note_empty(columns: Columns, notes: list[str]) -> None:
    for name, column in columns.items():
        empty, total = column.gaps.sum(), len(column.gaps)
        if empty:
            notes.append(f"{name}: {empty:,} of {total:,} numbers are null: read as NaN")


FORMAT = Format("keras-history", "`History.history` as JSON", sniff, read)
