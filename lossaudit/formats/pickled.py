"""Recognition of pickles, which are never loaded: loading one can run arbitrary code."""

from __future__ import annotations

import pickletools
from pathlib import Path

_OLD_STARTS = (b"(dp", b"(lp", b"ccopy_reg\n")
"""How protocol 0, which is plain text, begins a dict, a list or an object."""


def is_pickle(path: Path, head: bytes) -> bool:
    """Whether a file is a pickle of any protocol, or an array of objects that numpy pickled."""
    # The header of a .npy file is a Python literal, in which objects have the type '|O'.
    if head.startswith(b"\x93NUMPY"):
        return b"O'" in head
    # Binary protocols store lengths with NUL bytes, so no text is parsed for opcodes.
    return head.startswith(_OLD_STARTS) or (b"\0" in head and _has_opcodes_only(path))


def _has_opcodes_only(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return sum(1 for _ in pickletools.genops(file)) > 0
    # pickletools raises errors of many classes for a file that is not a pickle.
    except Exception:
        return False
