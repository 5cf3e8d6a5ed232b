"""A table as one JSON document: a list of objects, or an object of equally long lists."""

from __future__ import annotations

from typing import Any

from lossaudit.errors import LogFileError
from lossaudit.formats.columns import Columns, column_of, from_rows
from lossaudit.formats.documents import lists_of
from lossaudit.formats.format import Format
from lossaudit.formats.log_file import LogFile
from lossaudit.formats.points import recording_of
from lossaudit.formats.table import PLACES, points_of
from lossaudit.recording.recording import Recording


def sniff(log: LogFile) -> bool:
    """Whether a document is a table; an object of lists is one if it has steps or epochs.

    Without them it is a History, unless the user names columns.
    """
    if _are_rows(log.document):
        return True
    lists = lists_of(log.document)
    return bool(lists) and (bool(log.roles.given()) or _have_places(lists))


def read(log: LogFile) -> Recording:
    """Read a table from a JSON document.

    Raises:
        LogFileError: the lists differ in length, there are no numbers, or a named column is
            missing.
    """
    notes: list[str] = []
    points = points_of(_columns(log), log.file, log.path, log.roles, notes)
    return recording_of(log.path, FORMAT.name, points, notes, covers=log.covers)


def _are_rows(document: Any) -> bool:
    return (
        isinstance(document, list)
        and bool(document)
        and all(isinstance(row, dict) for row in document)
    )


def _have_places(lists: dict[str, list[Any]]) -> bool:
    """Whether lists are equally long and one of them has steps or epochs."""
    same_length = len({len(cells) for cells in lists.values()}) == 1
    return same_length and any(name.lower() in PLACES for name in lists)


def _columns(log: LogFile) -> Columns:
    if isinstance(log.document, list):
        return from_rows(log.document)
    lists = lists_of(log.document)
    lengths = {name: len(cells) for name, cells in lists.items()}
    if len(set(lengths.values())) > 1:
        raise LogFileError(f"{log.path} is not a table: its columns differ in length: {lengths}")
    return {name: column_of(cells) for name, cells in lists.items()}


FORMAT = Format(
    "json", "a table as JSON", sniff, read, before=("keras-history",), has_columns=True
)
