"""Event files of Keras' TensorBoard callback and tf.summary: runs and splits by their folders."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import lossaudit
from tests.formats.event_files import loop
from tests.formats.notes import notes
from tests.keras.programs import data, fit, model


@pytest.mark.slow
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


@pytest.mark.slow
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


def test_a_folder_without_event_files_is_an_error_that_says_so(tmp_path):
    with pytest.raises(lossaudit.LogFileError, match="is a folder without event files"):
        lossaudit.read(tmp_path)
