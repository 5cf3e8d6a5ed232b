"""Run files among the logs: recognised by their content."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

import lossaudit
from lossaudit import Recording, Series
from lossaudit.formats.log_file import LogFile
from lossaudit.formats.lossaudit_run import read, sniff


def test_a_run_file_is_recognised_under_any_name(tmp_path):
    Recording([Series([1.0, 2.0], weights=[4, 2])]).save(tmp_path / "log.csv")
    assert lossaudit.read(tmp_path / "log.csv").find().weights.tolist() == [4, 2]


def test_a_text_that_is_called_like_a_run_file_is_none(tmp_path):
    path = tmp_path / "run.lossaudit"
    path.write_text("step,loss\n0,1.0\n")
    assert not sniff(LogFile(path))
    assert lossaudit.read(path).metadata["format"] == "csv"


def test_a_recording_has_no_format_of_its_own(tmp_path):
    Recording([Series([1.0])], metadata={"keras": "3.15.1"}).save(tmp_path / "run")
    assert lossaudit.read(tmp_path / "run").metadata == {"keras": "3.15.1"}


def test_series_without_an_origin_are_named_where_the_path_is_shown(tmp_path):
    Recording([Series([1.0])]).save(tmp_path / "run")
    assert read(LogFile(tmp_path / "run")).find().origin is None
    assert (
        read(LogFile(tmp_path / "run", shown="runs/run")).find().origin == "runs/run: train loss"
    )


def test_a_database_of_another_program_is_refused(tmp_path):
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE losses (loss REAL)")
    with pytest.raises(lossaudit.RunFileError, match="is not a lossaudit run file"):
        lossaudit.read(path)
