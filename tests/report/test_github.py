"""Findings as annotations of GitHub."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from lossaudit import Report
from lossaudit.report import github
from lossaudit.report.findings import Finding
from lossaudit.report.verdict import Verdict


def annotated(report: Report) -> list[str]:
    stream = io.StringIO()
    github.write(report, stream)
    return stream.getvalue().splitlines()


def test_a_finding_is_one_annotation_in_which_nothing_can_pose_as_a_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a,b.csv").write_text("")
    message = "50 % of a\n::error::b\rwere lost"
    error = Finding(
        "LA101",
        Verdict.WRONG,
        message,
        causes=("a:b", "c"),
        remedy="Mend it.",
        origin="a,b.csv: loss",
    )
    warning = Finding(
        "LA401", Verdict.UNDECIDABLE, "unknown", severity="warning", origin="History: loss"
    )
    assert annotated(
        Report(findings=(error, warning), not_audited=("mae",), explanations=("a note",))
    ) == [
        "::error title=LA101 a%3Ab c,file=a%2Cb.csv::50 %25 of a%0A::error::b%0Dwere "
        "lost%0ARemedy: Mend it.",
        "::warning title=LA401::unknown",
        "::notice title=lossaudit::a note",
        "::notice title=lossaudit::not audited: mae (skipped: not named like a recorded loss, and "
        "no known quantity matches)",
        "lossaudit: 0 right, 0 wrong, 0 undecided",
    ]


@given(message=st.text(), title=st.text())
def test_a_command_is_one_line_from_which_the_text_can_be_read_back(message, title):
    line = github.command("error", message, title=title)
    assert not {"\r", "\n"} & set(line)
    properties, _, data = line.removeprefix("::error title=").partition("::")
    assert (_read(properties), _read(data)) == (title, message)


def _read(escaped):
    for code, character in (
        ("%0A", "\n"),
        ("%0D", "\r"),
        ("%3A", ":"),
        ("%2C", ","),
        ("%25", "%"),
    ):
        escaped = escaped.replace(code, character)
    return escaped


def test_only_a_file_that_is_there_is_annotated(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    finding = Finding("LA101", Verdict.WRONG, "wrong", origin="logs/train.csv: loss")
    assert github.annotation(finding) == "::error title=LA101::wrong"
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "train.csv").touch()
    assert github.annotation(finding) == "::error title=LA101,file=logs/train.csv::wrong"
