"""Tables of delimited text as a whole."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest

import lossaudit


@pytest.mark.slow
@pytest.mark.parametrize("millions", [1, pytest.param(10, marks=pytest.mark.nightly)])
def test_millions_of_numbers_are_read_in_seconds_and_twice_as_many_in_twice_the_time(
    tmp_path, millions
):
    seconds = {}
    most = millions * 1_000_000
    for rows in (most // 4, most // 2):
        frame = pd.DataFrame(
            {"step": range(rows), "loss": np.random.default_rng(0).random(rows, np.float32)}
        )
        frame.astype(float).to_csv(tmp_path / "log.csv", index=False)
        start = time.perf_counter()
        assert len(lossaudit.read(tmp_path / "log.csv").find()) == rows
        seconds[rows * 2] = time.perf_counter() - start
    print(f"numbers in a CSV file: seconds {seconds}")
    assert seconds[most] < 10 * 2 * seconds[most // 2]


def test_a_header_alone_gives_empty_series(written):
    recording = lossaudit.read(written("step,loss,val_loss\n"))
    assert [(one.split, len(one)) for one in recording.series] == [("train", 0), ("validation", 0)]
    assert recording.metadata["format"] == "csv"


def test_what_the_user_says_that_numbers_cover_counts_for_every_column(written):
    path = written("epoch,loss,val_loss_epoch\n0,1.0,2.0\n1,0.5,1.5\n")
    assert {one.covers for one in lossaudit.read(path).series} == {"epoch"}
    assert {one.covers for one in lossaudit.read(path, covers="batch").series} == {"batch"}


def test_who_names_columns_reads_a_plain_table_where_keras_wrote_it(written):
    path = written("epoch,loss,val_loss\n0,1.0,2.0\n")
    assert lossaudit.read(path).metadata["format"] == "keras-csvlogger"
    named = lossaudit.read(path, step="epoch")
    assert named.metadata["format"] == "csv"
    assert named.find(split="validation").steps.tolist() == [0]


def test_a_table_of_steps_alone_has_nothing_logged(written):
    with pytest.raises(lossaudit.LogFileError, match="has no column of logged numbers"):
        lossaudit.read(written("step,epoch\n0,1\n"))
