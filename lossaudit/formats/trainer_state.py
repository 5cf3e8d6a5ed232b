"""`trainer_state.json` of Hugging Face's Trainer: what it logged, every so many steps, in
`log_history`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from lossaudit.errors import LogFileError
from lossaudit.formats.columns import from_rows
from lossaudit.formats.points import Points, recording_of
from lossaudit.formats.table import Roles, points_of
from lossaudit.recording.names import Covers, Name
from lossaudit.recording.recording import Recording


def is_state(document: Any) -> bool:
    """Whether a JSON document is the state of a Trainer."""
    return isinstance(document, dict) and isinstance(document.get("log_history"), list)


def read(path: Path, document: Any, *, covers: Covers | None = None) -> Recording:
    """Read the `log_history` of a state, at the steps that it has: the number of updates before
    each entry.

    `loss` is the mean of the steps since the entry before, and `train_loss`, which keeps its name,
    that of all.

    Raises:
        LogFileError: nothing was logged, or an entry is no object.
    """
    rows = document["log_history"]
    bad = [entry for entry in rows if not isinstance(entry, dict)]
    if bad or not rows:
        raise LogFileError(
            f"{path} has {'an entry that is no object' if bad else 'no entry'} in log_history"
        )
    columns = from_rows(rows)
    notes: list[str] = []
    roles = Roles(
        step="step" if "step" in columns else None, epoch="epoch" if "epoch" in columns else None
    )
    points = [
        _covering(one)
        for one in points_of(columns, path.name, path, roles, notes, empty_is_nan=False)
    ]
    every = document.get("logging_steps")
    if "loss" in columns:
        many = f"{every:g} " if isinstance(every, (int, float)) else ""
        notes.append(f"loss: each number is the mean of the {many}steps since the one before")
    return recording_of(path, "trainer-state", points, notes, covers=covers)


def _covering(points: Points) -> Points:
    """Training is logged every so many steps, evaluations are of all their data."""
    if points.name == "train_loss":
        return replace(points, tag=points.name, covers="epoch")
    return replace(points, covers="batch" if Name(points.name).split is None else "epoch")
