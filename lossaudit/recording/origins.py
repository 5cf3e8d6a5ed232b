"""Origin: the file, the line and the name under which numbers were logged."""

from __future__ import annotations

import re
from typing import Any, Self

_FILE_AND_LINE = re.compile(r"(?P<file>.+?):(?P<line>\d+)")


class Origin(str):
    """The file, the line and the name under which numbers were logged.

    An origin is the string that reports show, so it compares, sorts and becomes JSON like one.

    Args:
        name: the name of the numbers: a column, an attribute of a callback, a tag. Empty for the
            whole file.
        file: the file or folder; empty if the numbers come from no file.
        line: the line of the file, from 1; None if it is unknown.

    >>> Origin("loss", file="train.csv"), Origin("loss", file="train.py", line=7), Origin("losses")
    ('train.csv: loss', 'train.py:7: loss', 'losses')
    """

    name: str
    file: str
    line: int | None

    __slots__ = ("file", "line", "name")

    def __new__(cls, name: str, *, file: str = "", line: int | None = None) -> Self:
        """Build the string from its parts."""
        place = f"{file}:{line}" if line is not None else file
        origin = super().__new__(cls, ": ".join(part for part in (place, name) if part))
        origin.name, origin.file, origin.line = name, file, line
        return origin

    @classmethod
    def parse(cls, text: str) -> Origin:
        """The origin that a string shows; an Origin is returned as it is.

        >>> Origin.parse("train.py:7: loss").line, Origin.parse("train.csv: loss").file
        (7, 'train.csv')
        >>> Origin.parse("losses").file
        ''
        """
        if isinstance(text, Origin):
            return text
        # From the right, because a folder's name may contain ": ", and a metric's hardly does.
        place, _, name = text.rpartition(": ")
        found = _FILE_AND_LINE.fullmatch(place)
        return (
            cls(name, file=found["file"], line=int(found["line"]))
            if found
            else cls(name, file=place)
        )

    @property
    def place(self) -> str:
        """The file and the line, as they stand before the name; empty if there is no file."""
        return f"{self.file}:{self.line}" if self.line is not None else self.file

    def renamed(self, name: str) -> Origin:
        """The same place under another name."""
        return Origin(name, file=self.file, line=self.line)

    def __reduce__(self) -> tuple[Any, ...]:
        # The parts, not the string: a name with ": " in it would be parsed as a file.
        return _rebuilt, (self.name, self.file, self.line)

    def __str__(self) -> str:
        return str.__str__(self)


def _rebuilt(name: str, file: str, line: int | None) -> Origin:
    return Origin(name, file=file, line=line)
