"""The run file: a SQLite database to which a training appends its losses in chunks."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, fields
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from lossaudit.errors import RunFileError
from lossaudit.recording.series import Series

FORMAT = "lossaudit run file, version 1"
# Little-endian by name, so that a file is the same on every machine.
_COLUMNS = {"values": "<f8", "weights": "<f8", "epochs": "<i8", "steps": "<i8"}
_SCHEMA = """
CREATE TABLE file (format TEXT NOT NULL);
CREATE TABLE sessions (id INTEGER PRIMARY KEY, run TEXT, metadata TEXT NOT NULL);
CREATE TABLE series (
    id INTEGER PRIMARY KEY, session INTEGER NOT NULL REFERENCES sessions, attributes TEXT NOT NULL
);
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY, series INTEGER NOT NULL REFERENCES series,
    "values" BLOB NOT NULL, weights BLOB, epochs BLOB, steps BLOB
);
"""


@dataclass(frozen=True, eq=False)
class Session:
    """The series that one training wrote to a run file before it ended or was interrupted.

    Args:
        run: the name of the run, if it has one.
        metadata: the metadata of the run.
        series: its numbers.
    """

    run: str | None
    metadata: Mapping[str, Any]
    series: tuple[Series, ...]


class RunFile:
    """A run file that is open for writing; numbers survive `kill -9` once `append` returns.

    An existing file is continued with a session of its own, which readers see as a restart.

    Args:
        path: the file to write or to continue.
        run: a name for the run.

    Raises:
        RunFileError: the file cannot be created or written, or is not a run file.
    """

    def __init__(self, path: str | PathLike[str], *, run: str | None = None) -> None:
        self.path = Path(path)
        self._series: dict[str, int] = {}
        self.reopen()
        try:
            self._begin(run)
        except sqlite3.Error as error:
            raise self._refusal(error) from error

    def reopen(self) -> None:
        """Continue the session of a closed file.

        Raises:
            RunFileError: the file cannot be opened.
        """
        try:
            # Calls never overlap, but they may come from another thread than this one.
            self._database = sqlite3.connect(self.path, timeout=60, check_same_thread=False)
        except sqlite3.Error as error:
            raise self._refusal(error) from error
        self.closed = False

    def append(
        self, parts: Iterable[Series], *, metadata: Mapping[str, Any] | None = None
    ) -> None:
        """Write more numbers of some series, and the current metadata.

        Parts with equal attributes belong to one series.

        Raises:
            RunFileError: the disk is full or the file cannot be written; no part was written.
        """
        # A rollback removes new rows of `series`, so their ids must not be used again.
        known = dict(self._series)
        try:
            with self._database:
                # One transaction for all: after a `kill -9` the file has every part or none of
                # them.
                for part in parts:
                    attributes = attributes_of(part)
                    if attributes not in self._series:
                        self._series[attributes] = self._new_series(attributes)
                    self._new_chunk(self._series[attributes], part)
                if metadata is not None:
                    row = (json.dumps(dict(metadata)), self._session)
                    self._database.execute("UPDATE sessions SET metadata = ? WHERE id = ?", row)
        except sqlite3.Error as error:
            self._series = known
            raise self._refusal(error) from error

    def sessions(self) -> list[Session]:
        """The series that this session has written; the file may be closed."""
        with closing(sqlite3.connect(self.path, timeout=60)) as database:
            return _sessions(database, self._session)

    def close(self) -> None:
        """Close the file."""
        # Leaving WAL mode removes the -wal and -shm files, unless another process is reading.
        with suppress(sqlite3.Error):
            self._database.execute("PRAGMA journal_mode = DELETE")
        self._database.close()
        self.closed = True

    def _refusal(self, error: sqlite3.Error) -> RunFileError:
        return RunFileError(f"path={str(self.path)!r} cannot be written as a {FORMAT}: {error}")

    def _begin(self, run: str | None) -> None:
        # SQLite takes an empty file for an empty database: `touch` and `tempfile` make such files.
        if self._database.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
            # `executescript` opens no transaction: without one, a kill between schema and format
            # would leave a file that no later run can continue.
            self._database.executescript(
                f"BEGIN;{_SCHEMA}INSERT INTO file VALUES ('{FORMAT}');COMMIT;"
            )
        _check_format(self._database)
        # With a write-ahead log readers see whole commits and never block the training
        # (sqlite.org/wal.html).
        self._database.execute("PRAGMA journal_mode = WAL")
        with self._database:
            self._session = self._database.execute(
                "INSERT INTO sessions VALUES (NULL, ?, '{}')", (run,)
            ).lastrowid

    def _new_series(self, attributes: str) -> int:
        row = self._database.execute(
            "INSERT INTO series VALUES (NULL, ?, ?)", (self._session, attributes)
        )
        return row.lastrowid or 0

    def _new_chunk(self, series: int, part: Series) -> None:
        columns = [getattr(part, name) for name in _COLUMNS]
        blobs = [
            None if c is None else c.astype(kind).tobytes()
            for c, kind in zip(columns, _COLUMNS.values(), strict=True)
        ]
        self._database.execute("INSERT INTO chunks VALUES (NULL, ?, ?, ?, ?, ?)", (series, *blobs))


def read_sessions(path: str | PathLike[str]) -> list[Session]:
    """Read the sessions of a run file in order, also while a training writes to it.

    Raises:
        FileNotFoundError: `path` is not a file.
        RunFileError: the file is not a run file, or is damaged.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"path={str(path)!r} is not a file")
    try:
        with closing(sqlite3.connect(path, timeout=60)) as database:
            _check_format(database)
            return _sessions(database)
    except (sqlite3.Error, ValueError, TypeError) as error:
        raise RunFileError(f"{path} is not a {FORMAT}, or is damaged: {error}") from error


