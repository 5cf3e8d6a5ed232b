"""The settings and the audits of a run of tests, which the plugin and the assertions share."""

from __future__ import annotations

from lossaudit.testing import session


def test_ending_a_suite_removes_that_suite():
    outside, outer, inner = session.running(), session.Suite(), session.Suite()
    session.begin(outer)
    session.begin(inner)
    session.end(inner)
    assert session.running() is outer
    session.end(outer)
    assert session.running() is outside
