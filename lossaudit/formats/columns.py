"""Columns: the cells of a table, before each column gets a role."""

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
"""Cells in which nothing was logged; "nan" is absent, because a logged NaN is a number."""


@dataclass(frozen=True, eq=False)
class Column:
    """One column of a table.

    Args:
        values: its numbers, shape (n,), NaN for an empty cell; None for a column of text.
        empty: mask of the empty cells, shape (n,); None if no cell is empty.
        words: its cells as text; None for a column of numbers.
    """

    values: Floats | None
    empty: NDArray[np.bool_] | None = None
    words: list[str] | None = None

    @property
    def numbers(self) -> Floats:
        """The values; raises TypeError for a column of text."""
        if self.values is None:
            raise TypeError("the column has text, not numbers")
        return self.values

    @property
    def gaps(self) -> NDArray[np.bool_]:
        """Mask of the empty cells, shape (n,)."""
        return np.zeros(len(self.numbers), np.bool_) if self.empty is None else self.empty


Columns = dict[str, Column]


def column_of(cells: Sequence[Any]) -> Column:
    """The column of cells that are text, numbers or None.

    >>> column_of(["0.5", "NA", "nan"]).values
    array([0.5, nan, nan])
    """
    # Most columns have numbers only; the mask of empty cells is made for the others.
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
    """Whether nothing was logged in a cell."""
    if not isinstance(cell, str):
        return cell is None
    # The length rules out most cells, and a table may have millions.
    return not cell or (len(cell) < 8 and cell.strip().lower() in _NOTHING)


def joined(parts: Sequence[Column]) -> Column:
    """The cells of several columns in a row; text if one of the columns has text."""
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
    """The columns of rows that are mappings; a missing key is an empty cell."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: column_of([row.get(name) for row in rows]) for name in names}


def stacked(tables: Sequence[Columns], lengths: Sequence[int]) -> Columns:
    """The rows of several tables; a column that a table lacks is empty there."""
    names = dict.fromkeys(name for table in tables for name in table)
    pairs = list(zip(tables, lengths, strict=True))
    return {
        name: joined([table.get(name) or _blank(length) for table, length in pairs])
        for name in names
    }


def _blank(length: int) -> Column:
    return Column(np.full(length, np.nan), np.ones(length, np.bool_))


def from_frame(frame: pandas.DataFrame) -> Columns:
    """The columns of a DataFrame; NaN is an empty cell, because pandas uses it for both.

    Raises:
        LogFileError: two columns have one name.
    """
    names = [str(name) for name in frame.columns]
    doubled = {name for name in names if names.count(name) > 1}
    if doubled:
        raise LogFileError(
            f"the DataFrame has several columns named {', '.join(map(repr, sorted(doubled)))}"
        )
    return {name: _of_frame(frame.iloc[:, place].to_numpy()) for place, name in enumerate(names)}


def _of_frame(cells: NDArray[Any]) -> Column:
    # pandas' nullable types and mixed columns come out as Python objects.
    if cells.dtype.kind not in "fiub":
        return column_of(cells.tolist())
    values = cells.astype(np.float64)
    empty = np.isnan(values)
    return Column(values, empty if empty.any() else None)


def numeric(columns: Columns, source: object, needed: Container[str], notes: list[str]) -> Columns:
    """The columns of numbers; a note says why each of the others is left out.

    Raises:
        LogFileError: a needed column has a cell that is not a number.
    """
    for name, column in columns.items():
        if column.words is None:
            continue
        row, word = next(
            (row, word) for row, word in enumerate(column.words) if column_of([word]).words
        )
        if name in needed:
            raise LogFileError(
                f"row {row + 1} of the column {name!r} of {source} is {word!r:.40}, not a number"
            )
        notes.append(
            f"{name or 'unnamed'}: left out, as row {row + 1} is {word!r:.40}, not a number"
        )
    return {name: column for name, column in columns.items() if column.values is not None}
