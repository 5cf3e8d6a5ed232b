"""For tests of one's own: a corpus of planted mistakes, and real trainings of which every true number is known.

`assert_faithful` asserts that logged numbers are the losses that there were. A name is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lossaudit.testing.assertions import assert_faithful

_HOME = {"assert_faithful": "assertions"}

__all__ = ["assert_faithful"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
