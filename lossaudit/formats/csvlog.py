"""The file of `keras.callbacks.CSVLogger`: one row for each epoch, numbered from 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lossaudit.formats import delimited
from lossaudit.formats.format import Format
from lossaudit.formats.log_file import LogFile, Roles
from lossaudit.formats.points import recording_of
from lossaudit.formats.table import points_of
from lossaudit.recording import keys
from lossaudit.recording.recording import Recording


def is_header(names: Sequence[str]) -> bool:
    """Whether CSVLogger writes a header of these names: the epoch, then the sorted keys.

    >>> is_header(["epoch", "loss", "val_loss"]), is_header(["epoch", "val_loss", "loss"])
    (True, False)
    """
    first, logged = names[0], list(names[1:])
    plain = [key for key in logged if not key.startswith("val_")]
    # If the first epoch has no validation (`validation_freq=2`), Keras appends the keys of
    # validation to the sorted ones.
    orders = (sorted(logged), sorted(plain) + [f"val_{key}" for key in sorted(plain)])
    return first == "epoch" and keys.LOSS in logged and logged in orders


def sniff(log: LogFile) -> bool:
    """Whether a log has the header of CSVLogger; a user who names columns reads a plain table."""
    return log.layout is not None and not log.roles.given() and is_header(log.layout.names)


def read(log: LogFile) -> Recording:
    """Read what one or several trainings appended; epochs that occur twice are kept twice.

    Raises:
        LogFileError: the file is damaged.
    """
    notes: list[str] = []
    columns = delimited.read(log.path, log.layout, notes)
    # CSVLogger writes NA in epochs without validation, and `nan` for a logged NaN.
    points = points_of(
        columns, log.file, log.path, Roles(epoch="epoch"), notes, empty_is_nan=False
    )
    by_epoch = [replace(one, covers="epoch") for one in points]
    return recording_of(log.path, FORMAT.name, by_epoch, notes, covers=log.covers)


FORMAT = Format("keras-csvlogger", "a CSV file of Keras' CSVLogger", sniff, read, before=("csv",))
