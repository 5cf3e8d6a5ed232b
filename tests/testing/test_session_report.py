"""The audits of a run of tests in one file or one line, whatever their outcome."""

from __future__ import annotations

import json

import pytest

from lossaudit import Recording, Series, audit
from lossaudit.report.report import Report
from lossaudit.testing.session_report import SUFFIXES, as_json, as_text, line, total, write

TRUTH = Recording([Series([1.0, 2.0, 9.0], weights=[4, 4, 2], epochs=[0, 0, 0])])
RIGHT = audit(TRUTH, {"epoch_loss": [3.0]})
WRONG = audit(TRUTH, {"epoch_loss": [4.0]})
NOTHING = audit(TRUTH, {})
AUDITED = {"a.py::test_ü": RIGHT, "a.py::test_[red]": WRONG, "b.py::test_c": NOTHING}


def test_the_total_counts_tests_by_their_worst_verdict():
    assert total(AUDITED) == "3 tests audited: 1 right, 1 wrong, 1 undecided"
    assert total({"a": RIGHT}) == "1 test audited: 1 right, 0 wrong, 0 undecided"
    assert total({}).startswith("nothing to audit")


def test_a_line_has_the_verdict_and_each_code_with_its_causes_once():
    twice = Report(WRONG.verdicts, WRONG.findings * 2)
    assert line("t", twice) == "t: wrong, LA101 short-last-batch-counted-as-full"
    assert line("t", RIGHT.selected(["LA1"], [])) == "t: exact, by ignored rules"
    assert line("t", NOTHING) == "t: undecidable"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_report_is_written_in_every_form_into_folders_that_are_made(tmp_path, suffix):
    path = tmp_path / "made" / "for it" / f"audits{suffix}"
    write(AUDITED, path)
    assert "short-last-batch-counted-as-full" in path.read_text("utf-8")
    assert "test_" in path.read_text("utf-8")


def test_another_suffix_is_refused_before_anything_is_made(tmp_path):
    with pytest.raises(ValueError, match=r"audits\.pdf' must end in \.txt, \.json, \.html"):
        write(AUDITED, tmp_path / "made" / "audits.pdf")
    assert list(tmp_path.iterdir()) == []


def test_json_has_each_test_with_its_whole_report_and_the_status_of_all():
    content = json.loads(as_json(AUDITED))
    assert (content["ok"], content["status"]) == (False, 1)
    for one in content["tests"]:
        again = Report.from_json(json.dumps(one))
        assert again.to_json() == AUDITED[one["test"]].to_json()


def test_text_has_each_test_under_its_name_and_ends_with_the_total():
    text = as_text(AUDITED)
    assert "a.py::test_[red]\n================\n" in text
    assert text.endswith(f"\n\n{total(AUDITED)}\n")
    assert [text.index(test) for test in AUDITED] == sorted(text.index(test) for test in AUDITED)
