"""The run file that `LossRecorder(path=…)` and `Recording.save` write."""

from __future__ import annotations

from dataclasses import replace

from lossaudit.formats.format import Format
from lossaudit.formats.log_file import LogFile
from lossaudit.recording import recording
from lossaudit.recording.origins import Origin
from lossaudit.recording.recording import Recording

SQLITE = b"SQLite format 3\0"
"""How every SQLite database begins (sqlite.org/fileformat.html)."""


def sniff(log: LogFile) -> bool:
    """Whether a file is a SQLite database; other formats in one are asked before."""
    return log.head.startswith(SQLITE)


def read(log: LogFile) -> Recording:
    """Read all sessions of a run file.

    Where origins show the whole path, each begins with it; else they stay as recorded.

    Raises:
        RunFileError: the file is not a run file, or is damaged.
    """
    recorded = recording.read(log.path)
    if not log.shown:
        return recorded
    placed = (
        one.with_origin(Origin(one.origin or one.name, file=log.shown)) for one in recorded.series
    )
    return replace(recorded, series=tuple(placed))


FORMAT = Format("lossaudit", "a run file of lossaudit", sniff, read)
