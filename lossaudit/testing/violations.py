"""Violation: what a check says when it fails, with the numbers side by side and the named cause."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest
from typing import Any

import numpy as np

from lossaudit.auditing import report_on
from lossaudit.claims import Claim
from lossaudit.findings import Finding, Report, Verdict
from lossaudit.mistakes import expected_of
from lossaudit.predictions import Prediction
from lossaudit.recordings import Recording, Series
from lossaudit.truths import truth_about

_SHOWN = 12
"""Numbers that are shown side by side, around the first that differs."""
_HELD = (Verdict.EXACT, Verdict.CONSISTENT, Verdict.SUSPECT)


class Violation(AssertionError):  # noqa: N818 - it is read as what it says, not as an error of the program
    """A check of the conformance suite does not hold.

    Args:
        said: what is wrong, with the numbers.
        causes: the mistakes that were recognised, or one of them; or what looks for one, when somebody asks.
    """

    def __init__(self, said: str, causes: str | Sequence[str] | Callable[[], str | None] | None = ()) -> None:
        super().__init__(said)
        self._causes = causes

    @property
    def causes(self) -> tuple[str, ...]:
        """The mistakes that were recognised."""
        if callable(self._causes):
            self._causes = self._causes()
        return (self._causes,) if isinstance(self._causes, str) else tuple(self._causes or ())

    @property
    def lossaudit_says(self) -> str:
        """All that a reader needs, with the example that Hypothesis noted; the pytest plugin shows this alone."""
        return "\n".join([str(self), *getattr(self, "__notes__", ())])

    def __str__(self) -> str:
        return f"{self.args[0]}\nCause: {', '.join(self.causes) or 'unexplained'}"

    def headed(self, heading: str) -> Violation:
        """The same below a line that says which expectation is broken."""
        return Violation(f"{heading}\n{self.args[0]}", self._causes)


def judged(truth: Recording, claims: Iterable[Series], about: object) -> Violation | None:
    """What is wrong with recorded numbers beside the truth; None where all of them are right.

    Args:
        truth: the true batch losses.
        claims: what was recorded, of which each says what it covers.
        about: the schedule that was trained, as it is shown.
    """
    claims = list(claims)
    report = report_on(truth, [Claim(series, series.covers) for series in claims])
    if report.verdicts and all(judgement.verdict in _HELD for judgement in report.verdicts):
        return None
    parts = [str(about), *(table(truth, series) for series in claims), _reasons(report)]
    causes = [finding.cause for finding in report.findings if finding.cause]
    return Violation("\n".join(part for part in parts if part), list(dict.fromkeys(causes)))


def _reasons(report: Report) -> str:
    found: list[Finding] = sorted(report.findings, key=lambda finding: finding.severity)
    if not report.verdicts:
        return "nothing was recorded that could be judged"
    return "\n".join(map(str, found))


def table(truth: Recording, series: Series) -> str:
    """The recorded numbers beside the true ones, around the first that differs."""
    about = truth_about(truth, series.tag, series.split, series.dtype)
    expected = None if about is None else expected_of(about, series.covers)
    if expected is None:
        return f"{series.name}: recorded {_numbers(series.values)}"
    first = _first_wrong(series, expected)
    start = max(0, first - _SHOWN // 2)
    rows = list(zip_longest(series.values, expected.values))[start : start + _SHOWN]
    name = "epoch" if series.covers == "epoch" else "step"
    places = (expected.epochs if name == "epoch" else expected.steps).tolist()
    lines = [f"  {name:>6}  {'recorded':>14}  {'true':>14}   ({series.name})"]
    for place, (recorded, true) in enumerate(rows, start):
        where = str(places[place]) if place < len(places) else "-"
        mark = "  <--" if place == first else ""
        lines.append(f"  {where:>6}  {_number(recorded):>14}  {_number(true):>14}{mark}")
    return "\n".join(lines)


def _first_wrong(series: Series, expected: Prediction) -> int:
    shared = min(len(series), len(expected))
    right = expected.take(np.arange(shared)).matches(series.values[:shared], series.decimals)
    wrong = np.flatnonzero(~right)
    return int(wrong[0]) if len(wrong) else shared


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.9g}"


def _numbers(values: Sequence[Any] | np.ndarray[Any, Any]) -> str:
    return ", ".join(_number(float(value)) for value in values[:_SHOWN]) or "nothing"
