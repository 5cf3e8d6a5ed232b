"""Databases of MLflow, written by MLflow."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from importlib.util import find_spec

import numpy as np
import pytest

import lossaudit

pytestmark = pytest.mark.skipif(
    find_spec("mlflow") is None,
    reason="MLflow is not installed; the extra dev has what writes an mlflow.db",
)

PROGRAM = """
import sys
import mlflow
mlflow.set_tracking_uri(f"sqlite:///{sys.argv[1]}")
with mlflow.start_run(run_name="first"):
    for step, loss in enumerate([1.5, float("nan"), float("inf"), float("-inf"), 0.1]):
        mlflow.log_metric("loss", loss, step=step)
    mlflow.log_metric("val_loss", 0.3, step=4)
with mlflow.start_run(run_name="second"):
    for epoch in (0, 1, 2, 1, 2):
        mlflow.log_metrics({"loss": 1 / (1 + epoch), "val_loss": 2 / (1 + epoch)}, step=epoch)
with mlflow.start_run(run_name="without metrics"):
    mlflow.log_param("rate", 0.1)
"""


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """A database of three runs, written by another process because MLflow warns a lot."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    subprocess.run([sys.executable, "-c", PROGRAM, str(path)], check=True, capture_output=True)
    return path


def test_nan_and_infinities_are_read_as_they_were_logged(database):
    recording = lossaudit.read(database, run="first")
    assert (recording.metadata["format"], recording.run) == ("mlflow", "first")
    loss = recording.find(split="train", tag="loss")
    assert np.array_equal(loss.values, [1.5, np.nan, np.inf, -np.inf, 0.1], equal_nan=True)
    assert (loss.steps.tolist(), loss.covers) == ([0, 1, 2, 3, 4], "batch")
    assert loss.origin == "mlflow.db, run first: loss"
    assert "loss: 1 of 5 numbers are NaN, 2 are infinite" in recording.metadata["notes"]


def test_metrics_are_in_the_order_in_which_they_were_logged(database):
    recording = lossaudit.read(database, run="second")
    for split, factor in (("train", 1), ("validation", 2)):
        series = recording.find(split=split, tag="loss", covers="epoch")
        assert series.values.tolist() == [factor / (1 + epoch) for epoch in (0, 1, 2, 1, 2)]
        assert series.steps.tolist() == [0, 1, 2, 1, 2]


def test_several_runs_are_listed_and_one_is_picked_by_name_or_id(database):
    with pytest.raises(
        lossaudit.LogFileError,
        match=r"run=None picks 2 runs; .* first \(\w+\), second \(\w+\): name",
    ):
        lossaudit.read(database)
    with pytest.raises(lossaudit.LogFileError, match=r"run='without metrics' picks 0 runs"):
        lossaudit.read(database, run="without metrics")
    with closing(sqlite3.connect(database)) as opened:
        (number,) = opened.execute("SELECT run_uuid FROM runs WHERE name = 'first'").fetchone()
    assert lossaudit.read(database, run=number[:12]).run == "first"


@pytest.mark.slow
def test_damage_is_an_error_that_names_the_file(database, tmp_path):
    content = bytearray(database.read_bytes())
    content[4096:] = b"\xff" * len(content[4096:])
    (tmp_path / "mlflow.db").write_bytes(content)
    with pytest.raises(lossaudit.LossauditError, match=r"mlflow\.db"):
        lossaudit.read(tmp_path / "mlflow.db", run="first")
