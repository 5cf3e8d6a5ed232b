"""Several series as one recording: found, copied, turned into a table."""

from __future__ import annotations

import copy
import csv
import pickle

import numpy as np
import pytest

from lossaudit import Recording, Series
from lossaudit.recording.recording import recording_of_sessions, with_more
from lossaudit.recording.runfile import Session


def test_find_lists_all_series_if_none_or_several_match():
    recording = Recording([Series([1.0]), Series([2.0], covers="epoch")])
    assert recording.find(covers="epoch").values.tolist() == [2.0]
    for arguments in ({"tag": "kl"}, {"split": "train"}):
        with pytest.raises(
            LookupError, match="the recording has loss of train by batch, loss of train by epoch"
        ):
            recording.find(**arguments)


def test_a_recording_has_series_only():
    with pytest.raises(TypeError, match="every item of series must be a Series, not list"):
        Recording([[1.0]])


def test_a_data_frame_has_a_row_for_every_number():
    pytest.importorskip("pandas")
    frame = Recording(
        [Series([1.0, 2.0], weights=[4, 2]), Series([3.0], covers="epoch", epochs=[0])]
    ).to_pandas()
    assert frame["values"].tolist() == [1.0, 2.0, 3.0]
    assert frame["covers"].tolist() == ["batch", "batch", "epoch"]
    assert frame["weights"].isna().tolist() == [False, False, True]
    assert len(Recording([]).to_pandas()) == 0


@pytest.mark.parametrize(
    "copied", [lambda one: pickle.loads(pickle.dumps(one)), copy.copy, copy.deepcopy]
)
def test_a_copy_of_a_recording_is_as_complete_and_as_immutable(copied):
    series = Series([1.0, 2.0], weights=[4, 2], steps=[0, 1], origin="train.csv: loss")
    found = copied(Recording([series], run="mine", metadata={"keras": "3.15.1"}))
    only = found.series[0]
    assert (found.run, found.metadata, only.origin.file) == (
        "mine",
        {"keras": "3.15.1"},
        "train.csv",
    )
    assert [only.values.tolist(), only.weights.tolist(), only.steps.tolist()] == [
        [1, 2],
        [4, 2],
        [0, 1],
    ]
    with pytest.raises(ValueError, match="read-only"):
        only.values[0] = 3.0
    with pytest.raises(TypeError):
        found.metadata["keras"] = "3.1"


def test_a_table_on_disk_has_every_float_with_all_its_digits(tmp_path):
    pd = pytest.importorskip("pandas")
    values = np.random.default_rng(0).lognormal(size=50)
    recording = Recording([Series(values, steps=range(50))])
    recording.to_csv(tmp_path / "table.csv")
    with (tmp_path / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["values"]) for row in rows] == values.tolist()
    recording.to_parquet(tmp_path / "table.parquet")
    frame = pd.read_parquet(tmp_path / "table.parquet")
    assert frame["values"].tolist() == values.tolist()
    assert frame["steps"].tolist() == [int(row["steps"]) for row in rows] == list(range(50))


def test_sessions_are_joined_in_order_and_say_with_which_step_each_began():
    sessions = [
        Session("first", {"keras": "3.1"}, (Series([3.0, 2.0], steps=[0, 1]),)),
        Session(None, {}, ()),
        Session("last", {"keras": "3.2"}, (Series([1.5, 1.0], steps=[1, 2]),)),
    ]
    recording = recording_of_sessions(sessions)
    assert recording.find().values.tolist() == [3.0, 2.0, 1.5, 1.0]
    assert recording.find().steps.tolist() == [0, 1, 1, 2]
    assert (recording.run, dict(recording.metadata)) == (
        "last",
        {"keras": "3.2", "restarts": [1]},
    )
    assert recording_of_sessions([]).series == ()


def test_what_was_written_comes_before_what_was_not_and_the_newest_metadata_count():
    written = Recording([Series([3.0])], run="mine", metadata={"rows": 1})
    captured = Recording([Series([1.0]), Series([5.0], tag="kl")], metadata={"rows": 2})
    whole = with_more(written, [Series([2.0])], captured)
    assert whole.find(tag="loss").values.tolist() == [3.0, 2.0, 1.0]
    assert whole.find(tag="kl").values.tolist() == [5.0]
    assert (whole.run, dict(whole.metadata)) == ("mine", {"rows": 2})
