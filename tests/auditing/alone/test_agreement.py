"""Logs that Keras itself writes, judged without a recording: each mistake as it really happens."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from lossaudit import Recording, Series, audit
from lossaudit.auditing.alone.recovery import recovered
from lossaudit.keras import LossRecorder
from tests.keras.programs import data, fit, model
from tests.keras.setups import two_outputs

EPOCHS = 5


class BatchLosses(keras.callbacks.Callback):
    """Appends the logged loss of each batch to a list, as tutorials do."""

    def __init__(self) -> None:
        super().__init__()
        self.losses: list[float] = []

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(logs["loss"])


def points(folder: Path) -> dict[tuple[str, str], list[tuple[int, float]]]:
    """Steps and values of every scalar in the event files of a folder, by split and tag."""
    found: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for path in sorted(
        folder.rglob("events*"), key=lambda path: (path.parent, os.path.getmtime(path))
    ):
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                array = tf.make_ndarray(value.tensor) if value.HasField("tensor") else np.zeros(1)
                if array.ndim == 0 and array.dtype == np.float32:
                    found.setdefault((path.parent.name, value.tag), []).append(
                        (event.step, float(array))
                    )
    return found


def events(folder: Path) -> Recording:
    kept = {
        key: rows
        for key, rows in points(folder).items()
        if key[1].startswith(("batch_", "epoch_"))
    }
    return Recording([_scalars(split, tag, rows) for (split, tag), rows in kept.items()])


def _scalars(split: str, tag: str, rows: list[tuple[int, float]]) -> Series:
    steps, values = zip(*rows, strict=True)
    covers, _, name = tag.partition("_")
    axis = {"epochs" if covers == "epoch" else "steps": steps}
    return Series(values, tag=name, split=split, covers=covers, origin=f"{split}: {tag}", **axis)


def rows_of(path: Path, **kept: object) -> Recording:
    """The columns of a CSVLogger file."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return Recording(
        [_column(path, rows, name) for name in rows[0] if name.endswith("loss")], **kept
    )


def _column(path: Path, rows: list[dict[str, str]], name: str) -> Series:
    values = [float(row[name]) if row[name] != "NA" else np.nan for row in rows]
    split = "validation" if name.startswith("val_") else "train"
    numbers = {"covers": "epoch", "epochs": [int(row["epoch"]) for row in rows]}
    return Series(
        values,
        tag=name.removeprefix("val_"),
        split=split,
        origin=f"{path.name}: {name}",
        **numbers,
    )


def found(log: Recording) -> set[tuple[str, str | None, str]]:
    """Code, cause and verdict of what is wrong or suspect."""
    findings = audit(None, log).findings
    return {
        (one.code, one.cause, str(one.verdict)) for one in findings if one.verdict != "undecidable"
    }


def board(folder: Path, batches: object = None, runs: int = 1, **arguments: object) -> Recording:
    """What `TensorBoard` writes of a training."""
    network = model()
    for _ in range(runs):
        callback = keras.callbacks.TensorBoard(str(folder), **arguments)
        given = data(50, 4) if batches is None else batches
        fit(
            network,
            given,
            epochs=EPOCHS,
            validation_data=data(20, 8, seed=5),
            callbacks=[callback],
        )
    return events(folder)


RUNNING = ("LA501", "running-mean-read-as-batch-loss", "wrong")
DROPPED = ("LA503", "epochs-dropped-by-update-freq", "wrong")
GATED = tuple(map(int, keras.__version__.split(".")[:2])) >= (3, 15)
"""Keras from 3.15 on drops epoch values where update_freq does not divide the batches."""


@pytest.mark.parametrize("rows", [52, 50])
def test_the_list_of_the_tutorials_beside_history_is_a_running_mean(rows):
    spy = BatchLosses()
    history = fit(model(), data(rows, 4), epochs=EPOCHS, callbacks=[spy]).history
    report = audit(None, {"losses": spy.losses, **history})
    assert [(one.origin, one.verdict) for one in report.verdicts] == [
        ("losses", "wrong"),
        ("loss", "undecidable"),
    ]
    assert report.findings[0].causes == ("running-mean-read-as-batch-loss",)


