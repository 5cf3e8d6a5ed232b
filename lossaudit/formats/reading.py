"""`lossaudit.read`: finds the formats of this package and picks one by content."""

from __future__ import annotations

import pkgutil
from functools import cache
from graphlib import TopologicalSorter
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from lossaudit.errors import LogFileError
from lossaudit.formats.data_frame import read_frame
from lossaudit.formats.format import Format
from lossaudit.formats.log_file import LogFile, Roles
from lossaudit.formats.pickled import is_pickle
from lossaudit.recording.names import Covers
from lossaudit.recording.recording import Recording

if TYPE_CHECKING:
    import pandas


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
    r"""Read a run file or a log; its content decides the format, not its name.

    `metadata["format"]` of the recording names the format. `metadata["notes"]` says what was
    guessed, what was left out and where the file is cut off. Steps and epochs are those of the
    log, also if it counts from 1.

    Args:
        source: a path, or a DataFrame.
        run: the run to read, if there are several: its name or id in MLflow and W&B, its folder
            in TensorBoard.
        covers: what each number covers: `"batch"`, `"epoch_so_far"` or `"epoch"`; if not given,
            names and shape decide.
        loss: the column of a table with the loss of training.
        val_loss: the column of a table with the loss of validation.
        step: the column of a table with the step of each row.
        epoch: the column of a table with the epoch of each row.
        weight: the column of a table with the rows of data behind each row.
        split: the column of a table with a word for the split of each row.

    Raises:
        FileNotFoundError: the path does not exist.
        LogFileError: the format is unknown, the content is damaged, or a column or run is missing.
        RunFileError: a run file is damaged.
        ValueError: `covers` is not one of the three, or columns are named for a file that is not a
            table.

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
        return read_frame(_frame(source), roles, covers=covers)
    return read_log(LogFile(Path(source), roles, run, covers))


def read_log(log: LogFile) -> Recording:
    """Read a file or folder in the format that recognises it.

    Raises:
        FileNotFoundError: the path does not exist.
        LogFileError: the format is unknown, the content is damaged, or a column or run is missing.
        RunFileError: a run file is damaged.
        ValueError: columns are named for a file that is not a table.
    """
    if not log.path.exists():
        raise FileNotFoundError(f"path={str(log.path)!r} does not exist")
    try:
        return _format_of(log).read(log)
    # Sniffing has decoded the head only, so the fault may come anywhere later.
    except UnicodeDecodeError as error:
        if not log.is_text:
            raise
        raise LogFileError(f"{log.path} is text, but not in UTF-8: {error}") from error


@cache
def formats() -> tuple[Format, ...]:
    """The formats of this package, each before the more general ones that it names in `before`.

    Every module of the package is imported; one that defines `FORMAT` has a format.
    """
    package = import_module(str(__package__))
    # Sorted, so that the order does not depend on the file system.
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    modules = [import_module(f"{__package__}.{name}") for name in names]
    found = [module.FORMAT for module in modules if hasattr(module, "FORMAT")]
    by_name = {one.name: one for one in found}
    earlier = {name: [one.name for one in found if name in one.before] for name in by_name}
    return tuple(by_name[name] for name in TopologicalSorter(earlier).static_order())


def _frame(source: Any) -> pandas.DataFrame:
    if not (hasattr(source, "columns") and hasattr(source, "iloc")):
        raise TypeError(
            f"source must be a path or a pandas DataFrame, not {type(source).__name__}: "
            f"{source!r:.80}"
        )
    return source


def _format_of(log: LogFile) -> Format:
    found = next((one for one in formats() if one.sniff(log)), None)
    if not (log.is_text if found is None else found.has_columns):
        for role, column in log.roles.given().items():
            raise ValueError(f"{role}={column!r} names a column, but {log.path} is not a table")
    if found is None:
        raise _unknown(log)
    return found


def _unknown(log: LogFile) -> LogFileError:
    if is_pickle(log.path, log.head):
        return LogFileError(
            f"{log.path} is a pickle; loading it can run arbitrary code. Save plain numbers "
            "instead, for example json.dump(history.history, file)"
        )
    if log.is_json:
        content = "is JSON of an unknown layout"
    elif log.head:
        content = f"begins with {log.head[:16]!r}, which no format does"
    else:
        content = "is empty"
    known = ", ".join(sorted(one.what for one in formats()))
    return LogFileError(f"{log.path} {content}. lossaudit reads {known}")
