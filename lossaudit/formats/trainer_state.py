"""`trainer_state.json` of Hugging Face's Trainer: its `log_history`, an entry every few steps."""

from __future__ import annotations

from dataclasses import replace

from lossaudit.errors import LogFileError
from lossaudit.formats.columns import from_rows
from lossaudit.formats.format import Format
from lossaudit.formats.log_file import LogFile, Roles
from lossaudit.formats.points import Points, recording_of
from lossaudit.formats.table import points_of
from lossaudit.recording.names import Name
from lossaudit.recording.recording import Recording


def sniff(log: LogFile) -> bool:
    """Whether a document is the state of a Trainer."""
    return isinstance(log.document, dict) and isinstance(log.document.get("log_history"), list)


def read(log: LogFile) -> Recording:
    """Read `log_history`; its steps are the number of updates before each entry.

    `loss` is the mean of the steps since the previous entry. `train_loss` is the mean of all
    steps and keeps its name.

    Raises:
        LogFileError: nothing was logged, or an entry is not an object.
    """
    document = log.document
    rows = document["log_history"]
    if not rows:
        raise LogFileError(f"{log.path} has no entry in log_history")
    if not all(isinstance(entry, dict) for entry in rows):
        raise LogFileError(f"{log.path} has an entry in log_history that is not an object")
    columns = from_rows(rows)
    notes: list[str] = []
    roles = Roles(
        step="step" if "step" in columns else None, epoch="epoch" if "epoch" in columns else None
    )
    # Entries of training and of evaluation alternate, so most cells are empty on purpose.
    found = points_of(columns, log.file, log.path, roles, notes, empty_is_nan=False)
    if "loss" in columns:
        every = document.get("logging_steps")
        steps = f"{every:g} steps" if isinstance(every, (int, float)) else "steps"
        notes.append(f"loss: each number is the mean of the {steps} since the previous number")
    points = [_with_covers(one) for one in found]
    return recording_of(log.path, FORMAT.name, points, notes, covers=log.covers)


def _with_covers(points: Points) -> Points:
    """The points of training cover a few steps, those of an evaluation all of its data."""
    if points.name == "train_loss":
        return replace(points, tag=points.name, covers="epoch")
    return replace(points, covers="batch" if Name(points.name).split is None else "epoch")


FORMAT = Format(
    "trainer-state",
    "a trainer_state.json of Hugging Face's Trainer",
    sniff,
    read,
    before=("json", "keras-history"),
)
