"""The suite as a class of tests, as parameters of a test, and without pytest."""

from __future__ import annotations

import subprocess
import sys

import pytest

import lossaudit
from lossaudit import Recording, Series
from lossaudit.predictions.mistakes import MISTAKES
from lossaudit.testing import Subject, conformance, run_checks
from lossaudit.testing.suites.suite import checks_of
from lossaudit.testing.suites.violation import table

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


def test_a_failure_shows_the_message_of_the_check_and_none_of_its_code(pytester):
    pytester.makepyfile(SUITE)
    done = pytester.runpytest_subprocess(
        "-p", "lossaudit.pytest_plugin", *MARKER, "-k", "Wrong and reference"
    )
    shown = done.stdout.str().split("holds_the_reference_value ____")[1].splitlines()
    assert shown[1].startswith("LA101 SumCount holds_the_reference_value: ")
    assert "    updates=Updates(values=(1.0, 2.0), weights=(2, 1))," in shown
    assert "Violation" not in done.stdout.str()


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


def test_a_result_that_is_wrong_from_the_first_does_not_drift():
    class Doubled(lossaudit.WeightedMean):
        def result(self):
            return 2 * super().result()

    finding = run_checks(Doubled, kind="accumulator", select=["LA302"], seed=0).findings[0]
    assert finding.cause is None
    assert "after the first 2 updates: this is not drift." in finding.message


def test_a_string_is_one_name_and_an_unknown_name_is_refused():
    report = run_checks(lossaudit.WeightedMean, kind="accumulator", select="LA101", seed=0)
    assert [judgement.origin for judgement in report.verdicts] == ["holds_the_reference_value"]
    for given in ({"select": "LA999"}, {"ignore": ["forgets"]}):
        with pytest.raises(ValueError, match="no rule begins with"):
            run_checks(lossaudit.WeightedMean, kind="accumulator", **given)


class NeverResets:
    """An accumulator whose reset does nothing."""

    def __init__(self):
        self.mean = lossaudit.WeightedMean()
        self.update_state, self.result = self.mean.update_state, self.mean.result

    def reset_state(self):
        pass


class OneListForAll:
    """An accumulator whose instances share one list."""

    shared = []  # noqa: RUF012 - this is the mistake

    def update_state(self, value, sample_weight=1):
        self.shared.append((value, sample_weight))

    def result(self):
        return sum(v * w for v, w in self.shared) / sum(w for _, w in self.shared)


class Single(lossaudit.KerasMean):
    """An accumulator in float32, which drifts."""


@pytest.mark.parametrize(
    ("factory", "check", "mistake"),
    [
        (NeverResets, "LA111", "state-not-reset"),
        (OneListForAll, "LA116", "state-shared-by-instances"),
        (Single, "LA302", "accumulator-drifted"),
    ],
)
def test_the_cause_of_a_broken_law_is_a_registered_mistake_with_a_remedy(factory, check, mistake):
    finding = run_checks(factory, kind="accumulator", select=check, seed=0).findings[0]
    assert (finding.cause, finding.causes) == (mistake, (mistake,))
    assert mistake in MISTAKES
    assert finding.remedy.endswith(".")
    assert "Remedy" not in finding.message
    assert str(finding).endswith(f"Cause: {mistake}\n  Remedy: {finding.remedy}")


def test_a_program_that_raises_has_no_cause_and_its_error_is_reported():
    class Raising(lossaudit.WeightedMean):
        def result(self):
            raise RuntimeError("out of order")

    finding = run_checks(Raising, kind="accumulator", select="LA101", seed=0).findings[0]
    assert (finding.cause, finding.causes) == (None, ())
    assert "it raised RuntimeError: out of order" in finding.message


def test_numbers_are_shown_next_to_those_of_their_own_steps():
    truth = Recording([Series([1.0, 2.0, 9.0], weights=[4, 4, 2], epochs=[0, 0, 0])])
    lines = table(truth, Series([9.0, 1.5, 7.0], steps=[2, 0, 3])).splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["0", "1.5", "1", "<--"],
        ["1", "-", "2"],
        ["2", "9", "9"],
        ["3", "7", "-"],
    ]


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


@pytest.mark.parametrize(
    ("claims", "message"),
    [
        ({"kind": "meter"}, "kind='meter' must be one of 'callback', 'accumulator', 'loop'"),
        (
            {"kind": "accumulator", "nan": "drop"},
            "nan='drop' must be one of 'propagate', 'ignore', 'raise'",
        ),
        ({"kind": "callback", "covers": "batch"}, "covers='batch' needs read="),
        (
            {"kind": "accumulator", "xfail": {"merging": "no"}},
            "xfail='merging' is not a check of kind='accumulator'",
        ),
    ],
)
def test_an_unknown_claim_is_refused(claims, message):
    with pytest.raises(ValueError, match=message.split("(")[0]):
        conformance(lossaudit.WeightedMean, **claims)


def test_importing_the_package_loads_neither_keras_nor_hypothesis():
    program = (
        "import sys, lossaudit.testing; "
        "print([one for one in ('keras', 'hypothesis') if one in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]"
