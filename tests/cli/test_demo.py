"""The demo: every planted mistake named, every correction called correct."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

import lossaudit
from lossaudit.cli.commands import main
from tests.cli.processes import command
from tests.terminals import on_a_terminal

PROGRESS = "Training, and auditing what was logged"


@pytest.mark.slow
def test_the_demo_names_every_mistake_and_no_correction_and_shows_no_progress_in_a_pipe(tmp_path):
    folder = tmp_path / "demo"
    done = command("demo", "--format", "json", "--out", folder)
    assert done.returncode == 0, done.stderr
    assert PROGRESS not in done.stderr
    examples = json.loads(done.stdout)
    assert all(example["as_planted"] for example in examples)
    assert sum(example["planted"] is not None for example in examples) == 8
    for example in examples:
        causes = [finding["cause"] for finding in example["report"]["findings"]]
        verdict = example["report"]["verdicts"][0]["verdict"]
        assert (
            (causes, verdict) == ([example["planted"]], "wrong")
            if example["planted"]
            else verdict in ("exact", "consistent")
        )
    for name in ("fit", "loop"):
        assert len(lossaudit.read(folder / f"{name}.lossaudit").find(split="train")) == 33
    assert json.loads((folder / "reports.json").read_text()) == examples


@pytest.mark.slow
def test_the_demo_prints_truth_log_verdict_and_cause_side_by_side_in_80_columns(capsys):
    assert main(["demo"]) == 0
    printed = capsys.readouterr().out
    table = [line for line in printed.splitlines() if line.startswith(("│", "┃"))]
    assert all(len(line) <= 80 for line in table)
    assert table[0].replace("┃", " ").split()[-3:] == ["truth", "log", "verdict"]
    assert "8 of 8 planted mistakes named, 6 of 6 corrections called correct" in printed


@pytest.mark.slow
def test_the_demo_shows_its_progress_on_a_terminal():
    status, shown = on_a_terminal(
        [sys.executable, "-m", "lossaudit.cli", "demo", "--format", "json"]
    )
    assert status == 0
    assert PROGRESS in shown


@pytest.mark.slow
def test_the_demo_writes_the_page_and_says_where(tmp_path, monkeypatch, capsys):
    from lossaudit.cli import demo

    monkeypatch.setattr(demo, "mkdtemp", lambda prefix: str(tmp_path / prefix))
    assert demo.main() == 0
    said = re.search(r"^Report: (.*)$", capsys.readouterr().out, re.MULTILINE).group(1)
    page = Path(said).read_text("utf-8")
    assert "8 of 14 logs are not what they promise to be." in page
    assert page.count('class="wide"') == 8
