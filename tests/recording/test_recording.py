from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossaudit import LogFileError, Recorder, Recording, RunFileError, Series, read


def test_columns_are_copies_that_nobody_can_change():
    values = np.array([1.0, 2.0])
    series = Series(values)
    values[0] = 9
    assert series.values.tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="read-only"):
        series.values[0] = 9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weights": [1]}, "weights has 1 entries, but there are 2 values"),
        (
            {"weights": [1, -3]},
            r"weights\[1\]=-3.0 must be finite and not negative \(tag='loss', split='train'\)",
        ),
        ({"weights": [1, np.nan]}, r"weights\[1\]=nan must be finite"),
        ({"epochs": [0.5, 1]}, "epochs must be whole numbers"),
        ({"split": "valid"}, "split='valid' must be one of 'train', 'validation'"),
        ({"covers": "run"}, "covers='run' must be one of 'batch', 'epoch_so_far', 'epoch'"),
        ({"dtype": "int8"}, "dtype='int8' must be one of"),
        ({"decimals": -1}, "decimals=-1 must not be negative"),
    ],
)
def test_a_bad_argument_is_refused_by_name_and_value(arguments, message):
    with pytest.raises(ValueError, match=message):
        Series([1.0, 2.0], **arguments)


@pytest.mark.parametrize("values", [["a"], [[1.0]], [None], 3.0])
def test_values_that_are_not_a_column_of_numbers_are_refused(values):
    with pytest.raises(ValueError, match="values must"):
        Series(values)


def test_half_precision_types_are_kept_exactly():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    half = np.array([0.1, 3.0], dtype=ml_dtypes.bfloat16)
    assert Series(half, dtype="bfloat16").values.tolist() == half.astype(np.float64).tolist()


def test_take_picks_the_same_rows_of_every_column():
    series = Series(
        [1.0, 2.0, 9.0], weights=[4, 4, 2], epochs=[0, 0, 1], steps=[5, 6, 7], tag="kl"
    ).take([2, 0])
    assert (series.values.tolist(), series.weights.tolist()) == ([9.0, 1.0], [2.0, 4.0])
    assert (series.epochs.tolist(), series.steps.tolist(), series.tag) == ([1, 0], [7, 5], "kl")


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


COLUMNS = st.integers(0, 20).flatmap(
    lambda n: st.builds(
        Series,
        st.lists(st.floats(), min_size=n, max_size=n),
        tag=st.text(min_size=1),
        split=st.sampled_from(["train", "validation", "test"]),
        covers=st.sampled_from(["batch", "epoch_so_far", "epoch"]),
        weights=st.none() | st.lists(st.floats(0, 1e300), min_size=n, max_size=n),
        steps=st.none() | st.lists(st.integers(-(2**63), 2**63 - 1), min_size=n, max_size=n),
        decimals=st.none() | st.integers(0, 9),
    )
)


@given(series=st.lists(COLUMNS, max_size=3), run=st.none() | st.text())
def test_a_run_file_is_read_back_column_for_column(tmp_path_factory, series, run):
    path = tmp_path_factory.mktemp("run") / "run.lossaudit"
    recording = Recording(series, run=run, metadata={"keras": "3.15.1", "resets": [3]})
    recording.save(path)
    again = read(path)
    assert (again.run, dict(again.metadata)) == (run, dict(recording.metadata))
    for one, other in zip(recording.series, again.series, strict=True):
        assert (one.tag, one.split, one.covers, one.decimals) == (
            other.tag,
            other.split,
            other.covers,
            other.decimals,
        )
        for name in ("values", "weights", "epochs", "steps"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_an_existing_file_is_not_overwritten(tmp_path):
    path = tmp_path / "run.lossaudit"
    path.write_text("precious")
    with pytest.raises(FileExistsError):
        Recording([]).save(path)
    assert path.read_text() == "precious"


@pytest.mark.parametrize(
    ("content", "error", "reason"),
    [
        (b"", LogFileError, "is empty"),
        (b"\x80\x00\x01", LogFileError, "begins with"),
        (b"SQLite format 3\0" + bytes(200), RunFileError, "is not a lossaudit run file"),
    ],
)
def test_a_file_of_another_kind_is_refused_by_name(tmp_path, content, error, reason):
    path = tmp_path / "run.lossaudit"
    path.write_bytes(content)
    with pytest.raises(error, match=rf"run\.lossaudit {reason}"):
        read(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read(tmp_path / "nowhere")


def test_a_recorder_keeps_batches_components_and_reports_apart():
    recorder = Recorder()
    for epoch in range(2):
        recorder.batch(1.0, weight=4, kl=0.1)
        recorder.batch(2.0, weight=2, kl=0.2)
        recorder.batch(5.0, weight=3, split="validation")
        recorder.end_epoch(loss=4 / 3, val_loss=5.0 + epoch)
    recording = recorder.recording
    train = recording.find(tag="loss", split="train", covers="batch")
    assert (train.weights.tolist(), train.epochs.tolist(), train.steps.tolist()) == (
        [4, 2] * 2,
        [0, 0, 1, 1],
        [0, 1, 2, 3],
    )
    assert recording.find(tag="kl").values.tolist() == [0.1, 0.2] * 2
    assert recording.find(split="validation", covers="epoch").values.tolist() == [5.0, 6.0]
    assert recording.find(split="validation", covers="epoch").origin == "reported val_loss"


def test_a_recorder_refuses_a_bad_weight_with_the_place():
    recorder = Recorder()
    recorder.batch(1.0, weight=4)
    with pytest.raises(
        ValueError, match=r"weight=-3 must be finite and not negative \(tag='loss', step=1\)"
    ):
        recorder.batch(1.0, weight=-3)
    with pytest.raises(ValueError, match="weight=None: give it for every batch or for none"):
        recorder.batch(1.0)


def test_a_recorder_without_weights_has_none():
    recorder = Recorder()
    recorder.batch(1.0)
    assert recorder.recording.find(tag="loss").weights is None


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
