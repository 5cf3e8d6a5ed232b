"""Violation: what a check says when it fails, with the numbers side by side and the named cause."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from lossaudit.auditing.alignment import NOWHERE, agreeing, side_by_side
from lossaudit.auditing.audits import report_on
from lossaudit.auditing.claims import Claim
from lossaudit.predictions.prediction import Prediction
from lossaudit.predictions.quantities import expected_of
from lossaudit.predictions.truth import truth_about
from lossaudit.recording.recording import Recording
from lossaudit.recording.series import Series
from lossaudit.report.findings import Finding
from lossaudit.report.report import Report
from lossaudit.report.verdict import Verdict

_SHOWN = 12
"""Numbers that are shown side by side, around the first that differs."""
_HELD = (Verdict.EXACT, Verdict.CONSISTENT, Verdict.SUSPECT)


class Violation(AssertionError):  # noqa: N818 - it is read as what it says, not as an error of the program
    """A check of the conformance suite does not hold.

    Args:
        said: what is wrong, with the numbers.
        causes: the mistakes that were recognised, or one of them; or what looks for one, when
            somebody asks.
    """

    def __init__(
        self, said: str, causes: str | Sequence[str] | Callable[[], str | None] | None = ()
    ) -> None:
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
        """All that a reader needs, with the example that Hypothesis noted; the pytest plugin shows
        this alone.
        """
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
    rows = _rows(series, expected)
    first = next((at for at, row in enumerate(rows) if not row.right), len(rows))
    start = max(0, first - _SHOWN // 2)
    name = "epoch" if series.covers == "epoch" else "step"
    lines = [f"  {name:>6}  {'recorded':>14}  {'true':>14}   ({series.name})"]
    for at, row in enumerate(rows[start : start + _SHOWN], start):
        where = "-" if row.place is None else str(row.place)
        mark = "  <--" if at == first else ""
        lines.append(f"  {where:>6}  {_number(row.recorded):>14}  {_number(row.true):>14}{mark}")
    return "\n".join(lines)


class _Row(NamedTuple):
    """A recorded number and the true one beside it; None where there is none."""

    place: int | None
    recorded: float | None
    true: float | None
    right: bool = False


def _rows(series: Series, expected: Prediction) -> list[_Row]:
    """Both side by side, in the order of their steps or epochs; by position where the series does
    not say which.
    """
    rows = side_by_side(series, expected)
    places = (expected.epochs if expected.per == "epoch" else expected.steps).tolist()
    if rows is None:
        shared = np.arange(min(len(series), len(expected)))
        right = agreeing(series.take(shared), expected, shared)
        columns = zip_longest(places, series.values, expected.values, right)
        return [
            _Row(place, recorded, true, bool(holds)) for place, recorded, true, holds in columns
        ]
    own = series.epochs if expected.per == "epoch" else series.steps
    where = [places[row] for row in rows] if own is None else own.tolist()
    true = [None if row == NOWHERE else expected.values[row] for row in rows]
    right = agreeing(series, expected, rows).tolist()
    found = [
        (place, _Row(place, *row))
        for place, *row in zip(where, series.values, true, right, strict=True)
    ]
    missing = np.setdiff1d(np.arange(len(expected)), rows)
    found += [(places[row], _Row(places[row], None, expected.values[row])) for row in missing]
    return [row for _, row in sorted(found, key=itemgetter(0))]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.9g}"


def _numbers(values: Sequence[Any] | np.ndarray[Any, Any]) -> str:
    return ", ".join(_number(float(value)) for value in values[:_SHOWN]) or "nothing"
