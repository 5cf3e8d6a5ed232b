"""LogFile: a path to read, what the user asked for, and the content that sniffers need."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from lossaudit.formats import delimited, documents
from lossaudit.formats.delimited import Layout
from lossaudit.formats.pickled import is_pickle
from lossaudit.recording.names import Covers

_HEAD = 4096
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Roles:
    """The names of columns that the user gave; a role that is None is guessed.

    Args:
        loss: the loss of training.
        val_loss: the loss of validation.
        step: the step of each row.
        epoch: the epoch of each row.
        weight: how many rows of data are behind the numbers of each row.
        split: a word for the split of each row.
    """

    loss: str | None = None
    val_loss: str | None = None
    step: str | None = None
    epoch: str | None = None
    weight: str | None = None
    split: str | None = None

    def given(self) -> dict[str, str]:
        """The columns that the user named, by role."""
        named = {one.name: getattr(self, one.name) for one in fields(self)}
        return {role: column for role, column in named.items() if column is not None}


@dataclass(frozen=True, eq=False)
class LogFile:
    """A file or folder to read; its head, layout and document are parsed once for all sniffers.

    Args:
        path: the file or folder, which exists.
        roles: columns that the user named.
        run: the run that the user asked for.
        covers: what each number covers, if the user said so.
        shown: how origins show the path; its last part if empty.
    """

    path: Path
    roles: Roles = Roles()
    run: str | None = None
    covers: Covers | None = None
    shown: str = ""

    @property
    def file(self) -> str:
        """The file as the origins of its series show it."""
        return self.shown or self.path.name

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.path.is_dir()

    @cached_property
    def head(self) -> bytes:
        """The first 4096 bytes; empty for a folder."""
        if self.is_folder:
            return b""
        with self.path.open("rb") as file:
            return file.read(_HEAD)

    @cached_property
    def is_text(self) -> bool:
        """Whether the head is text in UTF-8 without NUL, and not a pickle."""
        # No text has NUL, but SQLite, event files and UTF-16 have it near the beginning.
        if not self.head.strip() or b"\0" in self.head or is_pickle(self.path, self.head):
            return False
        try:
            self.head.decode("utf-8")
        except UnicodeDecodeError as error:
            # The end of the head may cut the last character, of up to four bytes.
            return error.start > _HEAD - 4 and error.reason == "unexpected end of data"
        return True

    @property
    def is_json(self) -> bool:
        """Whether it is text that begins like a JSON object or list."""
        # Spreadsheets and PowerShell write the mark before UTF-8 text.
        start = self.head.removeprefix(_BYTE_ORDER_MARK).lstrip()[:1]
        return self.is_text and start in (b"{", b"[")

    @cached_property
    def document(self) -> Any:
        """The parsed JSON document; None for other content, and for one object on each line.

        Raises:
            LogFileError: it begins like JSON, but cannot be parsed.
        """
        return documents.document(self.path) if self.is_json else None

    @cached_property
    def layout(self) -> Layout | None:
        """The layout of delimited text; None for other content.

        Raises:
            LogFileError: two columns have one name.
        """
        return delimited.layout_of(self.path) if self.is_text and not self.is_json else None
