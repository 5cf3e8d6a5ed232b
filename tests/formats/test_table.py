"""Tables: CSV, JSON lines, DataFrames and W&B exports, with columns that are named or guessed."""

from __future__ import annotations

import csv
import io
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lossaudit
from lossaudit.formats.digits import decimals_of

NAN = float("nan")


@pytest.fixture
def written(tmp_path):
    """Writes a text to a file, and returns its path."""

    def write(text, name="log.txt"):
        path = tmp_path / name
        path.write_text(text, "utf-8")
        return path

    return write


def notes(recording):
    return "\n".join(recording.metadata["notes"])


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


def test_one_number_for_each_epoch_differs_from_several(written):
    by_epoch = lossaudit.read(written("epoch,train_loss\n1,2.0\n2,1.0\n1,2.0\n"))
    assert by_epoch.find().covers == "epoch"
    assert by_epoch.find().epochs.tolist() == [
        1,
        2,
        1,
    ]  # as the file has them: what is wrong is for the audit to say
    by_batch = lossaudit.read(
        written("epoch,batch,train_loss\n0,0,2.0\n0,1,1.0\n1,0,2.0\n1,1,0.5\n")
    )
    assert by_batch.find().covers == "batch"
    assert by_batch.find().steps is None  # the batches of each epoch are counted anew


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


@pytest.mark.parametrize("text", ["nan", "NaN", "inf", "-Infinity"])
def test_nan_and_infinities_are_kept_and_counted(written, text):
    recording = lossaudit.read(written(f"step,loss\n0,1.0\n1,{text}\n"))
    assert np.array_equal(recording.find().values, [1.0, float(text)], equal_nan=True)
    assert (
        f"loss: {int(np.isnan(float(text)))} of 2 numbers are NaN, "
        f"{int(np.isinf(float(text)))} are infinite" in notes(recording)
    )


def test_text_clocks_and_an_index_are_left_out_with_a_note(written):
    recording = lossaudit.read(written(",step,time,loss,host\n0,0,12.5,1.0,a\n1,1,13.5,2.0,b\n"))
    assert [one.tag for one in recording.series] == ["loss"]
    assert "host: left out, as row 1 is 'a', not a number" in notes(recording)
    assert "time: left out, as a time is not a metric" in notes(recording)
    assert "the column without a name: left out, as the index of the rows" in notes(recording)


def test_numbers_without_a_header_are_a_table_too(tmp_path):
    np.savetxt(tmp_path / "losses.txt", [1.5, 0.5])
    assert lossaudit.read(tmp_path / "losses.txt", loss="0").find(tag="loss").values.tolist() == [
        1.5,
        0.5,
    ]
    np.savetxt(tmp_path / "losses.txt", [[0, 1.5], [1, 0.5]], header="step loss")
    assert lossaudit.read(tmp_path / "losses.txt").find(tag="loss").values.tolist() == [1.5, 0.5]


def test_a_repeated_header_is_skipped_with_a_note(tmp_path):
    frame = pd.DataFrame({"step": [0, 1], "loss": [2.0, 1.0]})
    for _ in range(2):
        frame.to_csv(tmp_path / "log.csv", mode="a", index=False)
    recording = lossaudit.read(tmp_path / "log.csv")
    assert recording.find().values.tolist() == [2, 1, 2, 1]
    assert "the header is repeated (1×): several programs wrote to the file in turn" in notes(
        recording
    )


def test_the_decimals_of_rounded_logs_are_noted(written):
    rows = "".join(f"{step},{loss:.4f}\n" for step, loss in enumerate([2.30259, 0.1, 0.56789]))
    recording = lossaudit.read(written(f"step,loss\n{rows}"))
    assert recording.find().decimals == 4
    assert "loss: looks rounded to 4 decimal places" in notes(recording)


@pytest.mark.parametrize(
    ("texts", "decimals"),
    [
        (["1.0", "2.0", "9.0"], None),  # each is a float32 as it stands
        (["0.5", "0.25"], None),
        ([repr(float(np.float32(0.1))), "0.5"], None),
        (["0.1", "0.5"], 1),
        ([f"{x:.3g}" for x in (2.30259, 0.000123456)], 2),
        ([f"{x:.4e}" for x in (2.30259, 12.3456)], 3),
        (["nan", "inf", "0"], None),
    ],
)
def test_decimals_are_found_by_the_digits(texts, decimals):
    assert decimals_of(np.array([float(text) for text in texts])) == decimals


