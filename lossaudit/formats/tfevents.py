"""Event files, as Keras' TensorBoard callback, `tf.summary` and other writers of TensorBoard make
them: every point.

The folders say which run and which split the points are of; `events` reads the files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from lossaudit.errors import LogFileError
from lossaudit.formats.events import Scan, scan_file
from lossaudit.formats.points import Points, recording_of
from lossaudit.recording.names import Covers, Split, split_of
from lossaudit.recording.recording import Recording


def is_event_file(head: bytes) -> bool:
    """Whether a file begins with the record in which event files say their version."""
    return b"brain.Event:" in head[:64]


def files_in(folder: Path) -> list[Path]:
    """The event files in a folder and the folders in it, in the order in which they were begun."""
    return sorted((path for path in folder.rglob("*tfevents*") if path.is_file()), key=_begun)


def read(path: Path, *, run: str | None = None, covers: Covers | None = None) -> Recording:
    """Read an event file, or all those of one run in a folder.

    A folder named like a split ("train", "validation", "eval", …) has what was logged of that
    split; any other folder is a run of that name.

    Raises:
        LogFileError: a file is damaged, the folder has several runs and none is asked for, or
            TensorFlow is missing.
    """
    files = files_in(path) if path.is_dir() else [path]
    run, chosen = _run_of(path, files, run)
    points: list[Points] = []
    notes: list[str] = []
    for folder, members in chosen.items():
        scan = Scan()
        for file in members:
            scan_file(file, scan)
        points += _points(scan, folder, path)
        notes += _notes(scan, folder, members)
    return recording_of(path, "tensorboard", points, notes, covers=covers, run=run)


def _begun(path: Path) -> tuple[int, list[tuple[int, str]]]:
    """The second in a file's name, and what follows it with its numbers as numbers."""
    found = re.search(r"tfevents\.(\d+)", path.name)
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
        inside = folder != path and path.is_dir() and split_of(folder.name) is not None
        home = folder.parent if inside else folder
        name = home.relative_to(path).as_posix() if path.is_dir() else "."
        runs.setdefault(name, {}).setdefault(folder, []).append(file)
    if run is None and len(runs) == 1:
        (only,) = runs
        return None if only == "." else only, runs[only]
    if run not in runs:
        there = ", ".join(map(repr, sorted(runs)))
        raise LogFileError(f"run={run!r}, but {path} holds the runs {there}: name one with run=…")
    return run, runs[run]


def _points(scan: Scan, folder: Path, path: Path) -> Iterator[Points]:
    split: Split | None = split_of(folder.name)
    place = (
        path.name
        if folder in (path, path.parent)
        else f"{path.name}/{folder.relative_to(path).as_posix()}"
    )
    for name, steps, values in scan.series():
        yield Points(name, values, f"{place}: {name}", axis=steps, split=split)


def _notes(scan: Scan, folder: Path, files: Sequence[Path]) -> Iterator[str]:
    yield from scan.notes
    if len(files) > 1:
        yield f"{folder.name} has {len(files)} event files, read in the order in which they were begun"
    if scan.others:
        tags = ", ".join(scan.others)
        yield f"{sum(scan.others.values()):,} summaries that are no scalars are left out: {tags:.200}"
