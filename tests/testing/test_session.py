"""The settings and the audits of a run of tests, which the plugin and the assertions share."""

from __future__ import annotations

import pytest

from lossaudit.report.report import Report
from lossaudit.testing import session


def test_ending_a_suite_removes_that_suite():
    outside, outer, inner = session.running(), session.Suite(), session.Suite()
    session.begin(outer)
    session.begin(inner)
    session.end(inner)
    assert session.running() is outer
    session.end(outer)
    assert session.running() is outside


def test_audits_are_given_once_and_the_next_test_inherits_none():
    suite, reports = session.Suite(), [Report(), Report()]
    for report in reports:
        suite.record(report)
    assert suite.drain(failed=False) == reports
    assert suite.drain(failed=True) == []


def test_an_audit_that_raised_counts_only_where_the_test_failed():
    for failed in (False, True):
        suite, quiet, raised = session.Suite(), Report(), Report(explanations=("raised",))
        suite.record(quiet)
        suite.record(raised, raised=True)
        assert suite.drain(failed=failed) == ([quiet, raised] if failed else [quiet])


def test_a_suite_that_does_not_run_cannot_end():
    with pytest.raises(ValueError, match="not in list"):
        session.end(session.Suite())
