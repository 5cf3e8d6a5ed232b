"""The records of event files: points, cut-offs, damage."""

from __future__ import annotations

import time

import numpy as np
import pytest
import tensorflow as tf

import lossaudit
from lossaudit.formats import events
from tests.formats.event_files import loop, starts
from tests.formats.notes import notes


@pytest.mark.slow
def test_a_file_cut_off_at_any_byte_of_its_last_record_gives_every_record_before_it(tmp_path):
    path = loop(tmp_path, [3.0, 2.0, 1.0])
    whole = path.read_bytes()
    last = starts(whole)[-1]
    for end in range(last, len(whole)):
        path.write_bytes(whole[:end])
        recording = lossaudit.read(path)
        assert recording.find(tag="loss").values.tolist() == [3, 2], end
        assert ("3 records before it were read" in notes(recording)) == (end > last)


def test_a_file_of_many_records_that_is_cut_off_is_read_to_its_last_good_record(tmp_path):
    path = loop(tmp_path, np.arange(1500.0))
    path.write_bytes(path.read_bytes()[:-1])
    recording = lossaudit.read(path)
    assert recording.find(tag="loss").values.tolist() == list(range(1499))
    assert f"the last record of {path.name} is cut off" in notes(recording)
    assert "1,500 records before it were read" in notes(recording)  # the first one has the version


@pytest.mark.slow
def test_a_changed_byte_anywhere_in_the_middle_is_an_error_with_the_number_of_good_records(
    tmp_path,
):
    path = loop(tmp_path, [4.0, 3.0, 2.0, 1.0])
    whole = path.read_bytes()
    third, fourth = starts(whole)[2:4]
    for byte in range(third, fourth):
        path.write_bytes(whole[:byte] + bytes([whole[byte] ^ 1]) + whole[byte + 1 :])
        with pytest.raises(
            lossaudit.LogFileError,
            match=rf"is damaged at byte {third:,}: the 2 records before it are good",
        ):
            lossaudit.read(path)


def test_values_of_older_writers_and_of_other_types_are_read(tmp_path):
    path = tmp_path / "events.out.tfevents.1.host"
    summary = tf.compat.v1.Summary
    doubles = summary.Value(tag="double", tensor=tf.make_tensor_proto(0.1, tf.float64))
    halves = summary.Value(tag="half", tensor=tf.make_tensor_proto(0.5, tf.bfloat16))
    listed = summary.Value(
        tag="listed", tensor={"dtype": tf.float32.as_datatype_enum, "float_val": [0.25]}
    )
    listed.tensor.tensor_shape.SetInParent()
    values = [summary.Value(tag="loss", simple_value=0.0), doubles, halves, listed]
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(tf.compat.v1.Event(file_version="brain.Event:2").SerializeToString())
        writer.write(tf.compat.v1.Event(step=7, summary=summary(value=values)).SerializeToString())
    found = {one.tag: one for one in lossaudit.read(path).series}
    assert {tag: one.values.tolist() for tag, one in found.items()} == {
        "loss": [0.0],
        "double": [0.1],
        "half": [0.5],
        "listed": [0.25],
    }
    assert all(one.steps.tolist() == [7] for one in found.values())


def test_summaries_that_are_not_scalars_are_counted(tmp_path):
    writer = tf.summary.create_file_writer(str(tmp_path))
    with writer.as_default(step=0):
        tf.summary.scalar("loss", float("nan"))
        tf.summary.histogram("kernel", [1.0, 2.0])
        tf.summary.text("note", "hello")
        tf.summary.write("pair", tf.constant([1.0, 2.0]))
    writer.close()
    recording = lossaudit.read(tmp_path)
    assert [one.tag for one in recording.series] == ["loss"]
    assert "3 summaries that are not scalars are left out: kernel, note, pair" in notes(recording)
    assert "loss: 1 of 1 numbers are NaN, 0 are infinite" in notes(recording)


def test_a_file_without_points_has_no_series(tmp_path):
    path = loop(tmp_path, [])
    assert lossaudit.read(path).series == ()
    path.write_bytes(path.read_bytes()[:5])
    assert "0 records before it were read" in notes(lossaudit.read(path))


def test_the_size_of_a_batch_of_records_does_not_matter(tmp_path, monkeypatch):
    path = loop(tmp_path, np.arange(10.0))
    for size in (1, 3, 10, 11, 12):
        monkeypatch.setattr(events, "_BATCH", size)
        assert lossaudit.read(path).find(tag="loss").values.tolist() == list(range(10))


@pytest.mark.slow
@pytest.mark.parametrize("most", [200_000, pytest.param(1_000_000, marks=pytest.mark.nightly)])
def test_a_million_points_are_read_in_seconds_and_twice_as_many_in_twice_the_time(tmp_path, most):
    seconds = {}
    for points in (most // 2, most):
        path = tmp_path / f"events.out.tfevents.{points}.host"
        value = tf.compat.v1.Summary.Value(tag="loss", tensor=tf.make_tensor_proto(0.1))
        event = tf.compat.v1.Event(
            step=1, summary=tf.compat.v1.Summary(value=[value])
        ).SerializeToString()
        with tf.io.TFRecordWriter(str(path)) as writer:
            writer.write(tf.compat.v1.Event(file_version="brain.Event:2").SerializeToString())
            for _ in range(points):
                writer.write(event)
        start = time.perf_counter()
        assert len(lossaudit.read(path).find()) == points
        seconds[points] = time.perf_counter() - start
    print(f"points in an event file: seconds {seconds}")
    assert seconds[most] < 10 * 2 * seconds[most // 2]
