"""A progress bar on a terminal; nothing in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import track

Work = TypeVar("Work")


def tracked(work: Sequence[Work], what: str) -> Iterable[Work]:
    """Yield pieces of work one by one, with a progress bar on standard error.

    The bar disappears at the end. There is none if standard error is no terminal.

    Args:
        work: the pieces.
        what: the label of the bar.
    """
    console = Console(stderr=True)
    return track(work, what, console=console, transient=True, disable=not sys.stderr.isatty())
