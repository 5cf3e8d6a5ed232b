"""A user's accumulator is called by the names that its subject says, however it is written."""

from __future__ import annotations

import keras
import pytest

import lossaudit
from lossaudit.testing import Subject
from lossaudit.testing.suites.adapter import Accumulator
from lossaudit.testing.suites.violation import Violation
from tests.testing.suites.faulty import Meter

PAIRS = [(1.0, 4), (2.0, 4), (9.0, 2)]


def wrapped(factory, **claims):
    return Accumulator(Subject(factory, kind="accumulator", **claims))


class Named:
    """A mean of updates whose methods have other names, and whose result is an attribute."""

    def __init__(self):
        self.values = []

    def add(self, value):
        self.values.append(value)

    @property
    def mean(self):
        return sum(self.values) / len(self.values)

    def clear(self):
        self.values = []


NAMES = {"update": "add", "result": "mean", "reset": "clear"}


def test_methods_are_called_by_the_names_that_the_subject_says():
    one = wrapped(Named, **NAMES).add(PAIRS)
    assert one.result() == 4.0
    one.reset()
    assert one.wrapped.values == []
    assert (one.has("clear"), one.has("merge_state")) == (True, False)


class BuiltIn:
    """Has an update without a signature."""

    update_state = max

    def result(self):
        return 0.0


@pytest.mark.parametrize(
    ("factory", "claims", "takes"),
    [
        (lossaudit.WeightedMean, {}, True),
        (Named, NAMES, False),
        (lambda: type("Any", (), {"update_state": lambda self, *pair: None})(), {}, True),
        (BuiltIn, {}, True),
    ],
    ids=["two arguments", "one argument", "any number", "no signature"],
)
def test_a_weight_is_given_to_an_update_that_takes_one(factory, claims, takes):
    assert wrapped(factory, **claims).takes_weight == takes


def test_a_result_that_is_no_number_is_a_violation_that_shows_it():
    class Texts(Meter):
        def result(self):
            return "three"

    with pytest.raises(Violation, match="result gave 'three', which is not a number"):
        wrapped(Texts).result()


class Functional(Meter):
    """Its merge returns a new object."""

    def merge_state(self, other):
        new = Functional()
        new.total, new.count = self.total + other.total, self.count + other.count
        return new


@pytest.mark.parametrize("factory", [Meter, Functional], ids=["in place", "a new object"])
def test_a_merge_in_place_and_one_that_returns_a_new_object_are_both_one(factory):
    first, second = wrapped(factory).add(PAIRS[:1]), wrapped(factory).add(PAIRS[1:])
    assert first.merged(second).result() == 3.0


class Restoring(Meter):
    """Saves its state with methods of usual names."""

    def get_state(self):
        return self.total, self.count

    def set_state(self, state):
        self.total, self.count = state


@pytest.mark.parametrize(
    "factory",
    [Meter, Restoring, lossaudit.WeightedMean, keras.metrics.Mean],
    ids=["pickle", "methods", "json", "variables"],
)
def test_a_saved_state_is_restored_as_often_as_wanted_and_is_not_changed_by_updates(factory):
    one = wrapped(factory).add(PAIRS[:2])
    saved = one.saved()
    one.add(PAIRS[2:])
    assert [saved().add(PAIRS[2:]).result() for _ in range(2)] == [3.0, 3.0]
    assert saved().result() == 1.5


def test_the_methods_that_a_subject_names_go_before_the_usual_ones():
    assert wrapped(Restoring).state_methods == ("get_state", "set_state")
    assert wrapped(Restoring, state=("total", "result")).state_methods == ("total", "result")
    assert wrapped(Meter).state_methods is None


@pytest.mark.parametrize("factory", [Meter, keras.metrics.Mean], ids=["one by one", "in a graph"])
def test_many_values_are_added_with_the_same_weight(factory):
    one = wrapped(factory)
    assert one.add_many([1.0, 2.0, 6.0], 4).result() == 3.0
