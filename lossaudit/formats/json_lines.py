"""JSON lines: a table with one JSON object on each line."""

from __future__ import annotations

from lossaudit.formats import documents
from lossaudit.formats.format import Format
from lossaudit.formats.log_file import LogFile
from lossaudit.formats.points import recording_of
from lossaudit.formats.table import points_of
from lossaudit.recording.recording import Recording


def sniff(log: LogFile) -> bool:
    """Whether a log is JSON that is not one document."""
    return log.is_json and log.document is None


def read(log: LogFile) -> Recording:
    """Read a table that has a JSON object on each line.

    Raises:
        LogFileError: the file is damaged, has no numbers, or lacks a named column.
    """
    notes: list[str] = []
    columns = documents.read_lines(log.path, notes)
    points = points_of(columns, log.file, log.path, log.roles, notes)
    return recording_of(log.path, FORMAT.name, points, notes, covers=log.covers)


FORMAT = Format("json-lines", "a file of JSON lines", sniff, read, has_columns=True)
