"""The pytest plugin in runs of pytest: options, reports, marker, fixture, and what it costs."""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lossaudit.report.report import Report
from lossaudit.testing import session

ROOT = Path(__file__).parent.parent
BY_HAND = """
import pytest
from lossaudit import Recording, Series
from lossaudit.testing import assert_faithful

TRUTH = Recording([Series([1.0, 2.0, 9.0], weights=[4, 4, 2], epochs=[0, 0, 0])])

def test_right():
    assert_faithful([1.0, 2.0, 9.0], TRUTH)

def test_wrong():
    assert_faithful([1.0, 1.5, 3.0], TRUTH, covers="batch")

def test_empty():
    assert_faithful([], TRUTH, covers="epoch")

@pytest.mark.parametrize("marked", ["[red]", "ü"])
def test_twice(marked):
    assert_faithful([1.0, 2.0, 9.0], TRUTH)
    assert_faithful([3.0], TRUTH, covers="epoch")
"""
ASKED = """
from lossaudit.testing import session

EXAMPLES = session.running().max_examples

def test_examples():
    assert EXAMPLES == session.running().max_examples == 7
"""
OUTCOMES = {"passed": 3, "failed": 2}
PLUGIN = ("-p", "lossaudit.pytest_plugin", "-p", "no:cacheprovider")


@pytest.fixture
def by_hand(pytester):
    """A run of tests that use recordings made by hand; it needs no TensorFlow."""
    pytester.makepyfile(test_it=BY_HAND)
    return lambda *arguments: pytester.runpytest_inprocess(*PLUGIN, *arguments)


# --- A run of pytest


def test_a_failed_assertion_ends_at_the_line_of_the_test(by_hand):
    result = by_hand()
    result.assert_outcomes(**OUTCOMES)
    result.stdout.fnmatch_lines(
        [
            '>       assert_faithful([[]1.0, 1.5, 3.0], TRUTH, covers="batch")',
            "E       *AuditError: LA102 logged (train loss), epoch 0, batch 1 (step 1): logged "
            "1.5, but *",
        ]
    )
    result.stdout.no_fnmatch_line("*assertions.py*")


def test_the_summary_has_a_line_for_each_wrong_or_undecidable_test_and_a_total(by_hand):
    lines = by_hand().outlines
    start = next(
        number for number, line in enumerate(lines) if re.fullmatch("=+ lossaudit =+", line)
    )
    assert lines[start + 1 : start + 4] == [
        "test_it.py::test_wrong: wrong, LA102 running-mean-read-as-batch-loss",
        "test_it.py::test_empty: undecidable, LA101",
        "5 tests audited: 3 right, 1 wrong, 1 undecided",
    ]


def test_a_run_that_does_not_use_the_plugin_prints_nothing(pytester):
    pytester.makepyfile("def test_nothing(): pass")
    result = pytester.runpytest_subprocess(*PLUGIN, "-v")
    result.assert_outcomes(passed=1)
    section = [
        line
        for line in result.outlines
        if "lossaudit" in line and not line.startswith(("plugins:", "rootdir:"))
    ]
    assert section == []


def test_the_json_report_has_every_test_and_reads_back(by_hand, pytester):
    by_hand("--lossaudit-report=made/for/it/audits.json")
    content = json.loads(
        (pytester.path / "made" / "for" / "it" / "audits.json").read_text("utf-8")
    )
    assert (content["schema"], content["ok"], content["status"]) == (1, False, 1)
    tests = {one["test"].partition("::")[2]: one for one in content["tests"]}
    assert [len(one["verdicts"]) for one in tests.values()] == [1, 1, 1, 2, 2]
    wrong = Report.from_json(json.dumps(tests["test_wrong"]))
    assert (wrong.findings[0].observed, wrong.findings[0].expected, wrong.verdict) == (
        1.5,
        2.0,
        "wrong",
    )


def test_the_text_report_has_every_test(by_hand, pytester):
    result = by_hand("--lossaudit-report=audits.txt")
    text = (pytester.path / "audits.txt").read_text("utf-8")
    assert text.count("lossaudit: 1 right, 0 wrong, 0 undecided") == 1
    assert (
        text.count("LA102 running-mean-read-as-batch-loss\nlogged (train loss), epoch 0, batch 1")
        == 1
    )
    assert "::test_twice[[red]]\n====" in text
    assert text.endswith("\n5 tests audited: 3 right, 1 wrong, 1 undecided\n")
    result.stdout.fnmatch_lines(["written to audits.txt"])


