"""LossRecorder(path=…) of `loss_recorder`: a run file grows with the training and keeps what it
acknowledged.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest

import lossaudit
from lossaudit.errors import RunFileWarning
from lossaudit.keras import LossRecorder
from tests.keras.programs import data, fit, model, same_weights


def columns(recording):
    return {
        (one.tag, one.split): [
            column.tolist() for column in (one.values, one.weights, one.epochs, one.steps)
        ]
        for one in recording.series
    }


def test_a_run_file_holds_what_a_recorder_in_memory_holds(tmp_path):
    in_memory, in_file = LossRecorder(), LossRecorder(tmp_path / "run.lossaudit")
    histories = [
        fit(model(), data(), epochs=3, validation_data=data(20), callbacks=[one]).history
        for one in (in_memory, in_file)
    ]
    read = lossaudit.read(tmp_path / "run.lossaudit")
    assert histories[0] == histories[1]
    assert columns(in_memory.recording) == columns(in_file.recording) == columns(read)
    assert (
        dict(read.metadata)
        == dict(in_file.recording.metadata)
        == dict(in_memory.recording.metadata)
    )
    assert lossaudit.audit(read, histories[1]).ok
    assert os.listdir(tmp_path) == ["run.lossaudit"]


def test_a_run_file_is_read_while_it_grows(tmp_path):
    seen = []

    class Reading(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(len(lossaudit.read(tmp_path / "run").find(split="train")))

    fit(model(), data(50, 8), epochs=3, callbacks=[LossRecorder(tmp_path / "run"), Reading()])
    assert seen == [7, 14, 21]


def test_a_resumed_training_continues_the_file_and_what_was_trained_twice_is_there_twice(tmp_path):
    network, path, logged = model(), tmp_path / "run", []
    logged += fit(network, data(50, 8), epochs=2, callbacks=[LossRecorder(path)]).history["loss"]
    network.save(tmp_path / "saved.keras")
    for resumed in (network, keras.models.load_model(tmp_path / "saved.keras")):
        history = fit(
            resumed, data(50, 8), initial_epoch=2, epochs=3, callbacks=[LossRecorder(path)]
        ).history
        logged += history["loss"]
    recording = lossaudit.read(path)
    train = recording.find(split="train")
    assert recording.metadata["restarts"] == [14, 14]
    assert train.steps.tolist() == [*range(21), *range(14, 21)]
    assert train.epochs.tolist() == [0] * 7 + [1] * 7 + [2] * 14
    assert train.values[14:21].tolist() == train.values[21:].tolist()
    report = lossaudit.audit(recording, {"epoch_loss": logged})
    assert [one.verdict for one in report.verdicts] == ["exact"], str(report)


def test_every_fit_of_a_recorder_is_a_session_of_its_file(tmp_path):
    recorder, network = LossRecorder(tmp_path / "run"), model()
    for _ in range(2):
        fit(network, data(50, 8), callbacks=[recorder])
    assert [len(one.find(split="train")) for one in recorder.recordings] == [7, 7]
    assert lossaudit.read(tmp_path / "run").find(split="train").steps.tolist() == list(range(14))


def test_an_evaluation_goes_to_the_file_too_alone_and_after_a_training(tmp_path):
    network, recorder = model(), LossRecorder(tmp_path / "run")
    fit(network, data(50, 8), callbacks=[recorder])
    network.evaluate(data(20, 8), verbose=0, callbacks=[recorder])
    recordings = [recorder.recording, lossaudit.read(tmp_path / "run")]
    assert [[(one.split, len(one)) for one in each.series] for each in recordings] == [
        [("train", 7), ("test", 3)]
    ] * 2
    network.evaluate(data(20, 8), verbose=0, callbacks=[LossRecorder(tmp_path / "alone")])
    assert len(lossaudit.read(tmp_path / "alone").find(split="test")) == 3


def test_what_an_interrupted_training_left_is_in_the_file_as_soon_as_it_is_asked_for(tmp_path):
    def fail(batch, logs=None):
        if batch == 3:
            raise RuntimeError("broken")

    network, recorder = model(), LossRecorder(tmp_path / "run")
    with pytest.raises(RuntimeError):
        fit(
            network,
            data(50, 8),
            callbacks=[recorder, keras.callbacks.LambdaCallback(on_train_batch_end=fail)],
        )
    assert len(recorder.recording.find(split="train")) == 4
    assert len(lossaudit.read(tmp_path / "run").find(split="train")) == 4
    fit(network, data(50, 8), callbacks=[recorder])
    assert [len(one.find(split="train")) for one in recorder.recordings] == [4, 7]
    assert len(lossaudit.read(tmp_path / "run").find(split="train")) == 11


UNWRITABLE = {
    "a folder that is not there": lambda path: path / "missing" / "run",
    "a folder": lambda path: path,
    "a foreign file": lambda path: (
        (path / "notes").write_text("no database" * 100) and path / "notes"
    ),
    "another database": lambda path: (
        sqlite3.connect(path / "other").execute("CREATE TABLE t (x)") and path / "other"
    ),
}


@pytest.mark.parametrize("case", UNWRITABLE)
def test_a_file_that_cannot_be_written_is_said_and_stops_nothing(tmp_path, case):
    path = UNWRITABLE[case](tmp_path)
    before = path.read_bytes() if path.is_file() else None
    plain, recorded, recorder = model(), model(), LossRecorder(path)
    fit(plain, data())
    with pytest.warns(
        RunFileWarning, match="training continues; losses are kept in memory only: path="
    ):
        fit(recorded, data(), callbacks=[recorder])
    assert same_weights(plain, recorded)
    assert len(recorder.recording.find(split="train")) == 7
    assert "cannot be written" in recorder.recording.metadata["not_written"]
    assert before is None or path.read_bytes() == before


@pytest.mark.slow
def test_a_disk_that_is_full_is_said_once_and_nothing_is_lost(tmp_path):
    recorder = LossRecorder(tmp_path / "run")

    class Filling(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:  # what SQLite says of a full disk
                pages = recorder._file._database.execute("PRAGMA page_count").fetchone()[0]
                recorder._file._database.execute(f"PRAGMA max_page_count = {pages}")

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(model(), data(2000, 4), epochs=4, callbacks=[recorder, Filling()])
    (warning,) = (one for one in caught if one.category is RunFileWarning)
    assert "database or disk is full" in str(warning.message)
    assert recorder.recording.find(split="train").steps.tolist() == list(range(2000))
    assert len(lossaudit.read(tmp_path / "run").find(split="train")) >= 500


@pytest.mark.slow
@pytest.mark.parametrize(
    "others",
    [
        pytest.param([], id="alone"),
        pytest.param([LossRecorder()], id="beside another", marks=pytest.mark.nightly),
    ],
)
@pytest.mark.filterwarnings("ignore::lossaudit.errors.RunFileWarning")
def test_what_did_not_fit_on_the_disk_is_written_in_order_when_there_is_room_again(
    tmp_path, others
):
    recorder = LossRecorder(tmp_path / "run")

    class FillingForAWhile(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch in (1, 3):
                database = recorder._file._database
                pages = (
                    database.execute("PRAGMA page_count").fetchone()[0] if epoch == 1 else 2**30
                )
                database.execute(f"PRAGMA max_page_count = {pages}")

    fit(model(), data(2000, 4), epochs=4, callbacks=[*others, recorder, FillingForAWhile()])
    assert lossaudit.read(tmp_path / "run").find(split="train").steps.tolist() == list(range(2000))
    assert recorder.recording.find(split="train").steps.tolist() == list(range(2000))


def test_an_evaluation_goes_on_where_the_folder_of_the_file_is_gone(tmp_path):
    folder, network = tmp_path / "runs", model()
    folder.mkdir()
    recorder = LossRecorder(folder / "run")
    fit(network, data(50, 8), callbacks=[recorder])
    shutil.rmtree(folder)
    with pytest.warns(RunFileWarning, match="training continues; losses are kept in memory only"):
        assert network.evaluate(data(20, 8), verbose=0, callbacks=[recorder]) > 0


@pytest.mark.slow
def test_damage_is_an_error_that_names_the_file(tmp_path):
    path = tmp_path / "run"
    fit(model(), data(2000, 4), callbacks=[LossRecorder(path)])
    damaged = bytearray(path.read_bytes())
    damaged[4096:8192] = b"\xff" * 4096
    path.write_bytes(damaged)
    with pytest.raises(
        lossaudit.RunFileError, match=r"run is not a lossaudit run file, version 1, or is damaged"
    ):
        lossaudit.read(path)


VICTIMS = """
import json, os, sys, time
import keras, tensorflow as tf
from lossaudit.keras import LossRecorder
from lossaudit.recording.runfile import RunFile
sys.path.insert(0, sys.argv[1])
from programs import data, model

