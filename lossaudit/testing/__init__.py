"""Tools for users' own tests: assertions, conformance suites, strategies, planted mistakes.

`assert_faithful` asserts that logged numbers are the true losses. `conformance` makes a class of
tests for a callback, an accumulator or a loop. `parametrize_with_checks` runs the same checks in a
test function, `run_checks` without pytest; a `Subject` says what they test. Hypothesis, Keras and
pytest are imported when they are first needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossaudit._exports import exported

if TYPE_CHECKING:
    from lossaudit.testing.assertions import assert_faithful
    from lossaudit.testing.suites.subject import Subject
    from lossaudit.testing.suites.suite import (
        checks_of,
        conformance,
        parametrize_with_checks,
        run_checks,
    )

_HOME = {
    "Subject": "suites.subject",
    "assert_faithful": "assertions",
    "checks_of": "suites.suite",
    "conformance": "suites.suite",
    "parametrize_with_checks": "suites.suite",
    "run_checks": "suites.suite",
}

__all__ = [
    "Subject",
    "assert_faithful",
    "checks_of",
    "conformance",
    "parametrize_with_checks",
    "run_checks",
]

__getattr__, __dir__ = exported(__name__, _HOME)
