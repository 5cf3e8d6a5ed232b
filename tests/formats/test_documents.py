"""JSON documents: History.history, and trainer_state.json of Hugging Face."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pandas as pd
import pytest

import lossaudit
from tests.keras.programs import data, fit, model

# The layout of TrainerState.save_to_json (json.dumps of the dataclass, indented, sorted keys) and
# the entries that Trainer appends, by the source of transformers, which rounds "loss" to four
# decimals. The package itself is too large to install for a test.
STATE = {
    "best_metric": None,
    "best_model_checkpoint": None,
    "epoch": 2.0,
    "global_step": 20,
    "is_hyper_param_search": False,
    "is_local_process_zero": True,
    "is_world_process_zero": True,
    "log_history": [
        {"epoch": 0.5, "learning_rate": 3.75e-05, "loss": 1.3871, "step": 5},
        {"epoch": 1.0, "learning_rate": 2.5e-05, "loss": 1.2058, "step": 10},
        {"epoch": 1.0, "eval_loss": 1.3863019943237305, "eval_runtime": 92.01, "step": 10},
        {"epoch": 1.5, "learning_rate": 1.25e-05, "loss": 1.1, "step": 15},
        {"epoch": 2.0, "learning_rate": 0.0, "loss": 1.05, "step": 20},
        {"epoch": 2.0, "eval_loss": 1.3062756061553955, "eval_runtime": 91.95, "step": 20},
        {
            "epoch": 2.0,
            "step": 20,
            "total_flos": 1e15,
            "train_loss": 1.18572,
            "train_runtime": 600.5,
        },
    ],
    "logging_steps": 5,
    "max_steps": 20,
    "num_train_epochs": 2,
    "total_flos": 1e15,
    "trial_name": None,
    "trial_params": None,
}


@pytest.fixture
def state(tmp_path):
    path = tmp_path / "trainer_state.json"
    path.write_text(json.dumps(STATE, indent=2, sort_keys=True) + "\n", "utf-8")
    return lossaudit.read(path)


def test_the_loss_of_a_trainer_is_at_its_steps_with_its_decimals(state):
    assert state.metadata["format"] == "trainer-state"
    loss = state.find(tag="loss", split="train")
    assert (loss.values.tolist(), loss.steps.tolist()) == (
        [1.3871, 1.2058, 1.1, 1.05],
        [5, 10, 15, 20],
    )
    assert (loss.decimals, loss.covers, loss.epochs) == (4, "batch", None)
    assert (
        "loss: each number is the mean of the 5 steps since the previous number"
        in state.metadata["notes"]
    )
    assert "loss: epochs have fractions and are left out" in state.metadata["notes"]


def test_the_evaluations_of_a_trainer_are_validation(state):
    held_out = state.find(tag="loss", split="validation")
    assert (held_out.values.tolist(), held_out.steps.tolist()) == (
        [1.3863019943237305, 1.3062756061553955],
        [10, 20],
    )
    assert (held_out.covers, held_out.decimals, held_out.origin) == (
        "epoch",
        None,
        "trainer_state.json: eval_loss",
    )


def test_the_mean_of_a_whole_training_has_a_tag_of_its_own(state):
    assert state.find(tag="train_loss").values.tolist() == [1.18572]


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


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_refused_with_the_reason(tmp_path, protocol):
    (tmp_path / "history").write_bytes(pickle.dumps({"loss": [1.0, 0.5]}, protocol))
    with pytest.raises(
        lossaudit.LogFileError,
        match=r"is a pickle; loading it can run arbitrary code\. Save plain numbers .*json\.",
    ):
        lossaudit.read(tmp_path / "history")


def test_a_pickle_that_numpy_saved_is_refused_as_well(tmp_path):
    np.save(tmp_path / "history.npy", {"loss": [1.0]}, allow_pickle=True)
    with pytest.raises(lossaudit.LogFileError, match="is a pickle"):
        lossaudit.read(tmp_path / "history.npy")


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


def test_a_history_that_went_through_pandas_is_one_too(tmp_path):
    pd.DataFrame({"loss": [1.0, 0.5], "val_loss": [2.0, 1.5]}).to_json(tmp_path / "log.json")
    recording = lossaudit.read(tmp_path / "log.json")
    assert recording.metadata["format"] == "keras-history"
    assert recording.find(split="validation").values.tolist() == [2.0, 1.5]
