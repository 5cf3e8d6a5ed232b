"""`mlflow.db`, the SQLite database of MLflow: the metrics of one run, in the order in which they
were logged.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import numpy as np

from lossaudit.errors import LogFileError
from lossaudit.formats.points import Points, recording_of
from lossaudit.recording.names import Covers
from lossaudit.recording.recording import Recording

_ROW = np.dtype([("value", np.float64), ("step", np.int64), ("is_nan", np.bool_)])


def tables_of(path: Path) -> set[str]:
    """The names of the tables of a database; none where it cannot be read."""
    try:
        with closing(_opened(path)) as database:
            return {
                name
                for (name,) in database.execute(
                    "SELECT name FROM sqlite_master WHERE type = 'table'"
                )
            }
    except sqlite3.Error:
        return set()


def read(path: Path, *, run: str | None = None, covers: Covers | None = None) -> Recording:
    """Read the metrics of one run, which `run` picks by its name, its id, or the beginning of its
    id.

    MLflow marks NaN, and stores an infinity as the largest float; both are read as what was
    logged. What was logged twice in a millisecond, at one step and with one value, MLflow keeps
    once.

    Raises:
        LogFileError: the database is damaged, has no metrics, several runs and none is asked for,
            or no such run.
    """
    try:
        with closing(_opened(path)) as database:
            number, name = _run_of(database, path, run)
            points = list(_points(database, number, f"{path.name}, run {name}"))
    except sqlite3.Error as error:
        raise LogFileError(
            f"{path} is a database of MLflow, but cannot be read: {error}"
        ) from error
    return recording_of(path, "mlflow", points, covers=covers, run=name)


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True, timeout=60)


def _run_of(database: sqlite3.Connection, path: Path, run: str | None) -> tuple[str, str]:
    """The id and the name of the run to read; deleted runs are read only if they are asked for."""
    rows = database.execute(
        "SELECT run_uuid, coalesce(name, run_uuid), lifecycle_stage = 'deleted' FROM runs "
        "WHERE run_uuid IN (SELECT run_uuid FROM metrics) ORDER BY start_time"
    ).fetchall()
    found = [
        row[:2]
        for row in rows
        if (not row[2] if run is None else run == row[1] or row[0].startswith(run))
    ]
    if len(found) == 1:
        return found[0]
    there = ", ".join(f"{name} ({number})" for number, name, _ in rows) or "no run"
    raise LogFileError(
        f"run={run!r} picks {len(found)} runs; {path} has metrics of {there}: name one with run=…"
    )


def _points(database: sqlite3.Connection, run: str, origin: str) -> Iterator[Points]:
    keys = database.execute(
        "SELECT key FROM metrics WHERE run_uuid = ? GROUP BY key ORDER BY min(rowid)", (run,)
    )
    for (key,) in keys.fetchall():
        query = (
            "SELECT value, step, is_nan FROM metrics WHERE run_uuid = ? AND key = ? ORDER BY rowid"
        )
        rows = np.fromiter(database.execute(query, (run, key)), _ROW)
        values = np.where(rows["is_nan"], np.nan, rows["value"])
        largest = sys.float_info.max
        values = np.where(np.abs(values) == largest, np.copysign(np.inf, values), values)
        yield Points(key, values, f"{origin}: {key}", axis=rows["step"].astype(np.int64))
