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
_ENCODING = "utf-8-sig"  # with or without the mark that spreadsheets put first


class Layout(NamedTuple):
    """How a text is written.

    Args:
        delimiter: what stands between cells.
        names: the names of the columns; their positions where there is no header.
        has_header: whether the first line has the names.
    """

    delimiter: str
    names: list[str]
    has_header: bool


def read(path: Path, notes: list[str]) -> tuple[Layout, Columns]:
    """Read the columns of a text.

    A text of nothing but numbers is read by numpy at once. What has empty cells, words, or lines
    that are not like the others is read by `csv`, in chunks.

    Raises:
        LogFileError: a line in the middle has another number of cells; the message has the number
            of good ones.
    """
    layout = layout_of(path)
    if not _ends_with_a_line_end(path):
        notes.append(
            "the last line has no line end: if its writer was interrupted, its last number may be "
            "cut"
        )
    try:
        return layout, _all_numbers(path, layout)
    except ValueError:
        return layout, _cell_by_cell(path, layout, notes)


def layout_of(path: Path) -> Layout:
    """How a text is written, by its first line.

    Raises:
        LogFileError: there is no text, or two columns have one name.
    """
    with path.open(encoding=_ENCODING, newline="") as file:
        head = [line for line in islice(file, 16) if line.strip()]
    if not head:
        raise LogFileError(f"{path} has no line with text in it")
    delimiter = _delimiter(*head[:2])
    cells = next(
        csv.reader([head[0].lstrip("#").strip("\r\n")], delimiter=delimiter, skipinitialspace=True)
    )
    cells = [cell.strip() for cell in cells]
    if column_of(cells).values is not None and any(cells):
        return Layout(delimiter, [str(position) for position in range(len(cells))], False)
    doubled = {cell for cell in cells if cells.count(cell) > 1}
    if doubled:
        raise LogFileError(
            f"{path} has several columns of the name {', '.join(map(repr, sorted(doubled)))}"
        )
    return Layout(delimiter, cells, True)


def _delimiter(line: str, below: str = "") -> str:
    best = max(",\t;|", key=line.count)
    if line.count(best):
        return best
    words = len(line.lstrip("#").split())
    return " " if words > 1 and words == len(below.split()) else ","


def _ends_with_a_line_end(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() in b"\r\n"


def _all_numbers(path: Path, layout: Layout) -> Columns:
    if not _has_data(path, layout):
        return {name: Column(np.empty(0)) for name in layout.names}
    table = np.loadtxt(
        path,
        delimiter=None if layout.delimiter == " " else layout.delimiter,
        skiprows=int(layout.has_header),
        comments=None,
        quotechar='"',
        encoding=_ENCODING,
        ndmin=2,
    )
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
    """The rows below the header; a repeated header is passed over, and a last line that is torn is
    left out.
    """
    reader = csv.reader(file, delimiter=layout.delimiter, skipinitialspace=True)
    rows = (row for row in reader if row)
    good, headers = 0, 0
    try:
        for row in islice(rows, 1, None) if layout.has_header else rows:
            if len(row) != len(layout.names):
                line = reader.line_num
                _explain(row, next(rows, None) is None, path, layout, good, line, notes)
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
            f"the header is repeated {headers} times: several programs wrote one after the other"
        )


def _explain(
    row: Sequence[str],
    last: bool,
    path: Path,
    layout: Layout,
    good: int,
    line: int,
    notes: list[str],
) -> None:
    """Say of a line with too few or too many cells that it is torn, or refuse the file."""
    if last and len(row) < len(layout.names) and not _ends_with_a_line_end(path):
        text = layout.delimiter.join(row)
        notes.append(
            f"the last line is torn, and left out: {text!r}; {good:,} rows before it were read"
        )
        return
    raise LogFileError(
        f"{path}, line {line} has {len(row)} cells where {len(layout.names)} are expected: "
        f"{layout.delimiter.join(row)!r:.80}; the {good:,} rows before it are good"
    )