def test_the_html_report_has_every_test(by_hand, pytester):
    by_hand("--lossaudit-report=audits.html")
    assert "test_wrong" in (pytester.path / "audits.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        (
            "--lossaudit-report=audits.pdf",
            "ERROR: --lossaudit-report=audits.pdf: the name must end in .txt, .json, .html",
        ),
        (
            "--lossaudit-select=LA1,LA9",
            "ERROR: --lossaudit-select: no rule begins with 'LA9'; see `lossaudit rule`",
        ),
        (
            "--lossaudit-ignore=la1",
            "ERROR: --lossaudit-ignore: no rule begins with 'la1'; see `lossaudit rule`",
        ),
        (
            "--lossaudit-max-examples=0",
            "*--lossaudit-max-examples: '0' must be a positive integer",
        ),
        (
            "--lossaudit-max-examples=many",
            "*--lossaudit-max-examples: 'many' must be a positive integer",
        ),
    ],
)
def test_an_invalid_option_is_a_usage_error(by_hand, argument, message):
    result = by_hand(argument)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


def test_a_report_that_cannot_be_written_fails_the_run(by_hand, pytester):
    (pytester.path / "file").touch()
    result = by_hand("--lossaudit-report=file/audits.txt", "-k", "right")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "--lossaudit-report=file/audits.txt: [Errno" in "\n".join(
        result.outlines + result.errlines
    )


def test_a_report_without_audits_says_that_there_was_nothing(pytester):
    pytester.makepyfile("def test_nothing(): pass")
    result = pytester.runpytest_inprocess(*PLUGIN, "--lossaudit-report=audits.json")
    result.stdout.fnmatch_lines(["nothing to audit: no test used loss_audit or assert_faithful"])
    assert json.loads((pytester.path / "audits.json").read_text()) == {
        "schema": 1,
        "ok": False,
        "status": 2,
        "tests": [],
    }


def test_junit_has_the_verdict_and_the_codes_of_each_test(by_hand, pytester):
    by_hand("--junitxml=junit.xml")
    cases = ElementTree.parse(pytester.path / "junit.xml").iter("testcase")
    properties = {
        case.get("name"): [(one.get("name"), one.get("value")) for one in case.iter("property")]
        for case in cases
    }
    assert properties["test_wrong"] == [
        ("lossaudit.verdict", "wrong"),
        ("lossaudit.codes", "LA102"),
    ]
    assert properties["test_empty"] == [
        ("lossaudit.verdict", "undecidable"),
        ("lossaudit.codes", "LA101"),
    ]
    assert properties["test_right"] == [("lossaudit.verdict", "exact"), ("lossaudit.codes", "")]


@pytest.mark.slow
def test_two_workers_get_the_options_and_write_the_same_file_as_one_process(pytester):
    pytest.importorskip("xdist")
    pytester.makepyfile(test_it=BY_HAND, test_asked=ASKED)
    found = []
    for workers in ([], ["-p", "xdist", "-n", "2"]):
        run = pytester.runpytest_subprocess if workers else pytester.runpytest_inprocess
        result = run(
            *PLUGIN, "--lossaudit-max-examples=7", "--lossaudit-report=audits.json", *workers
        )
        result.assert_outcomes(passed=OUTCOMES["passed"] + 1, failed=OUTCOMES["failed"])
        result.stdout.fnmatch_lines(["5 tests audited: 3 right, 1 wrong, 1 undecided"])
        tests = json.loads((pytester.path / "audits.json").read_text("utf-8"))["tests"]
        found.append(sorted(tests, key=lambda one: one["test"]))
    assert found[0] == found[1]


def test_an_assertion_that_was_expected_to_fail_does_not_count_as_an_audit(pytester):
    pytester.makepyfile(
        BY_HAND.partition("def test_right")[0]
        + "def test_caught():\n    with pytest.raises(AssertionError):\n"
        + "        assert_faithful([4.0], TRUTH)\n"
    )
    result = pytester.runpytest_inprocess(*PLUGIN)
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*audited*")


ELSEWHERE = {
    "unittest": """
import unittest

class TestOld(unittest.TestCase):
    def test_method(self):
        assert_faithful([4.0], TRUTH, covers="epoch")
""",
    "subtests": """
def test_parts(subtests):
    with subtests.test("wrong"):
        assert_faithful([4.0], TRUTH, covers="epoch")
""",
}


