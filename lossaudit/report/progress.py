"""A progress bar on a terminal, and nothing in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import track

Work = TypeVar("Work")


def tracked(work: Sequence[Work], what: str) -> Iterable[Work]:
    """The pieces of a long work, one by one, with a bar on standard error that goes away when all
    is done.
    """
    console = Console(stderr=True)
    return track(work, what, console=console, transient=True, disable=not sys.stderr.isatty())
