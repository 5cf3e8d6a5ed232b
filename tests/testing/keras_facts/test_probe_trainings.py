"""The trainings of facts run once, and give what Keras logged without any change."""

from __future__ import annotations

import keras
import pytest

from lossaudit.testing.keras_facts import probe_trainings
from lossaudit.testing.keras_facts.probe_trainings import (
    BATCHES,
    counted_alike,
    csv_rows,
    fitted,
    folder,
    hooked,
    learning,
    logged,
    played,
    probe,
    steps_of,
)
from lossaudit.testing.scenarios import BATCH_LOSSES, ROWS

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="this is about Keras on TensorFlow"
)


def test_the_batches_are_those_of_the_scenarios():
    assert [len(x) for x, _ in BATCHES] == [*ROWS]
    assert [float(y.mean()) for _, y in BATCHES] == [*BATCH_LOSSES]


def test_a_training_that_several_facts_observe_runs_once(monkeypatch):
    runs = []
    monkeypatch.setitem(
        probe_trainings.SCENARIOS, "counted", lambda recorder: runs.append(1) or {}
    )
    assert played("counted") is played("counted")
    assert runs == [1]
    assert (probe() is probe(), hooked() is hooked()) == (True, True)


def test_hooks_are_recorded_with_their_indices_and_losses():
    hooks = hooked()
    assert hooks.begins == hooks.ends == [0, 1, 2] * 2
    assert (len(hooks.losses), len(hooks.epochs), len(hooks.tests)) == (6, 2, 6)


def test_a_model_that_learns_has_its_rate_and_takes_a_step_for_each_batch():
    model = learning("mae", 0.5)
    before = steps_of(model)
    logs = logged(model)
    assert steps_of(model) - before == len(BATCHES) == len(logs["batches"])
    assert len(logs["loss"]) == 1
    assert model.get_weights()[0].item() != 0


def test_arguments_replace_those_that_facts_have_in_common():
    assert len(fitted(probe(), epochs=1).history["loss"]) == 1
    assert len(fitted(probe()).history["loss"]) == 2


def test_rows_of_a_csv_file_are_read_and_the_folder_is_gone_afterwards():
    with folder() as name:
        path = probe_trainings.Path(name) / "log.csv"
        path.write_text("epoch,loss\n0,3.0\n", encoding="utf-8")
        assert csv_rows(path) == [{"epoch": "0", "loss": "3.0"}]
    assert not path.exists()


def test_the_defect_of_batches_that_count_alike_ends_with_keras_3_2():
    known = counted_alike(4.0)
    affected = [known.concerns(version, "tensorflow") for version in ("3.0.0", "3.1.1", "3.2.0")]
    assert affected == [True, True, False]
    assert known.seen == 4.0
