"""trainer_state.json of Hugging Face's Trainer."""

from __future__ import annotations

import json

import pytest

import lossaudit

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


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([], "has no entry in log_history"),
        ([{"loss": 1.0}, 3], "has an entry in log_history that is not an object"),
    ],
)
def test_a_state_without_entries_is_refused_with_the_reason(written, entries, said):
    with pytest.raises(lossaudit.LogFileError, match=said):
        lossaudit.read(written(json.dumps({"log_history": entries})))


def test_without_the_number_of_logging_steps_none_is_named(written):
    path = written(
        json.dumps({"log_history": [{"loss": 1.0, "step": 5}, {"loss": 0.5, "step": 10}]})
    )
    assert (
        "loss: each number is the mean of the steps since the previous number"
        in lossaudit.read(path).metadata["notes"]
    )