class Acknowledging(RunFile):
    def append(self, parts, *, metadata=None):
        parts = list(parts)
        super().append(parts, metadata=metadata)
        written = sum(len(part) for part in parts if part.split == "train")
        self.done = getattr(self, "done", 0) + written
        os.write(self.acknowledge, f"{self.done}\\n".encode())

for path in sys.stdin:
    path = path.strip()
    child = os.fork()
    if child == 0:
        import lossaudit.keras.capture.loss_recorder as callbacks
        flags = os.O_CREAT | os.O_WRONLY | os.O_APPEND
        Acknowledging.acknowledge = os.open(path + ".acknowledged", flags)
        callbacks.RunFile = Acknowledging
        class Small(LossRecorder):
            capacity = 16
        model().fit(data(400, 4), epochs=10**6, verbose=0, callbacks=[Small(path)])
        os._exit(1)
    print(child, flush=True)
    os.waitpid(child, 0)
"""


@pytest.mark.slow
@pytest.mark.parametrize("trainings", [5, pytest.param(50, marks=pytest.mark.nightly)])
def test_kill_9_at_any_moment_loses_nothing_that_was_acknowledged(tmp_path, trainings):
    programs = str(Path(__file__).parents[1])
    arguments = [sys.executable, "-c", VICTIMS, programs]
    chance, killed = random.Random(0), 0
    with subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as victims:
        for number in range(trainings):
            path = tmp_path / str(number)
            victims.stdin.write(f"{path}\n")
            victims.stdin.flush()
            child = int(victims.stdout.readline())
            acknowledged = path.with_suffix(".acknowledged")
            deadline = time.monotonic() + 120
            while not (acknowledged.exists() and acknowledged.read_text().strip("0\n")):
                assert time.monotonic() < deadline, "the training wrote nothing"
                time.sleep(0.01)
            time.sleep(chance.uniform(0, 0.4))
            os.kill(child, signal.SIGKILL)
            time.sleep(0.05)
            complete = [
                line
                for line in acknowledged.read_text().splitlines(keepends=True)
                if line.endswith("\n")
            ]
            train = lossaudit.read(path).find(split="train")
            assert len(train) >= int(complete[-1])
            assert train.steps.tolist() == list(range(len(train)))
            assert np.isfinite(train.values).all()
            assert json.dumps(dict(lossaudit.read(path).metadata))
            killed += 1
        victims.stdin.close()
    assert killed == trainings


def test_a_recording_is_exported_to_csv_parquet_and_pandas(tmp_path):
    import pandas

    recorder = LossRecorder()
    fit(model(), data(), epochs=2, validation_data=data(20), callbacks=[recorder])
    table = recorder.recording.to_pandas()
    recorder.recording.to_csv(tmp_path / "run.csv")
    recorder.recording.to_parquet(tmp_path / "run.parquet")
    for again in (
        pandas.read_csv(tmp_path / "run.csv"),
        pandas.read_parquet(tmp_path / "run.parquet"),
    ):
        assert again["values"].tolist() == table["values"].tolist()
        assert again["split"].tolist() == table["split"].tolist()