@pytest.mark.parametrize("rows", [52, 50])
def test_recorded_batch_losses_beside_history_are_right(rows):
    recorder = LossRecorder()
    history = fit(model(), data(rows, 4), epochs=EPOCHS, callbacks=[recorder]).history
    losses = recorder.recording.find(covers="batch")
    report = audit(
        None, Recording([losses, Series(history["loss"], covers="epoch", epochs=range(EPOCHS))])
    )
    assert [str(one.verdict) for one in report.verdicts] == ["consistent", "consistent"]
    assert (report.findings, report.status) == ((), 0)


def test_the_losses_recovered_from_the_list_are_the_true_ones_within_their_error():
    spy, recorder = BatchLosses(), LossRecorder()
    fit(model(), data(50, 4), epochs=EPOCHS, callbacks=[spy, recorder])
    truth = recorder.recording.find(covers="batch")
    recovery = recovered(Series(spy.losses, weights=truth.weights, epochs=truth.epochs))
    assert np.all(np.abs(recovery.series.values - truth.values) <= recovery.errors)
    assert recovery.errors.max() < 1e-2


def test_batch_loss_of_tensorboard_is_a_running_mean_and_all_else_is_open(tmp_path):
    log = board(tmp_path, update_freq=1)
    assert found(log) == {RUNNING}
    assert {one.verdict for one in audit(None, log).verdicts if "batch" not in one.origin} == {
        "undecidable"
    }


def test_tensorboard_that_writes_epochs_only_has_nothing_wrong(tmp_path):
    assert found(board(tmp_path, update_freq="epoch")) == set()


@pytest.mark.skipif(not GATED, reason="this Keras writes every epoch")
@pytest.mark.parametrize(("update_freq", "missing"), [(2, True), (5, True), (13, False)])
def test_update_freq_drops_epochs_unless_it_divides_the_batches(tmp_path, update_freq, missing):
    assert (DROPPED in found(board(tmp_path, update_freq=update_freq))) == missing


def test_a_second_fit_with_tensorboard_starts_its_steps_and_epochs_anew(tmp_path):
    codes = {(code, cause) for code, cause, _ in found(board(tmp_path, update_freq=1, runs=2))}
    assert {("LA504", "steps-restarted"), ("LA505", "two-runs-in-one-log"), RUNNING[:2]} == codes


@pytest.mark.filterwarnings(
    "ignore:Your input ran out of data"
)  # how Keras finds the end of such data
def test_data_of_unknown_size_makes_tensorboard_skip_a_step(tmp_path):
    unknown = data(50, 4).filter(lambda x, y: True)
    assert ("LA512", "phantom-batch-counted", "suspect") in found(
        board(tmp_path, unknown, update_freq=1)
    )


def logger(path: Path, **arguments: object) -> keras.callbacks.CSVLogger:
    return keras.callbacks.CSVLogger(str(path), **arguments)


def runs_in(path: Path, epochs: list[range], **arguments: object) -> Recording:
    """One file of several trainings, as a script that is run again appends to it."""
    for numbers in epochs:
        span = {
            "initial_epoch": numbers.start,
            "epochs": numbers.stop,
            "validation_data": data(20, 8, seed=5),
        }
        fit(
            model(seed=numbers.stop),
            data(),
            callbacks=[logger(path, append=True)],
            **span | arguments,
        )
    return rows_of(path)


def test_a_csv_file_of_two_runs_repeats_its_epochs(tmp_path):
    log = runs_in(tmp_path / "log.csv", [range(2), range(2)])
    assert found(log) == {("LA505", "log-appended-twice", "wrong")}
    other = runs_in(tmp_path / "other.csv", [range(2), range(3)])
    assert found(other) == {("LA505", "two-runs-in-one-log", "wrong")}
    assert len(audit(None, other, select=["LA505"]).findings) == 1


def test_a_csv_file_of_a_resumed_run_is_right_if_its_epochs_go_on(tmp_path):
    assert found(runs_in(tmp_path / "log.csv", [range(2), range(2, 4)])) == set()
    assert found(runs_in(tmp_path / "again.csv", [range(3), range(2, 4)])) == {
        ("LA505", "epochs-repeated-after-resume", "wrong")
    }


def test_validation_every_third_epoch_leaves_no_gap(tmp_path):
    fit(
        model(),
        data(),
        epochs=6,
        validation_data=data(seed=5),
        validation_freq=3,
        callbacks=[logger(tmp_path / "a.csv")],
    )
    assert found(rows_of(tmp_path / "a.csv")) == set()


class Copying(keras.callbacks.Callback):
    """Shows the train loss under both names."""

    def on_epoch_end(self, epoch, logs=None):
        logs["val_loss"] = logs["loss"]


