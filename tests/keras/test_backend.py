"""Arrays of the back end of Keras, and its replicas where there are none."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from lossaudit.keras.backend import (
    array_of,
    length_of,
    number_of_replicas,
    replicas_of,
    running_replica,
    scope_of,
)

STRATEGY = SimpleNamespace(num_replicas_in_sync=4, scope=lambda: nullcontext("the scope"))


@pytest.mark.parametrize("value", [[1.0, 2.0], 3.0])
def test_an_array_is_a_copy_that_later_assignments_do_not_change(value):
    variable = keras.Variable(np.float32(value))
    before = array_of(variable.value)
    variable.assign(np.zeros_like(np.float32(value)))
    assert before.tolist() == value
    assert isinstance(before, (np.ndarray, np.floating))


@pytest.mark.parametrize(
    "batches",
    [
        [np.zeros((5, 2))],
        [None, np.zeros(5)],
        [{"a": None, "b": np.zeros((5, 3))}, np.zeros(7)],
        [(), [np.zeros((5, 1))]],
    ],
    ids=["array", "without x", "in a dictionary", "nothing and a list"],
)
def test_the_rows_of_a_batch_are_those_of_its_first_array(batches):
    assert int(length_of(*batches)) == 5


def test_a_model_without_a_strategy_has_one_replica_and_no_scope():
    assert number_of_replicas(keras.Sequential()) == 1
    with scope_of(SimpleNamespace(distribute_strategy=None)) as scope:
        assert scope is None


def test_a_strategy_says_how_many_replicas_there_are_and_makes_their_variables():
    model = SimpleNamespace(distribute_strategy=STRATEGY)
    assert number_of_replicas(model) == 4
    with scope_of(model) as scope:
        assert scope == "the scope"


def test_outside_of_replicas_none_is_running_and_a_variable_is_alone():
    variable = keras.Variable(1.0)
    assert running_replica() is None
    (value,) = replicas_of(variable)
    assert value is variable.value