@pytest.mark.parametrize("kind", ELSEWHERE)
def test_assertions_in_methods_of_unittest_and_in_subtests_are_audits_of_the_test(pytester, kind):
    if kind == "subtests" and pytest.version_tuple < (9,):
        pytest.skip("subtests are part of pytest since 9")
    pytester.makepyfile(test_it=BY_HAND.partition("def test_right")[0] + ELSEWHERE[kind])
    result = pytester.runpytest_inprocess(*PLUGIN)
    result.stdout.fnmatch_lines(["1 test audited: 0 right, 1 wrong, 0 undecided"])


def test_a_test_that_is_rerun_counts_once(pytester):
    pytester.makepyfile(test_it=BY_HAND)
    pytester.makeconftest(
        """
        from _pytest.runner import runtestprotocol

        def pytest_runtest_protocol(item, nextitem):
            for _ in range(2):
                for report in runtestprotocol(item, nextitem=nextitem, log=False):
                    item.ihook.pytest_runtest_logreport(report=report)
            return True
        """
    )
    result = pytester.runpytest_inprocess(*PLUGIN)
    result.stdout.fnmatch_lines(["5 tests audited: 3 right, 1 wrong, 1 undecided"])


# --- Marker, select, ignore, examples


MARKED = """
import pytest
from lossaudit.testing import session

pytestmark = pytest.mark.lossaudit(ignore=["LA514"])

@pytest.mark.lossaudit("LA1")
class TestValues:
    def test_all(self):
        assert session.running().ignore[0] == "LA514"

    @pytest.mark.lossaudit("LA102", "LA204")
    def test_closer(self):
        pass

@pytest.mark.lossaudit("LA101", ignore=())
def test_other():
    assert "LA514" not in session.running().ignore

def test_plain():
    pass
"""


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ([], ["test_all", "test_closer", "test_other", "test_plain"]),
        (["--lossaudit-select=LA1"], ["test_all", "test_closer", "test_other", "test_plain"]),
        (["--lossaudit-select=LA102"], ["test_all", "test_closer", "test_plain"]),
        (["--lossaudit-select=LA2"], ["test_closer", "test_plain"]),
        (["--lossaudit-ignore=LA102"], ["test_all", "test_closer", "test_other", "test_plain"]),
        (["--lossaudit-ignore=LA1"], ["test_closer", "test_plain"]),
        (["--lossaudit-select=LA2", "--lossaudit-ignore=LA204"], ["test_plain"]),
    ],
)
def test_select_and_ignore_pick_tests_by_the_codes_of_their_marker(pytester, options, kept):
    pytester.makepyfile(test_it=MARKED)
    result = pytester.runpytest_inprocess(*PLUGIN, "-v", "--strict-markers", *options)
    result.assert_outcomes(passed=len(kept), deselected=4 - len(kept))
    assert re.findall(r"(test_\w+) PASSED", result.stdout.str()) == kept


def test_ignored_rules_fail_no_test_but_the_summary_still_counts_wrong(
    pytester,
):
    pytester.makepyfile(
        BY_HAND.partition("def test_right")[0]
        + "@pytest.mark.lossaudit(ignore=['LA102'])\n"
        + "def test_marked():\n    assert_faithful([1.0, 1.5, 3.0], TRUTH)\n"
        + "def test_plain():\n    assert_faithful([4.0], TRUTH, covers='epoch')\n"
    )
    result = pytester.runpytest_inprocess(*PLUGIN, "--lossaudit-ignore=LA101")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        ["*::test_marked: wrong, by ignored rules", "2 tests audited: 0 right, 2 *"]
    )


@pytest.mark.parametrize(
    "marker",
    [
        "'102'",
        "'LA1x'",
        "'LA1020'",
        "'LA9'",
        "''",
        "102",
        "code='LA1'",
        "ignore='LA1'",
        "ignore=['x']",
    ],
)
def test_an_invalid_marker_is_an_error_that_names_it(pytester, marker):
    pytester.makepyfile(
        f"import pytest\n@pytest.mark.lossaudit({marker})\ndef test_marked(): pass"
    )
    result = pytester.runpytest_inprocess(*PLUGIN)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [f"*::test_marked: lossaudit({marker.replace('[', '[[]')}) must have the form lossaudit(*"]
    )
    result = pytester.runpytest_inprocess(*PLUGIN, "--lossaudit-select=LA1")
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_tests_that_run_tests_keep_their_own_suite(by_hand):
    outside = session.running()
    by_hand()
    assert session.running() is outside
    assert not any("by_hand" in test or "test_wrong" in test for test in outside.audits)


