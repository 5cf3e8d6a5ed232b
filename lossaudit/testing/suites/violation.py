"""Violation: a failed check, with the recorded and the true numbers, the cause and the remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest
from operator import itemgetter
from typing import Any, NamedTuple, Self

import numpy as np

from lossaudit.auditing.alignment import NOWHERE, agreeing, side_by_side
from lossaudit.auditing.audits import report_on
from lossaudit.auditing.claims import Claim
from lossaudit.predictions.mistakes.mistake import Mistake
from lossaudit.predictions.prediction import Prediction
from lossaudit.predictions.quantities import expected_of
from lossaudit.predictions.truth import truth_about
from lossaudit.recording.recording import Recording
from lossaudit.recording.series import Series
from lossaudit.report.findings import Finding
from lossaudit.report.report import Report
from lossaudit.report.verdict import Verdict

_SHOWN = 12
"""How many rows a table shows, around the first number that differs."""
_RIGHT = (Verdict.EXACT, Verdict.CONSISTENT, Verdict.SUSPECT)


class Violation(AssertionError):  # noqa: N818 - it states a broken expectation, not a program error
    """A failed check of a conformance suite.

    Args:
        message: what is wrong, with the numbers.
        causes: names of the recognised mistakes; or a function that finds them, which is called
            when the causes are first read.
        remedy: what to do; empty if the message says it or no mistake was recognised.
    """

    def __init__(
        self,
        message: str,
        causes: Sequence[str] | Callable[[], Sequence[str]] = (),
        remedy: str = "",
    ) -> None:
        super().__init__(message)
        self._causes = causes
        self.remedy = remedy

    @classmethod
    def by(cls, mistake: Mistake, message: str) -> Self:
        """A violation with the name and the remedy of a mistake."""
        return cls(message, (mistake.name,), mistake.remedy)

    @property
    def causes(self) -> tuple[str, ...]:
        """Names of the recognised mistakes."""
        # Hypothesis raises many violations while it simplifies an example and shows only one, so
        # the search for the causes waits until somebody asks.
        if callable(self._causes):
            self._causes = self._causes()
        return tuple(self._causes)

    @property
    def summary(self) -> str:
        """The message and the cause, without the remedy."""
        return f"{self.args[0]}\nCause: {', '.join(self.causes) or 'unexplained'}"

    @property
    def lossaudit_message(self) -> str:
        """The whole message, with the example that Hypothesis noted.

        The pytest plugin shows it instead of a traceback.
        """
        return "\n".join([str(self), *getattr(self, "__notes__", ())])

    def __str__(self) -> str:
        return self.summary + (f"\nRemedy: {self.remedy}" if self.remedy else "")

    def headed(self, heading: str) -> Violation:
        """The same violation below a line that names the broken expectation."""
        return Violation(f"{heading}\n{self.args[0]}", self._causes, self.remedy)


def judged(truth: Recording, claims: Iterable[Series], about: object) -> Violation | None:
    """Compare recorded numbers with the truth; return a violation, or None if all are right.

    Args:
        truth: the true batch losses.
        claims: the recorded series; each says what it covers.
        about: the schedule that was trained, as the message shows it.
    """
    claims = list(claims)
    report = report_on(truth, [Claim(series, series.covers) for series in claims])
    if report.verdicts and all(judgement.verdict in _RIGHT for judgement in report.verdicts):
        return None
    parts = [str(about), *(table(truth, series) for series in claims), _reasons(report)]
    causes = [finding.cause for finding in report.findings if finding.cause]
    return Violation("\n".join(part for part in parts if part), list(dict.fromkeys(causes)))


def _reasons(report: Report) -> str:
    # "error" sorts before "warning", by the alphabet.
    findings: list[Finding] = sorted(report.findings, key=lambda finding: finding.severity)
    if not report.verdicts:
        return "nothing was recorded that could be judged"
    return "\n".join(map(str, findings))


def table(truth: Recording, series: Series) -> str:
    """The recorded and the true numbers side by side, around the first that differs."""
    about = truth_about(truth, series.tag, series.split, series.dtype)
    expected = None if about is None else expected_of(about, series.covers)
    if expected is None:
        return f"{series.name}: recorded {_numbers(series.values)}"
    rows = _rows(series, expected)
    first = next((at for at, row in enumerate(rows) if not row.right), len(rows))
    # Some right numbers above the first wrong one show how the table should go on.
    start = max(0, first - _SHOWN // 2)
    name = "epoch" if series.covers == "epoch" else "step"
    lines = [f"  {name:>6}  {'recorded':>14}  {'true':>14}   ({series.name})"]
    for at, row in enumerate(rows[start : start + _SHOWN], start):
        where = "-" if row.place is None else str(row.place)
        mark = "  <--" if at == first else ""
        lines.append(f"  {where:>6}  {_number(row.recorded):>14}  {_number(row.true):>14}{mark}")
    return "\n".join(lines)


class _Row(NamedTuple):
    """One row of the table: step or epoch, recorded number, true number; None if there is none."""

    place: int | None
    recorded: float | None
    true: float | None
    right: bool = False


def _rows(series: Series, expected: Prediction) -> list[_Row]:
    """The rows of the table, in the order of their steps or epochs."""
    rows = side_by_side(series, expected)
    places = (expected.epochs if expected.per == "epoch" else expected.steps).tolist()
    if rows is None:
        return _rows_by_position(series, expected, places)
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


def _rows_by_position(series: Series, expected: Prediction, places: list[int]) -> list[_Row]:
    """The rows of a series without steps or epochs whose length is not that of the truth."""
    shared = np.arange(min(len(series), len(expected)))
    right = agreeing(series.take(shared), expected, shared)
    columns = zip_longest(places, series.values, expected.values, right)
    return [_Row(place, recorded, true, bool(equal)) for place, recorded, true, equal in columns]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.9g}"


def _numbers(values: Sequence[Any] | np.ndarray[Any, Any]) -> str:
    return ", ".join(_number(float(value)) for value in values[:_SHOWN]) or "nothing"
