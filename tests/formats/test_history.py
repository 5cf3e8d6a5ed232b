"""History.history as JSON."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import lossaudit
from tests.keras.programs import data, fit, model


def test_history_is_one_number_an_epoch(tmp_path):
    path = tmp_path / "history.json"
    history = fit(
        model(metrics=["mae"]),
        data(50, 8),
        epochs=4,
        validation_data=data(20, 8),
        validation_freq=2,
    )
    path.write_text(json.dumps(history.history), "utf-8")
    recording = lossaudit.read(path)
    assert recording.metadata["format"] == "keras-history"
    assert recording.find(split="train", tag="mae").values.tolist() == history.history["mae"]
    held_out = recording.find(split="validation", tag="loss")
    assert held_out.values.tolist() == history.history["val_loss"]
    assert (len(held_out), held_out.covers, held_out.epochs, held_out.steps) == (
        2,
        "epoch",
        None,
        None,
    )
    path.write_text(
        json.dumps({"epoch": history.epoch, "history": history.history}, indent=1), "utf-8"
    )
    assert lossaudit.read(path).find(split="train", tag="loss").epochs.tolist() == [0, 1, 2, 3]
    assert lossaudit.read(path).find(split="validation", tag="loss").epochs is None


def test_null_and_nan_in_a_history_keep_their_places(tmp_path):
    (tmp_path / "h.json").write_text('{"loss": [1.0, null, NaN, Infinity]}')
    recording = lossaudit.read(tmp_path / "h.json")
    assert np.array_equal(recording.find().values, [1, np.nan, np.nan, np.inf], equal_nan=True)
    assert "loss: 1 of 4 numbers are null: read as NaN" in recording.metadata["notes"]
    assert "loss: 2 of 4 numbers are NaN, 1 are infinite" in recording.metadata["notes"]


def test_a_history_that_went_through_pandas_is_one_too(tmp_path):
    pd.DataFrame({"loss": [1.0, 0.5], "val_loss": [2.0, 1.5]}).to_json(tmp_path / "log.json")
    recording = lossaudit.read(tmp_path / "log.json")
    assert recording.metadata["format"] == "keras-history"
    assert recording.find(split="validation").values.tolist() == [2.0, 1.5]


def test_a_history_of_words_is_refused_and_a_word_among_losses_as_well(written):
    with pytest.raises(lossaudit.LogFileError, match=r"no list of numbers; its keys are 'host'"):
        lossaudit.read(written('{"host": ["a", "b"]}'))
    with pytest.raises(
        lossaudit.LogFileError, match=r"row 2 of the column 'loss' of .* is 'warm'"
    ):
        lossaudit.read(written('{"loss": [1.0, "warm"]}'))


def test_words_beside_the_losses_are_left_out_with_a_note(written):
    recording = lossaudit.read(written('{"loss": [1.0, 0.5], "host": ["a", "b"]}'))
    assert [one.tag for one in recording.series] == ["loss"]
    assert recording.metadata["notes"] == ["host: left out, as row 1 is 'a', not a number"]


@pytest.mark.parametrize("epochs", ["3", '"all"', "[0, null]", "[0.5, 1.5]", "{}"])
def test_epochs_that_are_no_whole_numbers_are_unknown_and_a_note_says_so(written, epochs):
    recording = lossaudit.read(
        written(f'{{"epoch": {epochs}, "history": {{"loss": [2.0, 1.0]}}}}')
    )
    assert recording.series[0].epochs is None
    (note,) = recording.metadata["notes"]
    assert note.startswith("epoch: ")
    assert note.endswith(" is no list of whole numbers: the epochs are unknown")


def test_a_key_that_says_what_it_covers_is_believed(written):
    recording = lossaudit.read(written('{"batch_loss": [3.0, 2.0, 1.0], "loss": [2.0]}'))
    assert {one.origin: one.covers for one in recording.series} == {
        "log.txt: batch_loss": "batch",
        "log.txt: loss": "epoch",
    }
