"""The models of the suites begin each training as new, whatever was done to them before."""

from __future__ import annotations

import keras
import numpy as np

from lossaudit.testing.schedules import Schedule
from lossaudit.testing.suites.drivers import by_fit
from lossaudit.testing.suites.models import (
    dataset,
    disturbable_model,
    exact_model,
    numbers_of,
    state_of,
)

SCHEDULE = Schedule(10, 4, epochs=2, validation_rows=6, weighted=True)


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_model_is_the_same_object_with_its_initial_state():
    for make in (exact_model, disturbable_model):
        model = make()
        before = state_of(model)
        by_fit(SCHEDULE, model, [])
        model.stop_training = True
        assert not same(before, state_of(model))
        assert make() is model
        assert same(before, state_of(model))
        assert not model.stop_training


def test_a_model_whose_parts_were_replaced_is_made_anew():
    model = exact_model()
    before = state_of(model)
    model.compile("adam", "mse")
    again = exact_model()
    assert again is not model
    assert same(before, state_of(again))
    assert isinstance(again.optimizer, keras.optimizers.SGD)


def test_the_model_counts_its_calls_in_training_mode_only():
    model = exact_model()
    by_fit(SCHEDULE, model, [])
    model.evaluate(dataset(SCHEDULE), verbose=0)
    assert float(numbers_of(model.weights)[1]) == len(SCHEDULE.sizes) * SCHEDULE.epochs
    x = np.ones((1, 1), np.float32)
    assert float(model(x, training=True)[0, 0]) == float(model(x)[0, 0]) + 1


def test_a_state_has_weights_statistics_optimizer_and_seeds():
    model = disturbable_model()
    assert len(state_of(model)) == len(model.variables) + len(model.optimizer.variables)
    assert len(model.variables) > len(model.weights)


def test_the_data_are_those_of_the_schedule_in_its_batches():
    for split in ("train", "validation"):
        targets, weights = SCHEDULE.rows_of(split)
        batches = [tuple(column.numpy() for column in batch) for batch in dataset(SCHEDULE, split)]
        x, y, w = (np.concatenate(column) for column in zip(*batches, strict=True))
        assert (y[:, 0].tolist(), w.tolist()) == (targets.tolist(), weights.tolist())
        assert np.all(x == 1)
    assert [len(x) for x, *_ in dataset(SCHEDULE)] == SCHEDULE.sizes
