"""A pandas DataFrame as a table; it has no path, so `reading` passes it on by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossaudit.formats.columns import from_frame
from lossaudit.formats.log_file import Roles
from lossaudit.formats.points import recording_of
from lossaudit.formats.table import points_of
from lossaudit.recording.names import Covers
from lossaudit.recording.recording import Recording

if TYPE_CHECKING:
    import pandas


def read_frame(
    frame: pandas.DataFrame, roles: Roles, *, covers: Covers | None = None
) -> Recording:
    """Read the columns of a DataFrame.

    Raises:
        LogFileError: the frame has no numbers, or lacks a named column.
    """
    notes: list[str] = []
    points = points_of(from_frame(frame), "DataFrame", "the DataFrame", roles, notes)
    return recording_of("DataFrame", "dataframe", points, notes, covers=covers)
