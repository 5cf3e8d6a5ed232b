"""Tables of any source, with columns that are named or guessed."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lossaudit
from tests.formats.notes import notes

NAN = float("nan")


def test_columns_are_guessed_by_their_names_and_noted(written):
    recording = lossaudit.read(
        written("global_step,batch_size,loss,accuracy\n0,4,1.0,0.5\n1,2,2.0,0.25\n")
    )
    series = recording.find(tag="loss")
    assert (series.values.tolist(), series.steps.tolist()) == ([1, 2], [0, 1])
    assert (series.weights.tolist(), series.covers, series.split) == ([4, 2], "batch", "train")
    assert recording.find(tag="accuracy").values.tolist() == [0.5, 0.25]
    assert (
        "guessed by the names of the columns: step from 'global_step', weight from 'batch_size'"
        in notes(recording)
    )
    assert (
        "loss, accuracy: taken as one number for each batch, by default; covers=… overrules this"
        in notes(recording)
    )


def test_the_user_names_the_columns(written):
    path = written("a,b,c,d,e\n10,0,3,1.5,2.5\n11,0,1,0.5,1.5\n")
    recording = lossaudit.read(
        path, step="a", epoch="b", weight="c", loss="d", val_loss="e", covers="batch"
    )
    train, held_out = (
        recording.find(split="train", tag="loss"),
        recording.find(split="validation", tag="loss"),
    )
    assert (train.values.tolist(), held_out.values.tolist()) == ([1.5, 0.5], [2.5, 1.5])
    assert (train.steps.tolist(), train.epochs.tolist(), train.weights.tolist()) == (
        [10, 11],
        [0, 0],
        [3, 1],
    )
    assert recording.metadata["notes"] == []


def test_a_missing_column_is_an_error_that_lists_all_columns(written):
    with pytest.raises(
        lossaudit.LogFileError,
        match=r"loss='los' is not a column of .*; its columns are 'step', 'loss'",
    ):
        lossaudit.read(written("step,loss\n0,1\n"), loss="los")


def test_a_column_of_words_cannot_be_the_loss(written):
    with pytest.raises(
        lossaudit.LogFileError,
        match=r"row 1 of the column 'host' of .* is 'a', not a number",
    ):
        lossaudit.read(written("step,loss,host\n0,1,a\n"), loss="host")


def test_rows_that_name_their_split_are_separated(written):
    recording = lossaudit.read(
        written("epoch,phase,loss\n0,train,2.0\n0,val,3.0\n1,train,1.0\n1,val,2.5\n")
    )
    assert [(one.split, one.values.tolist(), one.covers) for one in recording.series] == [
        ("train", [2.0, 1.0], "epoch"),
        ("validation", [3.0, 2.5], "epoch"),
    ]


def test_empty_cells_next_to_numbers_were_not_logged_and_are_counted(written):
    recording = lossaudit.read(
        written("step,loss,val_loss\n0,1.0,\n1,2.0,5.0\n2,3.0,\n3,4.0,6.0\n")
    )
    assert recording.find(split="validation").steps.tolist() == [1, 3]
    assert recording.find(split="train").steps.tolist() == [0, 1, 2, 3]
    assert "val_loss: 2 of 4 cells are empty: nothing was logged there" in notes(recording)


def test_rows_without_any_number_are_nan_where_all_others_have_one(written):
    recording = lossaudit.read(written("step,loss,val_loss\n0,1.0,\n1,,\n2,3.0,6.0\n"))
    assert np.array_equal(recording.find(split="train").values, [1.0, NAN, 3.0], equal_nan=True)
    assert recording.find(split="validation").steps.tolist() == [2]
    assert "loss: 1 of 3 cells are empty: read as NaN" in notes(recording)


def test_without_steps_an_empty_cell_keeps_its_place(written):
    recording = lossaudit.read(written("loss,val_loss\n1.0,\n2.0,5.0\n"))
    assert np.array_equal(recording.find(split="validation").values, [NAN, 5.0], equal_nan=True)


def test_text_clocks_and_an_index_are_left_out_with_a_note(written):
    recording = lossaudit.read(written(",step,time,loss,host\n0,0,12.5,1.0,a\n1,1,13.5,2.0,b\n"))
    assert [one.tag for one in recording.series] == ["loss"]
    assert "host: left out, as row 1 is 'a', not a number" in notes(recording)
    assert "time: left out, as a time is not a metric" in notes(recording)
    assert "the column without a name: left out, as the index of the rows" in notes(recording)


NUMBERS = st.floats(width=32, allow_nan=False)


@given(
    st.lists(st.tuples(NUMBERS, st.floats()), min_size=1, max_size=50),
    st.sampled_from(["csv", "jsonl", "frame"]),
)
def test_any_numbers_come_back_as_they_were_written(rows, form):
    table = {
        "step": range(len(rows)),
        "loss": [row[0] for row in rows],
        "score": [row[1] for row in rows],
    }
    recording = (
        lossaudit.read(pd.DataFrame(table)) if form == "frame" else _through_a_file(table, form)
    )
    assert recording.find(tag="loss").values.tolist() == table["loss"]
    assert recording.find(tag="loss").steps.tolist() == list(table["step"])
    if form != "frame":  # pandas does not tell NaN from a missing value
        assert np.array_equal(recording.find(tag="score").values, table["score"], equal_nan=True)


def _through_a_file(table, form):
    text = io.StringIO(newline="")
    rows = list(zip(*table.values(), strict=True))
    if form == "csv":
        csv.writer(text).writerows([table.keys(), *rows])
    else:
        text.writelines(json.dumps(dict(zip(table, row, strict=True))) + "\n" for row in rows)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "log")
        path.write_text(text.getvalue(), "utf-8", newline="")
        return lossaudit.read(path)


def test_words_that_name_no_split_are_refused_where_the_user_says_that_they_do(written):
    path = written("step,set,loss\n0,a,1.0\n1,b,0.5\n")
    assert "set: left out, as row 1 is 'a', not a number" in notes(lossaudit.read(path))
    with pytest.raises(lossaudit.LogFileError, match="split='set' must be a column of words such"):
        lossaudit.read(path, split="set")


def test_of_several_counters_one_counts_and_the_others_are_no_losses(written):
    recording = lossaudit.read(written("batch,global_step,loss\n0,7,1.0\n1,8,0.5\n"))
    assert [one.origin for one in recording.series] == ["log.txt: loss"]
    assert recording.find().steps.tolist() == [7, 8]
    assert "step from 'global_step'" in notes(recording)
    assert "batch: left out, as a counter is not a metric" in notes(recording)