def test_a_train_loss_under_both_names_is_found_in_the_csv_file(tmp_path):
    path = tmp_path / "log.csv"
    fit(model(), data(), epochs=3, callbacks=[Copying(), logger(path)])
    assert found(rows_of(path)) == {("LA506", "validation-is-train", "wrong")}


def outputs(path: Path, rows: int, **compiled: object) -> Recording:
    """The losses of two outputs, with the batches of their total."""
    network = two_outputs()
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(rows, 4)).astype(np.float32)
    y = np.random.default_rng(1).normal(size=(rows, 1)).astype(np.float32)
    y[-1] = 9
    network.optimizer.learning_rate = 0.01
    recorder = LossRecorder()
    callbacks = [recorder, logger(path)]
    network.fit(
        x,
        {"a": y, "b": y},
        batch_size=8,
        epochs=EPOCHS,
        shuffle=False,
        verbose=0,
        callbacks=callbacks,
    )
    log = rows_of(path)
    return Recording(
        [*log.series, recorder.recording.find(tag="loss", covers="batch")], metadata=compiled
    )


WEIGHTS = {"a": 1.0, "b": 10.0}


def test_losses_of_outputs_add_up_if_the_batch_size_divides_the_rows(tmp_path):
    assert found(outputs(tmp_path / "log.csv", 48, loss_weights=WEIGHTS)) == set()


@pytest.mark.skipif(not GATED, reason="seen with Keras 3.15")
def test_losses_of_outputs_do_not_add_up_with_a_short_last_batch(tmp_path):
    """Keras weights the losses of outputs by the static batch size, unknown in a graph."""
    log = outputs(tmp_path / "log.csv", 49, loss_weights=WEIGHTS)
    total = log.find(tag="loss", split="train", covers="epoch").values
    rest = (
        total
        - log.find(tag="a_loss", split="train").values
        - 10 * log.find(tag="b_loss", split="train").values
    )
    assert rest.min() < 0
    assert found(log) == {("LA507", "total-is-not-the-sum-of-its-parts", "wrong")}


def test_regularization_is_no_missing_part(tmp_path):
    path = tmp_path / "log.csv"
    fit(model(regularizer="l2"), data(), epochs=3, callbacks=[logger(path)])
    assert found(rows_of(path)) == set()


def diverging() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for number in range(6):
        yield (
            np.ones((4, 4), np.float32),
            np.full((4, 1), np.nan if number == 3 else 1, np.float32),
        )


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_nan_in_keras_own_running_mean_stays_to_the_end_of_the_epoch():
    spy = BatchLosses()
    network = model(optimizer=keras.optimizers.SGD(0.0))
    history = network.fit(
        tf.data.Dataset.from_generator(
            diverging, output_signature=(tf.TensorSpec((4, 4)), tf.TensorSpec((4, 1)))
        ),
        epochs=2,
        verbose=0,
        shuffle=False,
        callbacks=[spy],
    ).history
    epochs = np.repeat([0, 1], 6)
    kept = Series(spy.losses, covers="epoch_so_far", epochs=epochs, origin="list")
    assert np.isnan(history["loss"]).all()
    assert found(Recording([kept])) == set()
    forgetful = [
        np.nanmean(np.where(np.isfinite(spy.losses[:k]), spy.losses[:k], np.nan))
        for k in range(1, 7)
    ]
    filtered = Series(
        [*spy.losses[:4], *forgetful[4:]], covers="epoch_so_far", epochs=epochs[:6], origin="list"
    )
    assert found(Recording([filtered])) == {("LA510", "nan-dropped-from-mean", "wrong")}


def test_a_curve_read_through_tensorboards_sampler_is_suspect_and_the_file_is_not(tmp_path):
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    values = np.random.default_rng(0).lognormal(size=1500).astype(np.float32)
    with tf.summary.create_file_writer(str(tmp_path / "train")).as_default():
        for step, value in enumerate(values):
            tf.summary.scalar("batch_loss", value, step)
    reader = accumulators.EventAccumulator(
        str(tmp_path / "train"), size_guidance={"tensors": 1000}
    )
    reader.Reload()
    read = reader.Tensors("batch_loss")
    kept = Series(
        [float(tf.make_ndarray(one.tensor_proto)) for one in read],
        steps=[one.step for one in read],
    )
    assert found(Recording([kept])) == {("LA509", "log-read-through-a-sampler", "suspect")}
    assert found(events(tmp_path)) == set()
