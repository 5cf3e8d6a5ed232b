"""The suite as a class of tests, as parameters of a test, and without pytest."""

from __future__ import annotations

import subprocess
import sys

import pytest

import lossaudit
from lossaudit.testing import Subject, conformance, run_checks
from lossaudit.testing.suites.suite import checks_of
from tests.testing.suites.programs import FAULTY

SUITE = """
import lossaudit
from lossaudit.testing import Subject, conformance, parametrize_with_checks

TestRight = conformance(lossaudit.WeightedMean, kind="accumulator")
TestWrong = conformance(lossaudit.SumCount, kind="accumulator")
TestKnown = conformance(
    lossaudit.SumCount,
    kind="accumulator",
    xfail=dict.fromkeys(
        ["holds_the_reference_value", "is_right_after_each_update", "counts_weights"], "old"
    ),
)
TestUnmergeable = conformance(lossaudit.WeightedMean, kind="accumulator", merge="no_such_method")

@parametrize_with_checks([Subject(lossaudit.WeightedMean, kind="accumulator")])
def test_each(subject, check):
    check(subject)
"""


MARKER = "-o", "markers=lossaudit(code): the rule"


@pytest.mark.slow
def test_a_class_of_tests_runs_under_pytest(pytester):
    pytester.makepyfile(SUITE)
    done = pytester.runpytest_subprocess("-p", "lossaudit.pytest_plugin", *MARKER, "-rs")
    checks = len(checks_of(Subject(lossaudit.WeightedMean, kind="accumulator")))
    done.assert_outcomes(passed=5 * checks - 3 - 3 - 1, failed=3, xfailed=3, skipped=1)
    done.stdout.fnmatch_lines(
        [
            "*LA101 SumCount holds_the_reference_value: The value logged for an epoch*",
            "*Updates(values=(1.0, 2.0), weights=(2, 1))*",
            "*the mean weighted by rows  1.3333333333333333*",
            "*Cause: short-last-batch-counted-as-full*",
            "*SKIPPED*it has no no_such_method*",
        ]
    )


@pytest.mark.slow
def test_a_failure_shows_the_message_of_the_check_and_none_of_its_code(pytester):
    pytester.makepyfile(SUITE)
    done = pytester.runpytest_subprocess(
        "-p", "lossaudit.pytest_plugin", *MARKER, "-k", "Wrong and reference"
    )
    shown = done.stdout.str().split("holds_the_reference_value ____")[1].splitlines()
    assert shown[1].startswith("LA101 SumCount holds_the_reference_value: ")
    assert "    updates=Updates(values=(1.0, 2.0), weights=(2, 1))," in shown
    assert "Violation" not in done.stdout.str()


@pytest.mark.slow
def test_the_number_of_examples_comes_from_the_option_before_the_environment(
    pytester, monkeypatch
):
    monkeypatch.setenv("LOSSAUDIT_MAX_EXAMPLES", "5")
    pytester.makepyfile(
        """
        from lossaudit import WeightedMean
        from lossaudit.testing import run_checks

        def test_it():
            report = run_checks(WeightedMean, kind="accumulator", select=["LA101"], seed=0)
            assert [judgement.points for judgement in report.verdicts] == [2]
        """
    )
    option = "--lossaudit-max-examples=2"
    pytester.runpytest_subprocess(
        "-p", "lossaudit.pytest_plugin", *MARKER, option
    ).assert_outcomes(passed=1)


def test_a_string_is_one_name_and_an_unknown_name_is_refused():
    report = run_checks(lossaudit.WeightedMean, kind="accumulator", select="LA101", seed=0)
    assert [judgement.origin for judgement in report.verdicts] == ["holds_the_reference_value"]
    for given in ({"select": "LA999"}, {"ignore": ["forgets"]}):
        with pytest.raises(ValueError, match="no rule begins with"):
            run_checks(lossaudit.WeightedMean, kind="accumulator", **given)


def test_a_program_that_raises_has_no_cause_and_its_error_is_reported():
    class Raising(lossaudit.WeightedMean):
        def result(self):
            raise RuntimeError("out of order")

    finding = run_checks(Raising, kind="accumulator", select="LA101", seed=0).findings[0]
    assert (finding.cause, finding.causes) == (None, ())
    assert "it raised RuntimeError: out of order" in finding.message


def test_each_test_carries_the_code_of_its_rule():
    suite = conformance(lossaudit.WeightedMean, kind="accumulator")
    codes = {
        name: [mark.args[0] for mark in test.pytestmark if mark.name == "lossaudit"]
        for name, test in vars(suite).items()
        if name.startswith("test_")
    }
    assert codes["test_holds_the_reference_value"] == ["LA101"]
    assert all(len(found) == 1 and found[0].startswith("LA") for found in codes.values())


def test_a_check_that_passes_although_it_was_expected_to_fail_is_a_finding():
    report = run_checks(
        lossaudit.WeightedMean,
        kind="accumulator",
        select=["forgets_on_reset"],
        xfail={"forgets_on_reset": "old"},
    )
    assert (
        str(report.findings[0].message)
        == "WeightedMean forgets_on_reset was expected to fail (old), but passed."
    )


def test_a_check_that_cannot_run_is_reported():
    report = run_checks(
        lossaudit.WeightedMean, kind="accumulator", select=["LA114"], merge="no_such_method"
    )
    assert report.explanations == (
        "LA114 merges_to_the_whole was not run: it has no no_such_method.",
    )
    assert not report.ok


def test_the_number_of_examples_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("LOSSAUDIT_MAX_EXAMPLES", "3")
    report = run_checks(lossaudit.WeightedMean, kind="accumulator", select=["LA101"], seed=0)
    assert [judgement.points for judgement in report.verdicts] == [3]


def test_importing_the_package_loads_neither_keras_nor_hypothesis():
    program = (
        "import sys, lossaudit.testing; "
        "print([one for one in ('keras', 'hypothesis') if one in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]"


def test_there_are_at_least_thirty_faulty_programs():
    assert len(FAULTY) >= 30
