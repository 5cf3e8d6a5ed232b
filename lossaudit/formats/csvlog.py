"""The file of `keras.callbacks.CSVLogger`: one row for each epoch, numbered from 0, under the keys
of the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lossaudit.formats import delimited
from lossaudit.formats.points import recording_of
from lossaudit.formats.table import Roles, points_of
from lossaudit.recording.names import Covers
from lossaudit.recording.recording import Recording


def is_header(names: Sequence[str]) -> bool:
    """Whether names of columns are those that CSVLogger writes: the epoch, then the keys of the
    logs, sorted.

    Where the logs of the first epoch have no validation, Keras adds the keys of validation after
    the sorted ones.

    >>> is_header(["epoch", "loss", "val_loss"]), is_header(["epoch", "val_loss", "loss"])
    (True, False)
    """
    first, keys = names[0], list(names[1:])
    plain = [key for key in keys if not key.startswith("val_")]
    orders = (sorted(keys), sorted(plain) + [f"val_{key}" for key in sorted(plain)])
    return first == "epoch" and "loss" in keys and keys in orders


def read(path: Path, *, covers: Covers | None = None) -> Recording:
    """Read what one or several trainings appended; epochs that are there twice stay there twice.

    Raises:
        LogFileError: the file is damaged.
    """
    notes: list[str] = []
    _, columns = delimited.read(path, notes)
    points = points_of(columns, path.name, path, Roles(epoch="epoch"), notes, empty_is_nan=False)
    by_epoch = [replace(one, covers="epoch") for one in points]
    return recording_of(path, "keras-csvlogger", by_epoch, notes, covers=covers)
