"""`mlflow.db`, the SQLite database of MLflow: the metrics of one run in the order of logging."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import numpy as np

from lossaudit.errors import LogFileError
from lossaudit.formats.format import Format
from lossaudit.formats.log_file import LogFile
from lossaudit.formats.lossaudit_run import SQLITE
from lossaudit.formats.points import Points, recording_of
from lossaudit.recording.origins import Origin
from lossaudit.recording.recording import Recording

_ROW = np.dtype([("value", np.float64), ("step", np.int64), ("is_nan", np.bool_)])


def sniff(log: LogFile) -> bool:
    """Whether a file is a SQLite database with the tables of MLflow."""
    return log.head.startswith(SQLITE) and {"runs", "metrics"} <= _tables_of(log.path)


def read(log: LogFile) -> Recording:
    """Read the metrics of one run; the user picks it by name, id, or the start of its id.

    MLflow keeps two equal values of one step once if they were logged within a millisecond.

    Raises:
        LogFileError: the database is damaged or has no metrics, the run does not exist, or the
            user has to name one of several.
    """
    try:
        with closing(_opened(log.path)) as database:
            number, name = _run_of(database, log.path, log.run)
            points = list(_points(database, number, f"{log.file}, run {name}"))
    except sqlite3.Error as error:
        raise LogFileError(
            f"{log.path} is a database of MLflow, but cannot be read: {error}"
        ) from error
    return recording_of(log.path, FORMAT.name, points, covers=log.covers, run=name)


def _tables_of(path: Path) -> set[str]:
    """The names of the tables of a database; empty if it cannot be read."""
    query = "SELECT name FROM sqlite_master WHERE type = 'table'"
    try:
        with closing(_opened(path)) as database:
            return {name for (name,) in database.execute(query)}
    except sqlite3.Error:
        return set()


def _opened(path: Path) -> sqlite3.Connection:
    # Read-only: a connection that can write may create a journal next to somebody's log.
    return sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True, timeout=60)


def _run_of(database: sqlite3.Connection, path: Path, run: str | None) -> tuple[str, str]:
    """The id and the name of the run to read; a deleted run is read only if it is named."""
    rows = database.execute(
        "SELECT run_uuid, coalesce(name, run_uuid), lifecycle_stage = 'deleted' FROM runs "
        # A run that failed before its first metric must not make the choice ambiguous.
        "WHERE run_uuid IN (SELECT run_uuid FROM metrics) ORDER BY start_time"
    ).fetchall()
    found = [
        row[:2]
        for row in rows
        if (not row[2] if run is None else run == row[1] or row[0].startswith(run))
    ]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(f"{name} ({number})" for number, name, _ in rows) or "no run"
    raise LogFileError(
        f"run={run!r} picks {len(found)} runs; {path} has metrics of {listed}: name one with run=…"
    )


def _points(database: sqlite3.Connection, run: str, file: str) -> Iterator[Points]:
    metrics = database.execute(
        "SELECT key FROM metrics WHERE run_uuid = ? GROUP BY key ORDER BY min(rowid)", (run,)
    )
    # By rowid, the order of logging: the timestamps have milliseconds only, and steps may repeat.
    query = "SELECT value, step, is_nan FROM metrics WHERE run_uuid = ? AND key = ? ORDER BY rowid"
    for (name,) in metrics.fetchall():
        rows = np.fromiter(database.execute(query, (run, name)), _ROW)
        # MLflow stores NaN as 0 with a mark, and an infinity as the largest float.
        values = np.where(rows["is_nan"], np.nan, rows["value"])
        is_infinite = np.abs(values) == sys.float_info.max
        values = np.where(is_infinite, np.copysign(np.inf, values), values)
        axis = rows["step"].astype(np.int64)
        yield Points(name, values, Origin(name, file=file), axis=axis)


FORMAT = Format("mlflow", "an mlflow.db", sniff, read, before=("lossaudit",))
