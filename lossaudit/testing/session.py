"""Suite: what a run of tests asks of every audit in it, and what was audited.

A test runner begins a suite and ends it; `lossaudit.testing` reads it here, so that neither needs
the other. The pytest plugin is the one runner there is. Every run of pytest imports this module:
it is to cost nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lossaudit.report.report import Report
    from lossaudit.rules.catalogue import Codes


class Suite:
    """A run of tests.

    Args:
        select: beginnings of the rule codes that the current test looks for; all if empty.
        ignore: beginnings of the rule codes that it leaves out.
        max_examples: how many examples a property test may take; None where nobody asked.
    """

    def __init__(
        self, select: Codes = (), ignore: Codes = (), max_examples: int | None = None
    ) -> None:
        self.select, self.ignore, self.max_examples = select, ignore, max_examples
        self.audits: dict[str, list[Report]] = {}
        """What was audited in each test, by the name of the test."""
        self._heard: list[tuple[Report, bool]] = []

    def hear(self, report: Report, *, raised: bool = False) -> None:
        """Remember an audit of the current test, and whether it raised."""
        self._heard.append((report, raised))

    def take(self, *, failed: bool) -> list[Report]:
        """The audits that were heard since the last time; one that raised in a test that passed
        was expected to.
        """
        heard, self._heard = self._heard, []
        return [report for report, raised in heard if failed or not raised]


_running: list[Suite] = []
"""The innermost suite is the last: a test may run tests of its own."""


def begin(suite: Suite) -> None:
    """Make a suite the one that runs."""
    _running.append(suite)


def end(suite: Suite) -> None:
    """The suite before it runs again."""
    _running.remove(suite)


def running() -> Suite | None:
    """The suite that runs; None outside of tests."""
    return _running[-1] if _running else None
