"""Findings and judgements as data, and the evidence that they compute when asked."""

from __future__ import annotations

import io
import pickle

import numpy as np
import pytest

from lossaudit import Finding, Report, audit
from lossaudit.report import github, text
from lossaudit.report.findings import Judgement
from lossaudit.report.verdict import Verdict
from tests.runs import by_epoch, run


def never_drawn():
    raise AssertionError("evidence was computed")


def test_text_json_and_annotations_never_compute_evidence():
    judgement = Judgement("log", Verdict.WRONG, draw=never_drawn)
    report = Report((judgement,), (Finding("LA101", Verdict.WRONG, "wrong", draw=never_drawn),))
    with pytest.raises(AssertionError, match="evidence was computed"):
        report.to_html("never-written.html")
    assert "LA101" in text.as_text(report) + str(report) + report.to_json()
    github.write(report, io.StringIO())
    assert Report.joined([report, report]).selected(["LA1"]).status == 1


def test_a_pickled_report_keeps_its_evidence_and_not_the_recording():
    losses = by_epoch(run().find(split="train"))
    report = audit(run(), {"epoch_loss": [float(np.mean(values)) for values, _ in losses]})
    kept = pickle.loads(pickle.dumps(report))
    assert kept == report
    for one, other in zip(
        (*kept.findings, *kept.verdicts), (*report.findings, *report.verdicts), strict=True
    ):
        assert one.evidence.mistake == other.evidence.mistake
        assert np.array_equal(one.evidence.logged.values, other.evidence.logged.values)
        assert np.array_equal(one.evidence.rest.values, other.evidence.rest.values)


def test_a_finding_says_where_its_number_was_logged():
    found = {
        origin: Finding("LA101", Verdict.WRONG, "wrong", origin=origin)
        for origin in ("train.py:7: loss", "train.csv: loss", "losses", None)
    }
    assert [(one.file, one.line) for one in found.values()] == [
        ("train.py", 7),
        ("train.csv", None),
        (None, None),
        (None, None),
    ]


def test_a_finding_without_a_remedy_is_one_line():
    assert str(Finding("LA101", Verdict.WRONG, "wrong")) == "LA101 wrong"
    assert (
        str(Finding("LA101", Verdict.WRONG, "wrong", remedy="Mend it."))
        == "LA101 wrong\n  Remedy: Mend it."
    )


def test_evidence_is_computed_once_and_is_no_part_of_what_a_finding_is():
    drawn = []
    finding = Finding("LA101", Verdict.WRONG, "wrong", draw=lambda: drawn.append(1))
    assert finding == Finding("LA101", Verdict.WRONG, "wrong")
    assert finding.evidence is finding.evidence is None
    assert drawn == [1]
