"""What an audit found, as data: its exit status, its selection, and as JSON."""

from __future__ import annotations

import json
import pickle
from types import MappingProxyType

import pytest

from lossaudit import AuditError, Finding, Report, StateError, Verdict
from lossaudit.report.findings import Judgement

RIGHT = Judgement("log", Verdict.EXACT)
ERROR = Finding("LA101", Verdict.WRONG, "wrong")
WARNING = Finding("LA302", Verdict.SUSPECT, "suspect", severity="warning")
OPEN = Finding("LA401", Verdict.UNDECIDABLE, "open", severity="warning")


@pytest.mark.parametrize(
    ("findings", "error", "warning", "never"),
    [
        ((), 0, 0, 0),
        ((WARNING,), 0, 1, 0),
        ((OPEN,), 2, 2, 0),
        ((OPEN, WARNING), 2, 1, 0),
        ((ERROR,), 1, 1, 0),
        ((OPEN, ERROR), 1, 1, 0),
    ],
)
def test_the_exit_status_depends_on_which_findings_fail(findings, error, warning, never):
    report = Report((RIGHT,), findings)
    assert report.status == report.exit_status("error") == error
    assert (report.exit_status("warning"), report.exit_status("never")) == (warning, never)
    assert report.ok == (error == 0)


def test_nothing_to_audit_is_2_whatever_fails():
    assert [Report().exit_status(one) for one in ("error", "warning", "never")] == [2, 2, 2]


def test_the_verdict_is_the_worst_of_claims_and_findings():
    assert Report((RIGHT,)).verdict == "exact"
    assert Report((RIGHT,), (WARNING,)).verdict == "suspect"
    assert Report((RIGHT,), (WARNING, OPEN)).verdict == "undecidable"
    assert Report((RIGHT,), (OPEN, ERROR)).verdict == "wrong"
    assert Report().verdict == "undecidable"


def test_a_selection_keeps_the_verdicts_and_the_findings_of_its_rules():
    report = Report((RIGHT,), (ERROR, WARNING, OPEN))
    assert report.selected(["LA1", "LA40"]).findings == (ERROR, OPEN)
    assert report.selected(ignore=["LA3"]).findings == (ERROR, OPEN)
    assert report.selected(["LA3"], ["LA302"]).findings == ()
    assert report.selected(["LA3"]).verdicts == (RIGHT,)
    assert report.selected() == report
    with pytest.raises(ValueError, match="no rule begins with 'LA9'"):
        report.selected(ignore=["LA9"])


def test_only_several_reports_are_numbered():
    report = Report((RIGHT,), (ERROR,), ("mae",), {"keras": "3.15.1"}, ("a note",))
    assert Report.joined([report]) is report
    both = Report.joined([report, Report()], what="run")
    assert [one.origin for one in both.verdicts] == ["run 1: log"]
    assert [one.message for one in both.findings] == ["run 1: wrong"]
    assert (both.not_audited, both.explanations) == (("run 1: mae",), ("run 1: a note",))
    assert both.metadata == {"run 1": {"keras": "3.15.1"}, "run 2": {}}


@pytest.mark.parametrize("number", [1.5, float("inf"), -float("inf"), None])
def test_a_report_survives_json(number):
    finding = Finding("LA101", Verdict.WRONG, "wrong", epoch=3, observed=number, causes=("a", "b"))
    report = Report((RIGHT,), (finding,), ("mae",), {"rows": 10}, ("a note",))
    assert Report.from_json(report.to_json()) == report


def test_json_has_no_numbers_that_json_does_not_know():
    report = Report((RIGHT,), metadata=MappingProxyType({"loss": [float("nan"), {"a": -1e400}]}))
    text = report.to_json()
    assert json.loads(text, parse_constant=pytest.fail)["metadata"] == {
        "loss": ["nan", {"a": "-inf"}]
    }
    assert pickle.loads(pickle.dumps(report)).metadata["loss"][1] == {"a": -float("inf")}


def test_a_report_of_another_schema_is_refused():
    text = json.dumps(json.loads(Report().to_json()) | {"schema": 2})
    with pytest.raises(StateError, match="schema=2 must be 1, the one of this version"):
        Report.from_json(text)


def test_findings_are_raised_with_the_whole_report():
    Report((RIGHT,)).raise_for_findings()
    report = Report((RIGHT,), (ERROR,), ("mae",))
    with pytest.raises(AuditError) as raised:
        report.raise_for_findings()
    assert (
        str(raised.value)
        == str(report)
        == ("LA101 wrong\nlog: exact (0 of train loss)\nnot audited: mae")
    )
