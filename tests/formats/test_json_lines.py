"""JSON lines as a table."""

from __future__ import annotations

import json

import numpy as np
import pytest

import lossaudit

NAN = float("nan")


def test_json_lines_need_not_have_the_same_keys(written):
    rows = [
        {"step": 0, "loss": 1.0},
        {"step": 0, "val_loss": 3.0},
        {"step": 1, "loss": NAN},
        {"step": 2, "loss": None},
    ]
    recording = lossaudit.read(written("".join(json.dumps(row) + "\n" for row in rows)))
    assert recording.metadata["format"] == "json-lines"
    assert recording.find(split="validation").steps.tolist() == [0]
    train = recording.find(split="train")
    assert np.array_equal(train.values, [1.0, NAN], equal_nan=True)
    assert train.steps.tolist() == [0, 1]


def test_a_line_that_is_no_object_is_damage(written):
    with pytest.raises(lossaudit.LogFileError, match="line 2 is not a JSON object: '\\[1, 2\\]'"):
        lossaudit.read(written('{"loss": 1.0}\n[1, 2]\n{"loss": 0.5}\n'))


def test_empty_lines_and_a_missing_line_end_are_no_damage(written):
    recording = lossaudit.read(written('{"step": 0, "loss": 1.0}\n\n{"step": 1, "loss": 0.5}'))
    assert recording.find().values.tolist() == [1.0, 0.5]


def test_the_user_names_the_columns_of_lines_too(written):
    path = written('{"it": 5, "objective": 1.0}\n{"it": 6, "objective": 0.5}\n')
    series = lossaudit.read(path, step="it", loss="objective").find()
    assert (series.tag, series.steps.tolist()) == ("loss", [5, 6])
