"""Run files: read back as they were written, continued, refused where they are none."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossaudit import LogFileError, Recording, RunFileError, Series, read
from lossaudit.recording.runfile import RunFile, read_sessions

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


@pytest.mark.slow
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


def test_parts_of_one_series_are_read_as_one_and_a_closed_file_stands_alone(tmp_path):
    with closing(RunFile(tmp_path / "run", run="mine")) as file:
        file.append([Series([1.0], steps=[0]), Series([9.0], split="validation")])
        file.append([Series([2.0], steps=[1])], metadata={"rows": 2})
    (session,) = read_sessions(tmp_path / "run")
    assert [one.values.tolist() for one in session.series] == [[1.0, 2.0], [9.0]]
    assert (session.run, session.metadata) == ("mine", {"rows": 2})
    assert [one.name for one in tmp_path.iterdir()] == ["run"]


def test_a_file_is_read_while_it_is_written(tmp_path):
    with closing(RunFile(tmp_path / "run")) as file:
        for number in range(3):
            file.append([Series([float(number)])])
            assert read(tmp_path / "run").find().values.tolist() == [
                *map(float, range(number + 1))
            ]
            assert file.sessions()[0].series[0].values.tolist() == [*map(float, range(number + 1))]


def test_a_file_that_is_opened_again_has_a_session_more_and_one_reopened_has_not(tmp_path):
    for first in (0, 5):
        file = RunFile(tmp_path / "run")
        file.append([Series([1.0], steps=[first])])
        file.close()
        file.reopen()
        file.append([Series([2.0], steps=[first + 1])])
        file.close()
    assert [one.series[0].steps.tolist() for one in read_sessions(tmp_path / "run")] == [
        [0, 1],
        [5, 6],
    ]
    assert read(tmp_path / "run").metadata["restarts"] == [5]


def test_a_file_of_another_version_is_refused_to_readers_and_writers(tmp_path):
    Recording([]).save(tmp_path / "run")
    with closing(sqlite3.connect(tmp_path / "run")) as database, database:
        database.execute("UPDATE file SET format = 'lossaudit run file, version 2'")
    for opened in (read_sessions, RunFile):
        with pytest.raises(RunFileError, match="its format is 'lossaudit run file, version 2'"):
            opened(tmp_path / "run")


def test_a_part_that_cannot_be_written_leaves_the_file_as_it_was(tmp_path):
    file = RunFile(tmp_path / "run")
    file.append([Series([1.0])])
    file.close()
    file.reopen()
    file._database.execute("PRAGMA query_only = ON")
    with pytest.raises(RunFileError, match="cannot be written as a lossaudit run file"):
        file.append([Series([2.0]), Series([3.0], tag="kl")])
    file._database.execute("PRAGMA query_only = OFF")
    file.append([Series([3.0], tag="kl")])
    file.close()
    assert [one.values.tolist() for one in read(tmp_path / "run").series] == [[1.0], [3.0]]


def test_two_series_with_equal_attributes_stay_two(tmp_path):
    Recording([Series([1.0]), Series([2.0])]).save(tmp_path / "run")
    (session,) = read_sessions(tmp_path / "run")
    assert [one.values.tolist() for one in session.series] == [[1.0], [2.0]]
