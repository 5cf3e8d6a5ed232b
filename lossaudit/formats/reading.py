"""read(): the recording that a file, a folder or a DataFrame holds, whatever wrote it."""

from __future__ import annotations

import pickletools
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from lossaudit.errors import LogFileError
from lossaudit.formats import (
    csvlog,
    delimited,
    documents,
    history,
    mlflow,
    table,
    tfevents,
    trainer_state,
)
from lossaudit.formats.table import Roles
from lossaudit.recording import recording
from lossaudit.recording.names import Covers
from lossaudit.recording.recording import Recording

if TYPE_CHECKING:
    import pandas

_HEAD = 4096
_KNOWN = (
    "a run file, an event file of TensorBoard or a folder of them, an mlflow.db, a CSV file, JSON "
    "lines, "
    "History.history as JSON, or a trainer_state.json"
)
_PICKLE = (
    "holds a pickle, and reading one runs whatever program its writer put into it: write numbers "
    "instead, for example "
    "json.dump(history.history, file)"
)


def read(
    source: str | PathLike[str] | pandas.DataFrame,
    *,
    run: str | None = None,
    covers: Covers | None = None,
    loss: str | None = None,
    val_loss: str | None = None,
    step: str | None = None,
    epoch: str | None = None,
    weight: str | None = None,
    split: str | None = None,
) -> Recording:
    r"""Read what was recorded or logged; the content decides how, not the name.

    `metadata["format"]` of the recording says what was read, and `metadata["notes"]` what was
    guessed, left out or found torn. Steps and epochs are those of the log, also where it counts
    from 1.

    Args:
        source: a path, or a DataFrame.
        run: the run to read where there are several: its name or id in MLflow and W&B, its folder
            in TensorBoard.
        covers: what each number covers: `"batch"`, `"epoch_so_far"` or `"epoch"`; else names and
            shape decide.
        loss: the column of a table that has the loss of training.
        val_loss: the column of a table that has the loss of validation.
        step: the column of a table that has the step of each row.
        epoch: the column of a table that has the epoch of each row.
        weight: the column of a table that has the rows of data behind each row.
        split: the column of a table that has a word for the split of each row.

    Raises:
        FileNotFoundError: there is nothing at the path.
        LogFileError: the content is of no known format, damaged, or without what is asked for.
        RunFileError: a run file is damaged.
        ValueError: `covers` is none of the three, or columns are named where there is no table.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "log.csv")
    >>> _ = path.write_text("step,loss\n0,1.0\n1,0.5\n")
    >>> read(path).find(tag="loss").values
    array([1. , 0.5])
    """
    if covers is not None and covers not in get_args(Covers):
        raise ValueError(
            f"covers={covers!r} must be one of {', '.join(map(repr, get_args(Covers)))}"
        )
    roles = Roles(loss, val_loss, step, epoch, weight, split)
    if not isinstance(source, (str, PathLike)):
        return table.read_frame(_frame(source), roles, covers=covers)
    path = Path(source)
    if not path.exists():
        raise FileNotFoundError(f"path={str(path)!r} does not exist")
    return _read_path(path, roles, run, covers)


def _frame(source: Any) -> pandas.DataFrame:
    if not (hasattr(source, "columns") and hasattr(source, "iloc")):
        raise TypeError(
            f"source must be a path or a pandas DataFrame, not {type(source).__name__}: "
            f"{source!r:.80}"
        )
    return source


def _read_path(path: Path, roles: Roles, run: str | None, covers: Covers | None) -> Recording:
    head = b"" if path.is_dir() else _head(path)
    if _is_text(path, head):
        try:
            return _read_text(path, head, roles, run, covers)
        except UnicodeDecodeError as error:
            raise LogFileError(f"{path} is text, but not in UTF-8: {error}") from error
    _refuse(roles, path)
    if (
        path.is_dir()
        or tfevents.is_event_file(head)
        or (len(head) < 64 and "tfevents" in path.name)
    ):
        if path.is_dir() and not tfevents.files_in(path):
            raise LogFileError(
                f"{path} is a folder without event files (named …tfevents…) in it or below it"
            )
        return tfevents.read(path, run=run, covers=covers)
    if head.startswith(b"SQLite format 3\0"):
        return _read_database(path, run, covers)
    if _is_pickle(path, head):
        raise LogFileError(f"{path} {_PICKLE}")
    what = f"begins with {head[:16]!r}" if head else "is empty"
    raise LogFileError(f"{path} {what}, and is none of what is known: {_KNOWN}")


def _refuse(roles: Roles, path: Path) -> None:
    for role, column in roles.given().items():
        raise ValueError(f"{role}={column!r} names a column of a table, and {path} is none")


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD)


def _is_text(path: Path, head: bytes) -> bool:
    """Whether a file has text: no NUL, and UTF-8 but for a character that the end of the head
    cuts.
    """
    if not head.strip() or b"\0" in head or _is_pickle(path, head):
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > _HEAD - 4 and error.reason == "unexpected end of data"
    return True


def _is_pickle(path: Path, head: bytes) -> bool:
    """Whether a file is a pickle, of any protocol, by itself or inside of what numpy saved."""
    if head.startswith(b"\x93NUMPY"):
        return b"O'" in head
    return head.startswith((b"(dp", b"(lp", b"ccopy_reg\n")) or (
        b"\0" in head and _has_opcodes_only(path)
    )


def _has_opcodes_only(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return sum(1 for _ in pickletools.genops(file)) > 0
    except Exception:  # pickletools says of a file that is no pickle whatever comes to it
        return False


def _read_database(path: Path, run: str | None, covers: Covers | None) -> Recording:
    if {"runs", "metrics"} <= mlflow.tables_of(path):
        return mlflow.read(path, run=run, covers=covers)
    return recording.read(path)


def _read_text(
    path: Path, head: bytes, roles: Roles, run: str | None, covers: Covers | None
) -> Recording:
    if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"["):
        return _read_json(path, roles, covers)
    names = delimited.layout_of(path).names
    if csvlog.is_header(names) and not roles.given():
        return csvlog.read(path, covers=covers)
    return table.read_csv(path, roles, run=run, covers=covers)


def _read_json(path: Path, roles: Roles, covers: Covers | None) -> Recording:
    document = documents.document(path)
    if document is None:
        return table.read_json_lines(path, roles, covers=covers)
    if trainer_state.is_state(document):
        _refuse(roles, path)
        return trainer_state.read(path, document, covers=covers)
    if history.is_history(document):
        lists = history.lists_of(document)
        if roles.given() or table.is_table(lists):
            return table.read_lists(path, lists, roles, covers=covers)
        return history.read(path, document, covers=covers)
    if isinstance(document, list) and document and all(isinstance(row, dict) for row in document):
        return table.read_rows(path, document, roles, covers=covers)
    raise LogFileError(
        f"{path} is JSON, but neither an object of lists, as History.history is, nor a list of "
        "objects, nor has it a "
        "log_history, as a trainer_state.json has"
    )
