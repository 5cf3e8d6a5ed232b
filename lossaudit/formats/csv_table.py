"""A table of delimited text: one column for each metric."""

from __future__ import annotations

from lossaudit.formats import delimited
from lossaudit.formats.format import Format
from lossaudit.formats.log_file import LogFile
from lossaudit.formats.points import recording_of
from lossaudit.formats.table import points_of
from lossaudit.recording.recording import Recording


def sniff(log: LogFile) -> bool:
    """Whether a log is text that is not JSON."""
    return log.layout is not None


def read(log: LogFile) -> Recording:
    """Read a table of delimited text.

    Raises:
        LogFileError: the file is damaged, has no numbers, or lacks a named column.
    """
    notes: list[str] = []
    columns = delimited.read(log.path, log.layout, notes)
    points = points_of(columns, log.file, log.path, log.roles, notes)
    return recording_of(log.path, FORMAT.name, points, notes, covers=log.covers)


FORMAT = Format("csv", "a CSV file", sniff, read, has_columns=True)