# --- The fixture, in real trainings


TRAININGS = """
import pytest
from tests.keras.programs import data, fit, model
from tests.keras.test_loss_audit import BatchLossHistory

def test_clean(loss_audit):
    fit(model(), data(), callbacks=[loss_audit])

def test_wrong(loss_audit):
    fit(model(), data(), callbacks=[BatchLossHistory(), loss_audit])

def test_wrong_then_right(loss_audit):
    fit(model(), data(), callbacks=[BatchLossHistory(), loss_audit])
    fit(model(), data(), callbacks=[loss_audit])

def test_nothing(loss_audit):
    pass

@pytest.mark.lossaudit(fail=False)
def test_nothing_is_allowed(loss_audit):
    pass

@pytest.mark.lossaudit(fail=False)
def test_looks_for_itself(loss_audit):
    fit(model(), data(), callbacks=[BatchLossHistory(), loss_audit])
    assert [finding.code for finding in loss_audit.report.findings] == ["LA102"]

@pytest.mark.lossaudit(ignore=["LA102"])
def test_ignores(loss_audit):
    fit(model(), data(), callbacks=[BatchLossHistory(), loss_audit])

@pytest.mark.xfail(strict=True)
def test_expected(loss_audit):
    fit(model(), data(), callbacks=[BatchLossHistory(), loss_audit])

def test_skipped(loss_audit):
    pytest.skip("before any training")

def test_fails_by_itself(loss_audit):
    fit(model(), data(), callbacks=[BatchLossHistory(), loss_audit])
    raise KeyError("mine")
"""


@pytest.fixture(scope="session")
def loaded_keras():
    """Import TensorFlow before pytester takes its snapshot of modules: a second import aborts."""
    import tests.keras.test_loss_audit  # noqa: F401


@pytest.fixture
def trainings(loaded_keras, pytester):
    pytester.makepyfile(test_it=TRAININGS)
    return lambda *arguments: pytester.runpytest_inprocess(*PLUGIN, *arguments)


@pytest.mark.slow
def test_findings_of_a_training_fail_the_test_and_are_shown_with_it(trainings, pytester):
    result = trainings("-rA", "--junitxml=junit.xml", "--lossaudit-report=audits.json")
    result.assert_outcomes(passed=4, failed=4, xfailed=1, skipped=1)
    printed = result.stdout.str()
    failed = re.findall(r"^FAILED test_it.py::(\w+)", printed, flags=re.MULTILINE)
    assert failed == [
        "test_wrong",
        "test_wrong_then_right",
        "test_nothing",
        "test_fails_by_itself",
    ]
    assert "nothing to audit: loss_audit saw no training. Pass it to the training" in printed
    assert "LA102 fit 1: BatchLossHistory.losses" in printed
    assert "pytest_plugin.py" not in printed
    tests = json.loads((pytester.path / "audits.json").read_text("utf-8"))["tests"]
    verdicts = {one["test"].partition("::")[2]: one["status"] for one in tests}
    assert verdicts == {
        "test_clean": 0,
        "test_wrong": 1,
        "test_wrong_then_right": 1,
        "test_nothing": 2,
        "test_nothing_is_allowed": 2,
        "test_looks_for_itself": 1,
        "test_ignores": 0,
        "test_expected": 1,
        "test_fails_by_itself": 1,
    }
    failures = {
        case.get("name"): one.get("message")
        for case in ElementTree.parse(pytester.path / "junit.xml").iter("testcase")
        for one in case.iter("failure")
    }
    assert "LA102 BatchLossHistory.losses (train loss), epoch 0" in failures["test_wrong"]


def test_the_report_of_a_test_that_passes_or_fails_by_itself_is_a_section_of_its_output(
    trainings,
):
    result = trainings("-rP", "test_it.py::test_clean", "test_it.py::test_fails_by_itself")
    assert result.stdout.str().count("Captured lossaudit call") == 2
    result.stdout.fnmatch_lines(
        ["E*KeyError: 'mine'", "*Captured lossaudit call*", "LA102 BatchLossHistory.losses*"]
    )


@pytest.mark.slow
def test_select_reaches_the_audit_of_a_training(trainings):
    trainings("-k", "test_wrong", "--lossaudit-select=LA2,LA4").assert_outcomes(
        passed=2, deselected=8
    )


# --- What it costs

