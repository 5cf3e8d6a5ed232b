"""DataFrames as tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import lossaudit


def test_a_data_frame_is_read_like_a_file():
    frame = pd.DataFrame(
        {"step": [0, 1], "loss": np.float32([0.1, 0.2]), "phase": ["train", "val"]}
    )
    recording = lossaudit.read(frame)
    assert recording.find(split="validation").values.tolist() == [float(np.float32(0.2))]
    assert (recording.metadata["source"], recording.metadata["format"]) == (
        "DataFrame",
        "dataframe",
    )
    assert recording.find(split="train").origin == "DataFrame: loss (train)"


def test_a_data_frame_with_two_columns_of_one_name_is_refused():
    with pytest.raises(
        lossaudit.LogFileError, match="the DataFrame has several columns named 'loss'"
    ):
        lossaudit.read(pd.DataFrame([[1.0, 2.0]], columns=["loss", "loss"]))


def test_a_missing_value_of_a_frame_was_not_logged():
    frame = pd.DataFrame(
        {"step": [0, 1, 2], "loss": [3.0, 2.0, 1.0], "val_loss": [np.nan, 5.0, np.nan]}
    )
    recording = lossaudit.read(frame)
    assert recording.find(split="validation").steps.tolist() == [1]
    assert recording.find(split="train").steps.tolist() == [0, 1, 2]


def test_a_column_that_a_frame_lacks_is_an_error_that_names_the_frame():
    with pytest.raises(
        lossaudit.LogFileError,
        match="loss='los' is not a column of the DataFrame; its columns are 'loss'",
    ):
        lossaudit.read(pd.DataFrame({"loss": [1.0]}), loss="los")


def test_nothing_is_noted_about_digits_that_a_frame_has_in_full():
    frame = pd.DataFrame({"step": [0, 1], "loss": [1 / 3, 2 / 3]})
    recording = lossaudit.read(frame, step="step", loss="loss", covers="batch")
    assert recording.metadata["notes"] == []
    assert recording.find().values.tolist() == [1 / 3, 2 / 3]
