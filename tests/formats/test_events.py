"""Event files of Keras' TensorBoard callback and tf.summary: points, cut-offs, damage, runs."""

from __future__ import annotations

import struct
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

import lossaudit
from lossaudit.formats import events
from tests.keras.programs import data, fit, model


def loop(folder, numbers, tag="loss", first=0):
    """A hand-written loop that logs numbers, as tutorials write it; returns the event file."""
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default():
        for step, number in enumerate(numbers, first):
            tf.summary.scalar(tag, number, step=step)
    writer.close()
    return max(folder.glob("events.*"), key=lambda path: path.stat().st_mtime_ns)


def starts(content):
    """Where each record begins: its length, a checksum, its bytes, a checksum."""
    found, at = [], 0
    while at < len(content):
        found.append(at)
        at += struct.unpack_from("<Q", content, at)[0] + 16
    return found


def notes(recording):
    return "\n".join(recording.metadata["notes"])


def test_the_callback_of_keras_gives_every_batch_and_every_epoch_of_both_splits(tmp_path):
    tensorboard = keras.callbacks.TensorBoard(tmp_path / "logs", update_freq=1)
    history = fit(
        model(metrics=["mae"]),
        data(50, 8),
        epochs=2,
        validation_data=data(20, 8),
        callbacks=[tensorboard],
    ).history
    recording = lossaudit.read(tmp_path / "logs")
    assert recording.metadata["format"] == "tensorboard"
    batch, epoch = (
        recording.find(split="train", tag="loss", covers=covers) for covers in ("batch", "epoch")
    )
    assert len(batch) == 14
    assert batch.steps.tolist() == list(range(1, 15))  # as Keras counts them
    assert batch.origin == "logs/train: batch_loss"
    assert epoch.values.tolist() == history["loss"]
    assert epoch.epochs.tolist() == [0, 1]
    assert (
        recording.find(split="train", tag="mae", covers="epoch").values.tolist() == history["mae"]
    )
    held_out = {one.origin: one for one in recording.select(split="validation", tag="loss")}
    by_epoch = held_out["logs/validation: epoch_loss"]
    by_iteration = held_out["logs/validation: evaluation_loss_vs_iterations"]
    assert by_epoch.values.tolist() == by_iteration.values.tolist() == history["val_loss"]
    assert (by_epoch.epochs.tolist(), by_iteration.steps.tolist()) == ([0, 1], [7, 14])
    assert {by_epoch.covers, by_iteration.covers} == {"epoch"}


def test_every_point_of_a_loop_is_read_where_tensorboard_samples(tmp_path):
    numbers = np.random.default_rng(0).normal(size=2500).astype(np.float32)
    loop(tmp_path, numbers)
    series = lossaudit.read(tmp_path).find(tag="loss")
    assert series.values.tolist() == numbers.tolist()
    assert series.steps.tolist() == list(range(2500))
    assert (series.covers, series.split) == ("batch", "train")


def test_points_of_a_traced_loop_are_read_too(tmp_path):
    writer = tf.summary.create_file_writer(str(tmp_path))

    @tf.function
    def train():
        for step in tf.range(5, dtype=tf.int64):
            tf.summary.scalar("loss", tf.cast(step, tf.float32) / 2, step=step)

    with writer.as_default():
        train()
    writer.close()
    (series,) = lossaudit.read(tmp_path).series
    assert series.values.tolist() == [0, 0.5, 1, 1.5, 2]


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


def test_files_of_a_resumed_training_follow_one_another_and_steps_may_repeat(tmp_path):
    first = loop(tmp_path / "train", [5.0, 4.0, 3.0])
    second = loop(tmp_path / "train", [2.5, 2.0], first=2)
    # The order of the time stamps differs from the alphabetical one: 999 comes before 1000.
    first.rename(first.with_name("events.out.tfevents.999.host.1.0.v2"))
    second.rename(second.with_name("events.out.tfevents.1000.host.1.0.v2"))
    recording = lossaudit.read(tmp_path)
    assert recording.find(tag="loss").values.tolist() == [5, 4, 3, 2.5, 2]
    assert recording.find(tag="loss").steps.tolist() == [0, 1, 2, 2, 3]
    assert "train has 2 event files, read in the order of their creation" in notes(recording)


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


def test_several_runs_in_a_folder_are_listed_and_one_is_picked(tmp_path):
    loop(tmp_path / "first" / "train", [1.0])
    loop(tmp_path / "second" / "train", [2.0])
    loop(tmp_path / "second" / "validation", [3.0])
    with pytest.raises(
        lossaudit.LogFileError, match=r"has the runs 'first', 'second': name one with run=…"
    ):
        lossaudit.read(tmp_path)
    recording = lossaudit.read(tmp_path, run="second")
    assert recording.run == "second"
    assert [(one.split, one.values.tolist()) for one in recording.series] == [
        ("train", [2.0]),
        ("validation", [3.0]),
    ]


def test_train_and_validation_of_equal_length_are_by_epoch_unless_the_user_says_otherwise(
    tmp_path,
):
    loop(tmp_path / "train", [2.0, 1.0])
    loop(tmp_path / "val", [3.0, 2.0])
    recording = lossaudit.read(tmp_path)
    assert [(one.covers, one.epochs.tolist()) for one in recording.series] == [
        ("epoch", [0, 1])
    ] * 2
    assert "loss: taken as one number for each epoch, by shape; covers=… overrules this" in notes(
        recording
    )
    assert {one.covers for one in lossaudit.read(tmp_path, covers="batch").series} == {"batch"}


def test_a_file_without_points_has_no_series(tmp_path):
    path = loop(tmp_path, [])
    assert lossaudit.read(path).series == ()
    path.write_bytes(path.read_bytes()[:5])
    assert "0 records before it were read" in notes(lossaudit.read(path))


def test_a_folder_without_event_files_is_an_error_that_says_so(tmp_path):
    with pytest.raises(lossaudit.LogFileError, match="is a folder without event files"):
        lossaudit.read(tmp_path)


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
