"""One run file: a SQLite database that holds a Recording, column by column."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import fields
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from lossaudit.errors import RunFileError
from lossaudit.recordings import Recording, Series

FORMAT = "lossaudit run file, version 1"
_COLUMNS = {"values": "<f8", "weights": "<f8", "epochs": "<i8", "steps": "<i8"}
_SCHEMA = """
CREATE TABLE file (format TEXT NOT NULL, run TEXT, metadata TEXT NOT NULL);
CREATE TABLE series (id INTEGER PRIMARY KEY, attributes TEXT NOT NULL);
CREATE TABLE columns (series INTEGER NOT NULL REFERENCES series, name TEXT NOT NULL, data BLOB NOT NULL);
"""


def save(recording: Recording, path: str | PathLike[str]) -> None:
    """Write a recording to a new run file.

    Raises:
        FileExistsError: there is a file at `path` already.
        OSError: the folder of `path` does not exist or cannot be written.
    """
    with Path(path).open("xb"):
        pass
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(_SCHEMA)
        metadata = json.dumps(dict(recording.metadata))
        database.execute("INSERT INTO file VALUES (?, ?, ?)", (FORMAT, recording.run, metadata))
        for number, series in enumerate(recording.series):
            _insert(database, number, series)


def read(path: str | PathLike[str]) -> Recording:
    """Read the recording that a file holds.

    Args:
        path: a run file, as `Recording.save` writes it.

    Raises:
        FileNotFoundError: there is no file at `path`.
        RunFileError: the file is not a run file, or is damaged.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"path={str(path)!r} is not a file")
    try:
        with closing(sqlite3.connect(path)) as database:
            return _recording(database)
    except (sqlite3.Error, ValueError, TypeError) as error:
        raise RunFileError(f"{path} is not a {FORMAT}: {error}") from error


def _insert(database: sqlite3.Connection, number: int, series: Series) -> None:
    attributes = {one.name: getattr(series, one.name) for one in fields(series) if one.name not in _COLUMNS}
    database.execute("INSERT INTO series VALUES (?, ?)", (number, json.dumps(attributes)))
    for name, kind in _COLUMNS.items():
        column = getattr(series, name)
        if column is not None:
            database.execute("INSERT INTO columns VALUES (?, ?, ?)", (number, name, column.astype(kind).tobytes()))


def _recording(database: sqlite3.Connection) -> Recording:
    found, run, metadata = database.execute("SELECT * FROM file").fetchone()
    if found != FORMAT:
        raise RunFileError(f"its format is {found!r}")
    rows = database.execute("SELECT id, attributes FROM series ORDER BY id").fetchall()
    series = [Series(**json.loads(attributes), **_columns(database, number)) for number, attributes in rows]
    return Recording(series, run=run, metadata=json.loads(metadata))


def _columns(database: sqlite3.Connection, number: int) -> dict[str, Any]:
    rows = database.execute("SELECT name, data FROM columns WHERE series = ?", (number,))
    return {name: np.frombuffer(data, dtype=_COLUMNS[name]) for name, data in rows}
