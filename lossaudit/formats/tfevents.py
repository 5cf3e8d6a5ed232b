"""Event files of TensorBoard: every point that Keras' callback, `tf.summary` and others wrote.

The folders name the run and the split of the points; `events` reads the files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from lossaudit.errors import LogFileError
from lossaudit.formats.events import Scan, scan_file
from lossaudit.formats.format import Format
from lossaudit.formats.log_file import LogFile
from lossaudit.formats.points import Points, recording_of
from lossaudit.recording.names import split_of
from lossaudit.recording.origins import Origin
from lossaudit.recording.recording import Recording

_SHORTEST = 64
"""Bytes in which the version of the file appears, after the length, checksum and time."""


def sniff(log: LogFile) -> bool:
    """Whether a path is a folder, or a file that begins with the version of event files."""
    if log.is_folder:
        return True
    # A file that is cut off before its version can be told by its name only.
    is_cut_off = len(log.head) < _SHORTEST and "tfevents" in log.path.name
    return not log.is_text and (b"brain.Event:" in log.head[:_SHORTEST] or is_cut_off)


def read(log: LogFile) -> Recording:
    """Read an event file, or all those of one run in a folder.

    A folder named like a split ("train", "validation", "eval", …) has the points of that split;
    any other folder is a run of that name.

    Raises:
        LogFileError: there is no event file, one is damaged, TensorFlow is missing, or the user
            has to name one of several runs.
    """
    files = _files_in(log.path) if log.is_folder else [log.path]
    if not files:
        raise LogFileError(
            f"{log.path} is a folder without event files (named …tfevents…) in it or below it"
        )
    run, chosen = _run_of(log.path, files, log.run)
    points: list[Points] = []
    notes: list[str] = []
    for folder, members in chosen.items():
        scan = Scan()
        for file in members:
            scan_file(file, scan)
        points += _points(scan, folder, log)
        notes += _notes(scan, folder, members)
    return recording_of(log.path, FORMAT.name, points, notes, covers=log.covers, run=run)


def _files_in(folder: Path) -> list[Path]:
    """The event files in a folder and below it, in the order of their creation."""
    return sorted((path for path in folder.rglob("*tfevents*") if path.is_file()), key=_creation)


def _creation(path: Path) -> tuple[int, list[tuple[int, str]]]:
    """A sort key: the second in the file's name, then the name with its numbers as numbers."""
    found = re.search(r"tfevents\.(\d+)", path.name)
    # As text, 10 would come before 9.
    parts = re.split(r"(\d+)", path.name)
    return int(found[1]) if found else 0, [
        (int(part), "") if part.isdigit() else (0, part) for part in parts
    ]


def _run_of(
    path: Path, files: Sequence[Path], run: str | None
) -> tuple[str | None, dict[Path, list[Path]]]:
    """The run to read, and its event files by folder."""
    runs: dict[str, dict[Path, list[Path]]] = {}
    for file in files:
        folder = file.parent
        # Keras writes folders `train` and `validation` below the log folder: both are one run.
        is_split = folder != path and path.is_dir() and split_of(folder.name) is not None
        home = folder.parent if is_split else folder
        name = home.relative_to(path).as_posix() if path.is_dir() else "."
        runs.setdefault(name, {}).setdefault(folder, []).append(file)
    if run is None and len(runs) == 1:
        (only,) = runs
        return None if only == "." else only, runs[only]
    if run not in runs:
        listed = ", ".join(map(repr, sorted(runs)))
        raise LogFileError(f"run={run!r}, but {path} has the runs {listed}: name one with run=…")
    return run, runs[run]


def _points(scan: Scan, folder: Path, log: LogFile) -> Iterator[Points]:
    inside = folder not in (log.path, log.path.parent)
    file = f"{log.file}/{folder.relative_to(log.path).as_posix()}" if inside else log.file
    split = split_of(folder.name)
    for name, steps, values in scan.series():
        yield Points(name, values, Origin(name, file=file), axis=steps, split=split)


def _notes(scan: Scan, folder: Path, files: Sequence[Path]) -> Iterator[str]:
    yield from scan.notes
    if len(files) > 1:
        yield f"{folder.name} has {len(files)} event files, read in the order of their creation"
    if scan.others:
        tags, count = ", ".join(scan.others), sum(scan.others.values())
        yield f"{count:,} summaries that are not scalars are left out: {tags:.200}"


FORMAT = Format("tensorboard", "an event file of TensorBoard or a folder of them", sniff, read)
