"""Text of delimited columns, as `csv`, pandas, numpy and spreadsheets write it."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lossaudit.errors import LogFileError
from lossaudit.formats.columns import Column, Columns, column_of, stacked

_CHUNK = 2**16
# Accepts text with and without the byte order mark that spreadsheets write.
_ENCODING = "utf-8-sig"


class Layout(NamedTuple):
    """Delimiter and columns of a text.

    Args:
        delimiter: the character between cells.
        names: the names of the columns; their positions if there is no header.
        has_header: whether the first line has the names.
    """

    delimiter: str
    names: list[str]
    has_header: bool


def read(path: Path, layout: Layout | None, notes: list[str]) -> Columns:
    """Read the columns of a text of a given layout; without one the file is read for it.

    A text that has only numbers is read by numpy. A text with empty cells, words or uneven lines
    is read by `csv`, in chunks, which is slower.

    Raises:
        LogFileError: a line in the middle has a different number of cells; the message says how
            many rows before it are good.
    """
    layout = layout or layout_of(path)
    if not _ends_with_a_line_end(path):
        notes.append(
            "the last line has no line end: if its writer was interrupted, its last number may "
            "be cut off"
        )
    try:
        return _all_numbers(path, layout)
    except ValueError:
        return _cell_by_cell(path, layout, notes)


def layout_of(path: Path) -> Layout:
    """The layout of a text, by its first lines.

    Raises:
        LogFileError: the file has no text, or two columns have one name.
    """
    with path.open(encoding=_ENCODING, newline="") as file:
        # Some programs write blank lines before the header.
        head = [line for line in islice(file, 16) if line.strip()]
    if not head:
        raise LogFileError(f"{path} has no line with text")
    delimiter = _delimiter(*head[:2])
    # numpy.savetxt writes its header as a comment.
    cells = next(
        csv.reader([head[0].lstrip("#").strip("\r\n")], delimiter=delimiter, skipinitialspace=True)
    )
    cells = [cell.strip() for cell in cells]
    # Numbers in the first line are data, so there is no header.
    if column_of(cells).values is not None and any(cells):
        return Layout(delimiter, [str(position) for position in range(len(cells))], False)
    # A dictionary would keep the last of them without a word.
    doubled = {cell for cell in cells if cells.count(cell) > 1}
    if doubled:
        raise LogFileError(
            f"{path} has several columns named {', '.join(map(repr, sorted(doubled)))}"
        )
    return Layout(delimiter, cells, True)


def _delimiter(line: str, below: str = "") -> str:
    # Of equally frequent characters the first wins, which is the comma.
    best = max(",\t;|", key=line.count)
    if line.count(best):
        return best
    # A sentence is no table: the second line must have as many words as the first.
    words = len(line.lstrip("#").split())
    return " " if words > 1 and words == len(below.split()) else ","


def _ends_with_a_line_end(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() in b"\r\n"


def _all_numbers(path: Path, layout: Layout) -> Columns:
    # np.loadtxt warns about a text without data.
    if not _has_data(path, layout):
        return {name: Column(np.empty(0)) for name in layout.names}
    table = np.loadtxt(
        path,
        # None is numpy's word for a run of blanks of any length.
        delimiter=None if layout.delimiter == " " else layout.delimiter,
        skiprows=int(layout.has_header),
        # A "#" in a cell must fail here, because numpy would cut the line at it.
        comments=None,
        quotechar='"',
        encoding=_ENCODING,
        ndmin=2,
    )
    # The error makes `_cell_by_cell` read the file, which finds the faulty line.
    if table.shape[1] != len(layout.names):
        raise ValueError(f"{table.shape[1]} columns")
    return {
        name: Column(np.ascontiguousarray(values))
        for name, values in zip(layout.names, table.T, strict=True)
    }


def _has_data(path: Path, layout: Layout) -> bool:
    with path.open(encoding=_ENCODING, newline="") as file:
        return (
            sum(1 for _ in islice((line for line in file if line.strip()), 2)) > layout.has_header
        )


def _cell_by_cell(path: Path, layout: Layout, notes: list[str]) -> Columns:
    tables, lengths = [], []
    with path.open(encoding=_ENCODING, newline="") as file:
        rows = _rows(file, path, layout, notes)
        # Cells as strings are far larger than floats, so only one chunk of them exists at a time.
        while chunk := list(islice(rows, _CHUNK)):
            cells = zip(*chunk, strict=True)
            tables.append(
                {name: column_of(one) for name, one in zip(layout.names, cells, strict=True)}
            )
            lengths.append(len(chunk))
    return (
        stacked(tables, lengths)
        if tables
        else {name: Column(np.empty(0)) for name in layout.names}
    )


def _rows(
    file: Iterator[str], path: Path, layout: Layout, notes: list[str]
) -> Iterator[Sequence[str]]:
    """The rows below the header, without repeated headers and a last line that is cut off."""
    reader = csv.reader(file, delimiter=layout.delimiter, skipinitialspace=True)
    rows = (row for row in reader if row)
    good, headers = 0, 0
    try:
        for row in islice(rows, 1, None) if layout.has_header else rows:
            if len(row) != len(layout.names):
                line = reader.line_num
                _note_cut_off(row, next(rows, None) is None, path, layout, good, line, notes)
                break
            if (
                row[0].strip() == layout.names[0]
                and [cell.strip() for cell in row] == layout.names
            ):
                headers += 1
                continue
            good += 1
            yield row
    except csv.Error as error:
        raise LogFileError(
            f"{path}, line {reader.line_num}: {error}; the {good:,} rows before it are good"
        ) from error
    if headers:
        notes.append(
            f"the header is repeated ({headers:,}×): several programs wrote to the file in turn"
        )


def _note_cut_off(
    row: Sequence[str],
    last: bool,
    path: Path,
    layout: Layout,
    good: int,
    line: int,
    notes: list[str],
) -> None:
    """Note that the last line is cut off; a line in the middle with a wrong length is damage."""
    # A killed program leaves a short last line without an end; any other short line is damage.
    if last and len(row) < len(layout.names) and not _ends_with_a_line_end(path):
        text = layout.delimiter.join(row)
        notes.append(
            f"the last line is cut off and left out: {text!r}; the {good:,} rows before it were "
            "read"
        )
        return
    raise LogFileError(
        f"{path}, line {line} has {len(row)} cells instead of {len(layout.names)}: "
        f"{layout.delimiter.join(row)!r:.80}; the {good:,} rows before it are good"
    )
