"""The rows of scenarios have the losses that they say; a scenario returns what was logged."""

from __future__ import annotations

import numpy as np
import pytest

from lossaudit.keras import LossRecorder
from lossaudit.testing.scenarios import (
    BATCH_LOSSES,
    EPOCHS,
    ROWS,
    SCENARIOS,
    BatchLogs,
    X,
    Y,
    frozen,
    scenario,
    trained,
)


def test_the_rows_have_the_batch_losses_that_are_told():
    starts = np.cumsum([0, *ROWS[:-1]])
    assert np.add.reduceat(Y[:, 0], starts).tolist() == [
        loss * rows for loss, rows in zip(BATCH_LOSSES, ROWS, strict=True)
    ]
    assert (len(X), np.mean(Y), np.mean(BATCH_LOSSES)) == (10, 3.0, 4.0)


def test_a_frozen_model_stays_0_so_that_the_loss_of_a_row_is_its_target():
    model = frozen()
    trained(model, None)
    assert [weight.numpy().tolist() for weight in model.weights] == [[[0.0]]]
    assert model.evaluate(X, Y, batch_size=10, verbose=0) == 3.0


def test_a_training_returns_history_and_the_batch_logs_of_a_callback_if_there_is_one():
    recorder = LossRecorder()
    logs = trained(frozen(), recorder)
    assert list(logs) == ["loss", "batches"]
    assert (len(logs["loss"]), len(logs["batches"])) == (EPOCHS, EPOCHS * len(ROWS))
    assert recorder.recording.find(tag="loss").values.tolist() == [*BATCH_LOSSES] * EPOCHS
    assert list(trained(frozen(), None, [])) == ["loss"]


def test_batch_logs_need_a_loss():
    with pytest.raises(KeyError, match="loss"):
        BatchLogs().on_train_batch_end(0, {})


def test_a_scenario_is_registered_by_the_name_of_its_function(monkeypatch):
    monkeypatch.setitem(SCENARIOS, "nothing_happens", None)  # and so taken away after the test

    def nothing_happens(recorder):
        return {}

    assert scenario(nothing_happens) is nothing_happens is SCENARIOS["nothing_happens"]
    assert all(name == one.__name__ for name, one in SCENARIOS.items())
