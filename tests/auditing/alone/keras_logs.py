"""Logs that Keras itself writes of small trainings, read without lossaudit's readers."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from lossaudit import Recording, Series, audit
from tests.keras.programs import data, fit, model

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


def found_in(log: Recording) -> set[tuple[str, str | None, str]]:
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


def logger(path: Path, **arguments: object) -> keras.callbacks.CSVLogger:
    return keras.callbacks.CSVLogger(str(path), **arguments)
