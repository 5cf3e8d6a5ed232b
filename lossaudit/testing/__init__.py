"""For tests of one's own: assertions, conformance suites, strategies, planted mistakes, and trainings that are known.

`assert_faithful` asserts that logged numbers are the losses that there were. `conformance` makes a class of tests for a
callback, an accumulator or a loop; `parametrize_with_checks` and `run_checks` try the same without a class and without
pytest, and `Subject` says what is tested. Hypothesis, Keras and pytest are imported when they are first needed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lossaudit.testing.assertions import assert_faithful
    from lossaudit.testing.subjects import Subject
    from lossaudit.testing.suites import checks_of, conformance, parametrize_with_checks, run_checks

_HOME = {
    "Subject": "subjects",
    "assert_faithful": "assertions",
    "checks_of": "suites",
    "conformance": "suites",
    "parametrize_with_checks": "suites",
    "run_checks": "suites",
}

__all__ = ["Subject", "assert_faithful", "checks_of", "conformance", "parametrize_with_checks", "run_checks"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
