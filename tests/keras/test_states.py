"""Everything that a training changes is restored after a measurement."""

from __future__ import annotations

import random

import keras
import numpy as np
import pytest

from lossaudit.keras.states import State, restore, seeds_of, still, values_of
from tests.keras.programs import data, fit, model, same_weights


def seen_of(network):
    """Everything of a model that a training changes, as text."""
    variables = [*network.variables, *network.metrics_variables, *network.optimizer.variables]
    numbers = [keras.ops.convert_to_numpy(one.value).tolist() for one in variables]
    return repr((numbers, getattr(network, "history", None), network.stop_training))


@pytest.fixture(scope="module")
def trained():
    """A model with dropout and moving statistics that has been trained."""
    network = model(noisy=True, optimizer="adam", metrics=["mae"])
    fit(network, data())
    return network


def test_a_training_inside_the_context_leaves_no_trace_also_after_an_error(trained):
    before = seen_of(trained)

    def fail():
        with State.kept(trained):
            fit(trained, data(), epochs=2)
            assert seen_of(trained) != before
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        fail()
    assert seen_of(trained) == before


def test_generators_of_python_and_numpy_draw_again_what_they_drew(trained):
    with State.kept(trained):
        drawn = random.random(), np.random.random()  # noqa: NPY002
    assert (random.random(), np.random.random()) == drawn  # noqa: NPY002


def test_a_state_matches_until_one_bit_differs(trained):
    with State.kept(trained) as state:
        (weight, *_) = trained.trainable_variables
        assert state.matches(trained.variables)
        array = keras.ops.convert_to_numpy(weight.value).copy()
        array.flat[0] = np.nextafter(array.flat[0], np.float32(9))
        weight.assign(array)
        assert not state.matches(trained.variables)
        assert state.matches(trained.optimizer.variables)
    assert state.matches(trained.variables)


def test_values_are_taken_once_of_each_variable_and_given_back(trained):
    weight = trained.trainable_variables[0]
    values = values_of([weight, weight])
    assert len(values) == 1
    before = values[0][1].tolist()
    weight.assign(np.zeros(weight.shape))
    restore(values)
    assert keras.ops.convert_to_numpy(weight.value).tolist() == before


def test_seeds_are_states_of_generators_and_no_weights(trained):
    weights = {id(weight) for weight in trained.weights}
    seeds = [variable for variable, _ in seeds_of(trained)]
    assert seeds
    assert not any(id(seed) in weights for seed in seeds)
    assert all("seed" in seed.path for seed in seeds)


def test_an_optimizer_that_is_still_changes_nothing_in_a_step_traced_meanwhile():
    network, other = model(), model()
    with still(network.optimizer):
        fit(network, data())
    assert same_weights(network, other)
    network.make_train_function(force=True)
    fit(network, data())
    assert not same_weights(network, other)