STARTUP_LIMIT = 20
"""Milliseconds of processor time, which other programs of the machine do not change."""
CLOCK = """
import contextlib, io, sys, time
import pytest

start = time.process_time()
with contextlib.redirect_stdout(io.StringIO()):
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
    assert pytest.main([*options, *sys.argv[1:]]) == 0
print(1000 * (time.process_time() - start))
"""


@pytest.mark.slow
def test_a_run_that_does_not_use_the_plugin_starts_less_than_20_ms_later(pytester, monkeypatch):
    # An installed package has its bytecode.
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(pytester.path / "bytecode"))
    pytester.makepyfile(test_it="def test_nothing(): pass", plugin_that_does_nothing="")
    # For any plugin named by -p, pytest searches all installed packages.
    nothing = "plugin_that_does_nothing"

    def cost(plugin):
        program = [sys.executable, "-c", CLOCK, "test_it.py", "-p", plugin]
        done = subprocess.run(
            program, cwd=pytester.path, check=True, capture_output=True, text=True
        )
        return float(done.stdout)

    cost("lossaudit.pytest_plugin")
    rounds = [(cost(nothing), cost("lossaudit.pytest_plugin"), cost(nothing)) for _ in range(5)]
    later = statistics.median(with_plugin - without for without, with_plugin, _ in rounds)
    control = statistics.median(again - without for without, _, again in rounds)
    assert later < STARTUP_LIMIT, (
        f"{later:.1f} ms, where the same run differs from itself by {control:.1f} ms"
    )


@pytest.mark.slow
def test_options_assertions_and_reports_load_neither_tensorflow_nor_keras_nor_hypothesis(pytester):
    pytester.makepyfile(test_it=BY_HAND)
    pytester.makeconftest(
        """
        import sys

        def pytest_unconfigure():
            names = "tensorflow", "keras", "hypothesis"
            print("loaded:", [name for name in names if name in sys.modules])
        """
    )
    options = [
        "--lossaudit-report=audits.json",
        "--lossaudit-select=LA1",
        "--lossaudit-max-examples=5",
        "-v",
    ]
    result = pytester.runpytest_subprocess(*PLUGIN, "-p", "no:hypothesispytest", *options)
    result.assert_outcomes(**OUTCOMES)
    result.stdout.fnmatch_lines(["loaded: [[]]"])


# --- The page, and other versions


@pytest.mark.slow
def test_every_test_of_the_page_ends_as_it_says(loaded_keras, pytester):
    page = (ROOT / "docs" / "pytest.md").read_text("utf-8")
    blocks = re.findall(r"```python\n((?!>>>).*?)```", page, flags=re.DOTALL)
    setting = (
        "import numpy as np\nfrom tests.keras.programs import model as build\nmodel = build()\n"
    )
    setting += "x = np.arange(40, dtype='float32').reshape(10, 4) / 40\ny = x[:, :1]\n"
    pytester.makepyfile(test_page=setting + "".join(blocks))
    result = pytester.runpytest_inprocess(*PLUGIN, "-v")
    ends = dict(re.findall(r"(test_\w+) (PASSED|FAILED|XFAIL)", result.stdout.str()))
    said = dict(re.findall(r"def (test_\w+)\(.*# (PASSED|FAILED|XFAIL)", page))
    assert ends == said
    for option in re.findall(r"--lossaudit-[a-z-]+", page):
        assert option in pytester.runpytest_inprocess(*PLUGIN, "--help").stdout.str()


@pytest.fixture(scope="session")
def pytest_8_4(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pytest84")
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--target",
        str(folder),
        "pytest==8.4.*",
        "pytest-xdist",
    ]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"pytest 8.4 cannot be installed: {done.stderr.strip().splitlines()[-1]}")
    return folder


@pytest.mark.slow
@pytest.mark.nightly
def test_these_tests_pass_with_pytest_8_4(pytest_8_4):
    path = os.pathsep.join([str(pytest_8_4), str(ROOT), os.environ.get("PYTHONPATH", "")])
    here = [
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--deselect",
        "tests/test_pytest_plugin.py::test_these_tests_pass_with_pytest_8_4",
        "tests/test_pytest_plugin.py",
        "tests/testing/test_assertions.py",
        "tests/testing/test_session.py",
    ]
    program = [sys.executable, *here]
    version = subprocess.run(
        [sys.executable, "-m", "pytest", "--version"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert version.stdout.startswith("pytest 8.4.")
    done = subprocess.run(
        program,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
