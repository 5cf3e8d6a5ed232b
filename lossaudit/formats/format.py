"""Format: one kind of log, how to recognise it and how to read it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lossaudit.formats.log_file import LogFile
from lossaudit.recording.recording import Recording


@dataclass(frozen=True)
class Format:
    """One kind of log; a module of this package that defines `FORMAT` adds it to `lossaudit.read`.

    Args:
        name: the name in `metadata["format"]` of a recording.
        what: a phrase for messages and documentation, such as "a CSV file".
        sniff: whether a log has this format; it decides by content and never by the file's name
            alone.
        read: the recording of a log of this format.
        before: names of more general formats that recognise the same log; they are asked later.
        has_columns: whether the user may name columns (`loss=`, `step=`, …).
    """

    name: str
    what: str
    sniff: Callable[[LogFile], bool]
    read: Callable[[LogFile], Recording]
    before: tuple[str, ...] = ()
    has_columns: bool = False