def write_new(path: str | PathLike[str], session: Session) -> None:
    """Write a new run file with one session.

    Raises:
        FileExistsError: `path` exists.
        OSError: the folder of `path` does not exist or cannot be written.
        RunFileError: the disk is full.
    """
    # Mode x fails if the file exists, with no gap between the check and the creation.
    with Path(path).open("xb"):
        pass
    file = RunFile(path, run=session.run)
    with closing(file):
        file.append([], metadata=session.metadata)
        for series in session.series:
            # Two series with equal attributes stay two.
            file._series.clear()
            file.append([series])


def _check_format(database: sqlite3.Connection) -> None:
    found = database.execute("SELECT format FROM file").fetchone()
    if found != (FORMAT,):
        raise sqlite3.DatabaseError(f"its format is {found and found[0]!r}")


def attributes_of(series: Series) -> str:
    """The attributes of a series that are not columns, as JSON; they identify it in a file."""
    # Equal attributes give equal text, because the fields are always in this order.
    return json.dumps(
        {one.name: getattr(series, one.name) for one in fields(series) if one.name not in _COLUMNS}
    )


def _sessions(database: sqlite3.Connection, only: int | None = None) -> list[Session]:
    """All sessions of a file, or the one with the id `only`."""
    query = "SELECT id, run, metadata FROM sessions WHERE id = ?1 OR ?1 IS NULL"
    sessions = database.execute(query, (only,)).fetchall()
    rows = database.execute("SELECT id, session, attributes FROM series ORDER BY id").fetchall()
    return [
        Session(
            run,
            json.loads(metadata),
            tuple(_series(database, *row) for row in rows if row[1] == number),
        )
        for number, run, metadata in sessions
    ]


def _series(database: sqlite3.Connection, number: int, _: int, attributes: str) -> Series:
    query = 'SELECT "values", weights, epochs, steps FROM chunks WHERE series = ? ORDER BY id'
    chunks = database.execute(query, (number,)).fetchall()
    columns: Any = zip(*chunks, strict=True) if chunks else [[b""], [None], [None], [None]]
    whole: dict[str, Any] = {
        # All chunks become one array at once; joining series would check and copy each chunk.
        name: None if None in found else np.frombuffer(b"".join(found), dtype=kind)
        for (name, kind), found in zip(_COLUMNS.items(), columns, strict=True)
    }
    return Series(**json.loads(attributes), **whole)
