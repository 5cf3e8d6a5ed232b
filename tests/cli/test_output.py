"""Where the result of a command goes, and in which format."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import pytest

from lossaudit import Finding, Report, Verdict
from lossaudit.cli.commands import main
from lossaudit.cli.options import JudgingError
from lossaudit.cli.output import put, render


def test_only_a_page_loads_jinja2(tmp_path):
    (tmp_path / "log.csv").write_text("epoch,loss\n0,4.0\n")
    program = (
        "import sys; from lossaudit.cli.commands import main; main(sys.argv[1:]); "
        "sys.exit('jinja2' in sys.modules)"
    )
    for form, loaded in (("text", 0), ("json", 0), ("github", 0), ("html", 1)):
        arguments = ["audit", "--format", form, str(tmp_path / "log.csv")]
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments], capture_output=True, check=False
        )
        assert (done.returncode, done.stderr) == (loaded, b""), form


def test_a_command_writes_the_page_where_it_is_told_to(tmp_path):
    (tmp_path / "idle.py").write_text("")
    assert (
        main(
            [
                "run",
                "--format",
                "html",
                "-o",
                str(tmp_path / "report.html"),
                str(tmp_path / "idle.py"),
            ]
        )
        == 2
    )
    assert "Nothing to audit" in (tmp_path / "report.html").read_text("utf-8")


REPORT = Report(findings=(Finding("LA101", Verdict.WRONG, "wrong Σ"),))


def rendered(form):
    stream = io.StringIO()
    render(REPORT, form, stream)
    return stream.getvalue()


def test_each_format_is_what_its_reader_expects():
    assert rendered("text").startswith("LA101 wrong Σ\n")
    assert json.loads(rendered("json"))["findings"][0]["message"] == "wrong Σ"
    assert rendered("json").count("\n") == 1
    assert rendered("github").startswith("::error title=LA101::wrong Σ\n")
    assert rendered("html").startswith("<!DOCTYPE html>")


def test_a_result_goes_to_the_file_else_to_the_stream_else_to_standard_output(tmp_path, capsys):
    stream = io.StringIO()

    def write(file):
        file.write("Σ")

    put(write, tmp_path / "result", stream)
    assert (tmp_path / "result").read_text("utf-8") == "Σ"
    assert stream.getvalue() == capsys.readouterr().out == ""
    put(write, None, stream)
    assert (stream.getvalue(), capsys.readouterr().out) == ("Σ", "")
    put(write, None)
    assert capsys.readouterr().out == "Σ"


def test_a_file_that_cannot_be_written_keeps_a_command_from_judging(tmp_path):
    with pytest.raises(JudgingError, match="nowhere"):
        put(print, tmp_path / "nowhere" / "result")
