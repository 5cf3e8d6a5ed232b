"""Summaries: every number at its step, in the right file, also when the training fails."""

from __future__ import annotations

from collections import defaultdict

import keras
import pytest
import tensorflow as tf

from lossaudit.keras import LossRecorder, Summaries
from tests.forks import forked
from tests.keras.programs import data, fit, model


def scalars(folder):
    """Steps and values of each tag in a folder of event files, all of them."""
    found = defaultdict(list)
    for path in sorted(folder.glob("events.*")):
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                found[value.tag].append((event.step, float(tf.make_ndarray(value.tensor))))
    return dict(found)


@pytest.mark.slow
def test_a_fit_has_every_true_batch_loss_at_its_step_and_every_log_at_its_epoch(tmp_path):
    recorder, summaries = LossRecorder(), Summaries(tmp_path, metrics=True, gradients=True)
    network = model(metrics=["mae"])
    history = fit(
        network, data(50, 8), epochs=2, validation_data=data(20, 8), callbacks=[summaries]
    ).history
    fit(
        model(metrics=["mae"]),
        data(50, 8),
        epochs=2,
        validation_data=data(20, 8),
        callbacks=[recorder],
    )
    train, validation = scalars(tmp_path / "train"), scalars(tmp_path / "validation")
    for found, split in ((train, "train"), (validation, "validation")):
        series = recorder.recording.find(tag="loss", split=split)
        assert found["batch_loss"] == list(
            zip(series.steps.tolist(), series.values.tolist(), strict=True)
        )
    assert train["epoch_loss"] == list(enumerate(history["loss"]))
    assert validation["epoch_mae"] == list(enumerate(history["val_mae"]))
    assert len(train["batch_mae"]) == 14
    assert len(train[f"batch_gradient_variance/{network.trainable_variables[0].path}"]) == 14


def test_a_failure_loses_nothing_that_was_trained(tmp_path):
    def fail(batch, logs=None):
        if batch == 3:
            raise RuntimeError("broken")

    broken = keras.callbacks.LambdaCallback(on_train_batch_end=fail)
    with pytest.raises(RuntimeError, match="broken"), Summaries(tmp_path) as summaries:
        fit(model(), data(50, 8), callbacks=[summaries, broken])
    assert [step for step, _ in scalars(tmp_path / "train")["batch_loss"]] == [0, 1, 2, 3]


def test_a_failure_loses_nothing_either_where_another_recorder_captures_for_both(tmp_path):
    def fail(batch, logs=None):
        if batch == 3:
            raise RuntimeError("broken")

    broken = keras.callbacks.LambdaCallback(on_train_batch_end=fail)
    with pytest.raises(RuntimeError, match="broken"), Summaries(tmp_path) as summaries:
        fit(model(), data(50, 8), callbacks=[LossRecorder(), summaries, broken])
    assert [step for step, _ in scalars(tmp_path / "train")["batch_loss"]] == [0, 1, 2, 3]


@pytest.mark.slow
def test_a_program_that_dies_of_an_exception_has_its_summaries(tmp_path):
    program = f"""
from lossaudit.keras import Summaries
summaries = Summaries({str(tmp_path)!r})
for loss in (1.0, 2.0):
    summaries.batch(loss=loss)
    summaries.batch(split="validation", loss=2 * loss)
raise SystemExit("broken")
"""
    forked(program)
    assert scalars(tmp_path / "train") == {"batch_loss": [(0, 1.0), (1, 2.0)]}
    assert scalars(tmp_path / "validation") == {"batch_loss": [(0, 2.0), (1, 4.0)]}


def test_a_loop_of_ones_own_writes_batches_and_epochs_that_count_from_0(tmp_path):
    with Summaries(tmp_path) as summaries:
        for _ in range(2):
            for loss in (1.0, 2.0):
                summaries.batch(loss=loss, accuracy=0.5)
            summaries.epoch(loss=1.5)
            summaries.epoch(split="validation", loss=tf.constant(1.25))
    assert scalars(tmp_path / "train") == {
        "batch_loss": [(0, 1.0), (1, 2.0), (2, 1.0), (3, 2.0)],
        "batch_accuracy": [(step, 0.5) for step in range(4)],
        "epoch_loss": [(0, 1.5), (1, 1.5)],
    }
    assert scalars(tmp_path / "validation") == {"epoch_loss": [(0, 1.25), (1, 1.25)]}