def test_float32_that_numpy_printed_short_is_read_back(written):
    losses = np.random.default_rng(0).lognormal(size=100).astype(np.float32)
    frame = pd.DataFrame({"step": range(100), "loss": losses})
    frame.to_csv(path := written(""), index=False)
    recording = lossaudit.read(path)
    assert recording.find().values.tolist() == losses.tolist()
    assert "loss: printed as float32 and read as float32" in notes(recording)


def test_json_lines_need_not_have_the_same_keys(written):
    rows = [
        {"step": 0, "loss": 1.0},
        {"step": 0, "val_loss": 3.0},
        {"step": 1, "loss": NAN},
        {"step": 2, "loss": None},
    ]
    recording = lossaudit.read(written("".join(json.dumps(row) + "\n" for row in rows)))
    assert recording.metadata["format"] == "json-lines"
    assert recording.find(split="validation").steps.tolist() == [0]
    train = recording.find(split="train")
    assert np.array_equal(train.values, [1.0, NAN], equal_nan=True)
    assert train.steps.tolist() == [0, 1]


def test_json_lines_cut_off_at_any_byte_of_the_last_give_all_lines_before_it(written):
    text = "".join(json.dumps({"step": step, "loss": step / 4}) + "\n" for step in range(3))
    last = text[:-1].rfind("\n") + 1
    for end in range(last + 1, len(text) - 1):
        recording = lossaudit.read(written(text[:end]))
        assert recording.find().values.tolist() == [0, 0.25]
        assert "the last line is cut off and left out" in notes(recording)


def test_damage_inside_json_lines_is_an_error_with_the_number_of_good_lines(written):
    text = '{"step": 0, "loss": 1}\n{"step": 1, "lo\n{"step": 2, "loss": 1}\n'
    with pytest.raises(
        lossaudit.LogFileError,
        match=r"line 2 is not a JSON object: .*; the 1 lines before it are good",
    ):
        lossaudit.read(written(text))


def test_a_list_of_objects_is_a_table_as_well(written):
    path = written(json.dumps([{"step": 0, "loss": 1.0}, {"step": 1, "loss": 0.5}]))
    assert lossaudit.read(path).find().values.tolist() == [1.0, 0.5]


def test_a_data_frame_is_read_like_a_file():
    frame = pd.DataFrame(
        {"step": [0, 1], "loss": np.float32([0.1, 0.2]), "phase": ["train", "val"]}
    )
    recording = lossaudit.read(frame)
    assert recording.find(split="validation").values.tolist() == [float(np.float32(0.2))]
    assert (recording.metadata["source"], recording.metadata["format"]) == (
        "DataFrame",
        "dataframe",
    )
    assert recording.find(split="train").origin == "DataFrame: loss (train)"


def test_a_data_frame_with_two_columns_of_one_name_is_refused():
    with pytest.raises(
        lossaudit.LogFileError, match="the DataFrame has several columns named 'loss'"
    ):
        lossaudit.read(pd.DataFrame([[1.0, 2.0]], columns=["loss", "loss"]))


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


# The layout of published exports, for example in GitHub issues and scripts that read
# "playful-sun-1763 - train/loss__MIN": an axis, and three columns for each metric of each run.
EXPORT = """\
"Step","sea-1 - train/loss","sea-1 - train/loss__MIN","sea-1 - train/loss__MAX"
"0","2.5","2.5","2.5"
"50","1.25","1.0","1.5"
"""


def test_an_exported_chart_of_one_run_is_read_and_its_averages_are_noted(written):
    recording = lossaudit.read(written(EXPORT))
    assert (recording.metadata["format"], recording.run) == ("wandb-csv", "sea-1")
    series = recording.find(tag="loss", split="train")
    assert (series.values.tolist(), series.steps.tolist()) == ([2.5, 1.25], [0, 50])
    assert "train/loss: 1 numbers differ from their MIN: they are averages" in notes(recording)
    assert "the steps are at least 50 apart: W&B samples what it exports" in notes(recording)


def test_an_exported_chart_of_several_runs_needs_the_name_of_one(written):
    header = "epoch," + ",".join(
        f"{run} - {name}{end}" for run in "ab" for name in ("_step", "loss") for end in ENDS
    )
    path = written(f"{header}\n0,9,9,9,1,1,1,8,8,8,2,2,2\n1,19,19,19,0.5,0.5,0.5,,,,,,\n")
    with pytest.raises(
        lossaudit.LogFileError,
        match=r"run=None, but .* has the runs 'a', 'b': name one with run=…",
    ):
        lossaudit.read(path)
    series = lossaudit.read(path, run="b").find(tag="loss")
    assert (series.values.tolist(), series.steps.tolist(), series.epochs.tolist()) == (
        [2.0],
        [8],
        [0],
    )


ENDS = ("", "__MIN", "__MAX")


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
