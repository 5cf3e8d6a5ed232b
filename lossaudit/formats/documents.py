"""JSON: one document, or one object on each line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from lossaudit.errors import LogFileError
from lossaudit.formats.columns import Columns, from_rows, stacked

_CHUNK = 2**14


def document(path: Path) -> Any:
    """The JSON document in a file; None if the file has one object on each line.

    Raises:
        LogFileError: the file is neither.
    """
    with path.open(encoding="utf-8-sig") as file:
        first = next((line for line in file if line.strip()), "")
        more = next((line for line in file if line.strip()), None)
    one = _parsed(first)
    # A file of one line may be either: only an object of plain values is a row of JSON lines.
    if isinstance(one, dict) and (more is not None or not _has_parts(one)):
        return None
    try:
        # Python writes NaN and Infinity into JSON, which forbids them; its parser reads them back.
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise LogFileError(f"{path} begins like JSON, but cannot be parsed: {error}") from error


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _has_parts(one: dict[str, Any]) -> bool:
    return any(isinstance(value, (list, dict)) for value in one.values())


def lists_of(document: Any) -> dict[str, list[Any]]:
    """The lists of an object of lists, or of the `history` in it; empty for other documents.

    pandas writes a list as an object with the keys "0", "1" and so on.
    """
    inner = document.get("history") if isinstance(document, dict) else None
    found = inner if isinstance(inner, dict) and not _is_numbered(inner) else document
    if not isinstance(found, dict):
        return {}
    lists = {name: list(one.values()) if _is_numbered(one) else one for name, one in found.items()}
    return lists if all(isinstance(one, list) for one in lists.values()) else {}


def _is_numbered(found: Any) -> bool:
    return isinstance(found, dict) and list(found) == [str(row) for row in range(len(found))]


def read_lines(path: Path, notes: list[str]) -> Columns:
    """Read the columns of a file that has an object on each line.

    Raises:
        LogFileError: a line in the middle is not an object; the message says how many lines
            before it are good.
    """
    tables, lengths = [], []
    with path.open(encoding="utf-8-sig") as file:
        for rows in _chunks(file, path, notes):
            tables.append(from_rows(rows))
            lengths.append(len(rows))
    return stacked(tables, lengths)


def _chunks(file: Iterator[str], path: Path, notes: list[str]) -> Iterator[list[dict[str, Any]]]:
    number = 0
    while lines := list(islice(file, _CHUNK)):
        # One call of the parser for a chunk is faster than one for each line.
        try:
            rows = json.loads(f"[{','.join(line for line in lines if line.strip())}]")
        except ValueError:
            rows = None
        # Only a chunk with a fault is read line by line, to find the number of the line.
        if rows is None or not all(type(row) is dict for row in rows):
            rows = list(_line_by_line(lines, number, next(file, None) is None, path, notes))
        number += len(lines)
        if rows:
            yield rows


def _line_by_line(
    lines: list[str], before: int, last: bool, path: Path, notes: list[str]
) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, before + 1):
        if not line.strip():
            continue
        row = _parsed(line)
        if isinstance(row, dict):
            yield row
        elif last and number == before + len(lines) and not line.endswith("\n"):
            notes.append(
                f"the last line is cut off and left out: {line!r:.80}; the {number - 1:,} lines "
                "before it were read"
            )
        else:
            raise LogFileError(
                f"{path}, line {number} is not a JSON object: {line.strip()!r:.80}; the "
                f"{number - 1:,} lines before it are good"
            )
