"""Columns: a table as it was read, before it is decided what each column is."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lossaudit.arithmetic.arrays import Floats
from lossaudit.errors import LogFileError

if TYPE_CHECKING:
    import pandas

_NOTHING = {"", "na", "n/a", "null", "none"}
"""What a cell holds where nothing was logged; "nan" is not among them, for NaN is a number that
was logged.
"""


@dataclass(frozen=True, eq=False)
class Column:
    """One column of a table.

    Args:
        values: its numbers, shape (n,), NaN where a cell is empty; None where it holds text.
        empty: which cells are empty, shape (n,); None where none is.
        words: its cells as text, where it holds text.
    """

    values: Floats | None
    empty: NDArray[np.bool_] | None = None
    words: list[str] | None = None

    @property
    def numbers(self) -> Floats:
        """The values of a column that is known to hold numbers."""
        if self.values is None:
            raise TypeError("the column holds text")
        return self.values

    @property
    def gaps(self) -> NDArray[np.bool_]:
        """Which cells are empty, shape (n,)."""
        return np.zeros(len(self.numbers), np.bool_) if self.empty is None else self.empty


Columns = dict[str, Column]


def column_of(cells: Sequence[Any]) -> Column:
    """A column of cells that are text, numbers or None.

    >>> column_of(["0.5", "NA", "nan"]).values
    array([0.5, nan, nan])
    """
    try:
        return Column(np.fromiter(map(float, cells), np.float64, len(cells)))
    except (TypeError, ValueError):
        pass
    empty = np.fromiter(map(_is_empty, cells), np.bool_, len(cells))
    filled = (np.nan if gap else cell for cell, gap in zip(cells, empty.tolist(), strict=True))
    try:
        return Column(np.fromiter(map(float, filled), np.float64, len(cells)), empty)
    except (TypeError, ValueError):
        return Column(None, words=["" if cell is None else str(cell) for cell in cells])


def _is_empty(cell: Any) -> bool:
    """Whether a cell holds nothing; most are told by their length, as a table may have millions."""
    if not isinstance(cell, str):
        return cell is None
    return not cell or (len(cell) < 8 and cell.strip().lower() in _NOTHING)


def joined(parts: Sequence[Column]) -> Column:
    """Columns one below the other; text if one of them holds text."""
    if len(parts) == 1:
        return parts[0]
    if any(part.values is None for part in parts):
        return Column(
            None,
            words=[
                word for part in parts for word in part.words or map(str, part.numbers.tolist())
            ],
        )
    empty = np.concatenate([part.gaps for part in parts])
    return Column(np.concatenate([part.numbers for part in parts]), empty if empty.any() else None)


def from_rows(rows: Sequence[Mapping[str, Any]]) -> Columns:
    """The columns of rows that are mappings; a row without a key has an empty cell there."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: column_of([row.get(name) for row in rows]) for name in names}


def stacked(tables: Sequence[Columns], lengths: Sequence[int]) -> Columns:
    """Tables one below the other; a table without a column has empty cells there."""
    names = dict.fromkeys(name for table in tables for name in table)
    pairs = list(zip(tables, lengths, strict=True))
    return {
        name: joined([table.get(name) or _blank(length) for table, length in pairs])
        for name in names
    }


def _blank(length: int) -> Column:
    return Column(np.full(length, np.nan), np.ones(length, np.bool_))


def from_frame(frame: pandas.DataFrame) -> Columns:
    """The columns of a DataFrame; its missing values are empty cells, for pandas makes no
    difference to NaN.

    Raises:
        LogFileError: two columns have one name.
    """
    names = [str(name) for name in frame.columns]
    doubled = {name for name in names if names.count(name) > 1}
    if doubled:
        raise LogFileError(
            "the DataFrame has several columns of the name "
            f"{', '.join(map(repr, sorted(doubled)))}"
        )
    return {name: _of_frame(frame.iloc[:, place].to_numpy()) for place, name in enumerate(names)}


def _of_frame(cells: NDArray[Any]) -> Column:
    if cells.dtype.kind not in "fiub":
        return column_of(cells.tolist())
    values = cells.astype(np.float64)
    empty = np.isnan(values)
    return Column(values, empty if empty.any() else None)


def numeric(columns: Columns, source: object, needed: Container[str], notes: list[str]) -> Columns:
    """The columns that hold numbers; of the others a note says why they are left out.

    Raises:
        LogFileError: a needed column holds a cell that is no number.
    """
    for name, column in columns.items():
        if column.words is None:
            continue
        row, word = next(
            (row, word) for row, word in enumerate(column.words) if column_of([word]).words
        )
        if name in needed:
            raise LogFileError(
                f"row {row + 1} of the column {name!r} of {source} holds {word!r:.40}, which is "
                "no number"
            )
        notes.append(
            f"{name or 'unnamed'}: left out, as row {row + 1} holds {word!r:.40}, which is no "
            "number"
        )
    return {name: column for name, column in columns.items() if column.values is not None}
