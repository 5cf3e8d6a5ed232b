"""Options: what they refuse, and how errors become messages."""

from __future__ import annotations

import argparse

import pytest

from lossaudit.cli.commands import main
from lossaudit.cli.options import (
    JudgingError,
    bench_options,
    log_options,
    refusing,
    report_options,
)
from lossaudit.cli.settings import FAIL_ON, FORMATS
from lossaudit.errors import LogFileError


def test_a_code_that_no_rule_has_is_refused(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["run", "--select", "LA9", "script.py"])
    assert stopped.value.code == 2
    assert "no rule begins with 'LA9'" in capsys.readouterr().err


@pytest.mark.parametrize("budget", ["nan", "-1", "0", "inf", "much"])
def test_a_budget_that_is_none_is_refused(budget, capsys):
    with pytest.raises(SystemExit) as leaving:
        main(["bench", f"--budget={budget}"])
    assert leaving.value.code == 2
    assert "argument --budget: " in capsys.readouterr().err


def parsed(add, *arguments):
    parser = argparse.ArgumentParser()
    add(parser)
    return parser.parse_args(arguments)


def report(parser):
    report_options(parser, "standard output")


def test_options_of_a_report_that_are_not_given_are_none_so_that_settings_apply():
    assert set(vars(parsed(report)).values()) == {None}
    assert parsed(report, "--select", "LA1, LA302").select == ("LA1", "LA302")


def test_the_command_line_and_the_settings_allow_the_same():
    for value in FORMATS:
        assert parsed(report, "--format", value).format == value
    for value in FAIL_ON:
        assert parsed(report, "--fail-on", value).fail_on == value


def test_the_usual_trial_is_of_31_pairs_without_a_budget():
    options = parsed(bench_options)
    assert (options.rounds, options.seed, options.budget, options.callbacks) == (31, 0, None, [])
    assert parsed(bench_options, "--budget=1.02").budget == 1.02


def test_a_cover_that_there_is_not_is_refused(capsys):
    assert parsed(log_options, "--covers", "epoch_so_far").covers == "epoch_so_far"
    with pytest.raises(SystemExit):
        parsed(log_options, "--covers", "day")
    assert "--covers" in capsys.readouterr().err


@pytest.mark.parametrize("error", [LogFileError("no log"), FileNotFoundError("no log")])
def test_what_cannot_be_read_becomes_a_message_and_a_mistake_of_ours_does_not(error):
    with pytest.raises(JudgingError, match="no log"), refusing():
        raise error
    with pytest.raises(ZeroDivisionError), refusing():
        _ = 1 / 0
