"""A table as one JSON document."""

from __future__ import annotations

import json

import pytest

import lossaudit


def test_a_list_of_objects_is_a_table_as_well(written):
    path = written(json.dumps([{"step": 0, "loss": 1.0}, {"step": 1, "loss": 0.5}]))
    assert lossaudit.read(path).find().values.tolist() == [1.0, 0.5]


def test_lists_with_steps_are_a_table(tmp_path):
    (tmp_path / "log.json").write_text(
        '{"step": [5, 6], "train_loss": [1.0, 0.5], "val_loss": [2.0, 1.5]}'
    )
    recording = lossaudit.read(tmp_path / "log.json")
    assert recording.metadata["format"] == "json"
    assert recording.find(split="train").steps.tolist() == [5, 6]
    named = lossaudit.read(tmp_path / "log.json", epoch="step", covers="epoch")
    assert named.find(split="validation").epochs.tolist() == [5, 6]


def test_columns_that_differ_in_length_are_refused(tmp_path):
    (tmp_path / "log.json").write_text('{"a": [5, 6], "b": [1.0]}')
    with pytest.raises(
        lossaudit.LogFileError,
        match=r"is not a table: its columns differ in length: {'a': 2, 'b': 1}",
    ):
        lossaudit.read(tmp_path / "log.json", loss="b")


def test_lists_are_a_history_until_the_user_names_one(written):
    path = written('{"objective": [1.0, 0.5], "mae": [2.0, 1.5]}')
    assert lossaudit.read(path).metadata["format"] == "keras-history"
    named = lossaudit.read(path, loss="objective")
    assert named.metadata["format"] == "json"
    assert named.find(tag="loss").values.tolist() == [1.0, 0.5]


def test_lists_of_unequal_length_are_a_history_also_beside_epochs(written):
    recording = lossaudit.read(written('{"epoch": [0, 1], "loss": [1.0, 0.5], "val_loss": [2.0]}'))
    assert recording.metadata["format"] == "keras-history"


def test_a_key_that_an_object_lacks_was_not_logged_there(written):
    path = written('[{"step": 0, "loss": 1.0}, {"step": 1, "loss": 0.5, "val_loss": 2.0}]')
    assert lossaudit.read(path).find(split="validation").steps.tolist() == [1]
