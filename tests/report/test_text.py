"""Reports as text: on a terminal, in a pipe, and hostile names in them."""

from __future__ import annotations

import io

import pytest

from lossaudit import Recording, Report, Series, audit
from lossaudit.report import text

TRUTH = Recording([Series([1.0, 2.0, 9.0], weights=[4, 4, 2], epochs=[0, 0, 0])])


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_report_has_a_row_for_every_claim_and_every_finding_in_full():
    report = audit(
        TRUTH, {"epoch_loss": [4.0], "batch_losses": [1.0, 2.0, 9.0], "accuracy": [0.5]}
    )
    printed = text.as_text(report)
    assert "epoch_loss     train   mean_of_batch_means         1   wrong" in printed
    assert "batch_losses   train   batch_loss                  3   exact" in printed
    assert (
        "LA101 short-last-batch-counted-as-full\nepoch_loss (train loss), epoch 0: logged 4.0, "
        "but its 3" in printed
    )
    assert "Remedy: Weight each batch by its rows" in printed
    assert "not audited: accuracy" in printed
    assert printed.endswith("lossaudit: 1 right, 1 wrong, 0 undecided\n")


def test_a_pipe_gets_no_colours_and_findings_on_lines_of_their_own():
    printed = text.as_text(audit(TRUTH, {"epoch_loss": [4.0]}))
    assert "\x1b" not in printed
    assert any(
        line.startswith("epoch_loss (train loss)") and len(line) > 150
        for line in printed.splitlines()
    )


def test_a_terminal_of_80_columns_is_not_overrun(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")
    terminal = Terminal()
    text.write(
        audit(TRUTH, {"a_very_long_name_of_a_list_of_losses_of_every_epoch_loss" * 2: [4.0]}),
        terminal,
    )
    assert max(map(len, terminal.getvalue().splitlines())) <= 80


@pytest.mark.parametrize("name", ["[red]loss[/red]", "loss[/nothing]", "\x1b[31mloss"])
def test_names_from_logs_are_text_and_not_markup(name):
    printed = text.as_text(audit(TRUTH, {name: [4.0], f"{name} accuracy": [0.5]}))
    assert name.replace("\x1b", "") in printed.replace("\x1b", "")


def test_a_stream_that_lacks_a_character_gets_its_number():
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="ascii")
    text.write(audit(TRUTH, {"Σ loss 損失\udcff": [4.0]}), stream)
    stream.flush()
    assert "\\u03a3 loss \\u640d\\u5931\\udcff" in written.getvalue().decode("ascii")


def test_nothing_to_audit_says_so():
    assert "nothing to audit" in text.as_text(Report())
    assert str(Report()) == "lossaudit: nothing to audit"


def test_metrics_that_were_not_audited_stand_in_one_line_by_file():
    names = ("a.csv: mae", "a.csv: val_mae", "logs/train: epoch_mae", "times")
    assert text.not_audited(Report(not_audited=names)) == [
        "not audited: a.csv: mae, val_mae; logs/train: epoch_mae; times (skipped: not named like "
        "a recorded loss, and no known quantity matches)"
    ]
    assert text.not_audited(Report()) == []
