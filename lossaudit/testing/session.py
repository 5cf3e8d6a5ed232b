"""Suite: the settings and the audits of a test run.

The pytest plugin begins and ends a suite, and `lossaudit.testing` reads the running one here: so
neither imports the other. Every run of pytest imports this module, so it imports only the standard
library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lossaudit.report.report import Report
    from lossaudit.rules.catalogue import Codes


class Suite:
    """The settings and the audits of a test run.

    Args:
        select: prefixes of the rule codes that the current test checks; all if empty.
        ignore: prefixes of the rule codes that it ignores.
        max_examples: number of examples for each property test; None uses the test's own.
    """

    def __init__(
        self, select: Codes = (), ignore: Codes = (), max_examples: int | None = None
    ) -> None:
        self.select, self.ignore, self.max_examples = select, ignore, max_examples
        self.audits: dict[str, list[Report]] = {}
        """The audits of each test, by its node id."""
        self._recorded: list[tuple[Report, bool]] = []

    def record(self, report: Report, *, raised: bool = False) -> None:
        """Add an audit of the current test; `raised` if it raised its findings as an error."""
        self._recorded.append((report, raised))

    def drain(self, *, failed: bool) -> list[Report]:
        """Return and clear the audits recorded since the last call.

        An audit that raised in a test that passed was expected to (`pytest.raises`) and is
        dropped.
        """
        # Emptied first: the next test must not inherit audits.
        recorded, self._recorded = self._recorded, []
        return [report for report, raised in recorded if failed or not raised]


_running: list[Suite] = []
"""The running suites, the innermost last: a test may itself run tests."""


def begin(suite: Suite) -> None:
    """Make a suite the running one."""
    _running.append(suite)


def end(suite: Suite) -> None:
    """Remove a suite, so that the one before it is the running one again."""
    _running.remove(suite)


def running() -> Suite | None:
    """Return the running suite; None outside test runs."""
    return _running[-1] if _running else None
