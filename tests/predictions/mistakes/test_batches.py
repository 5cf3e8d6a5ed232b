"""Batches that are missing, repeated or foreign, and parts of the loss."""

from __future__ import annotations

import numpy as np
import pytest

from lossaudit import Recording, Series
from tests.predictions.truths import TINY, of_mistake, tiny_with, truth


def averaged(name, about=None, logged=()):
    """The losses that a mistake averages, for each way of making it."""
    found = of_mistake(name, about or truth(), logged)
    return [one.batches.values.tolist() for one in found]


@pytest.mark.parametrize(
    ("name", "losses"),
    [
        ("last-batch-dropped", [1, 2, 3, 5]),
        ("first-batch-dropped", [2, 9, 5, 10]),
        ("first-batch-counted-twice", [1, 1, 2, 9, 3, 3, 5, 10]),
        ("another-split-logged", [2, 6, 1, 5]),
    ],
)
def test_a_mistake_says_which_batches_are_averaged(name, losses):
    assert averaged(name) == [losses]


def test_a_last_batch_of_half_the_rows_twice_is_one_that_counts_as_full():
    assert averaged("last-batch-counted-twice") == []
    train = TINY.find(split="train")
    other = Recording([Series(train.values, weights=[4, 4, 3] * 2, epochs=train.epochs)])
    assert averaged("last-batch-counted-twice", truth(recording=other)) == [
        [1, 2, 9, 9, 3, 5, 10, 10]
    ]


def test_epochs_of_one_batch_cannot_lack_it():
    one = truth(recording=Recording([Series([1.0, 2.0], weights=[4, 4], epochs=[0, 1])]))
    assert averaged("last-batch-dropped", one) == averaged("first-batch-dropped", one) == []


def test_one_batch_in_several_is_tried_if_there_are_numbers_to_tell():
    long = truth(recording=Recording([Series(np.arange(8.0), epochs=[0] * 4 + [1] * 4)]))
    found = of_mistake("some-batches-averaged", long, [1.0, 2.0])
    assert {(one.details["every"], one.details["first"]) for one in found} == {
        ("2", "0"),
        ("2", "1"),
    }
    assert [one.batches.values.tolist() for one in found] == [[0, 2, 4, 6], [1, 3, 5, 7]]
    assert averaged("some-batches-averaged", long, [1.0, np.nan]) == []


def test_parts_of_the_loss_are_taken_for_the_whole():
    parts = {"loss/replica_0": [0.5] * 6, "kl": [0.25] * 6, "optimised_loss": [7.0] * 6}
    about = truth(recording=tiny_with(**parts))
    assert averaged("one-replica-logged-for-all", about) == [[0.5] * 6]
    assert averaged("component-logged-as-total", about) == [[0.25] * 6]


def test_what_regularizers_add_is_left_out_or_added_twice():
    about = truth(recording=tiny_with(regularization=[0.5] * 6))
    (without,) = of_mistake("regularization-left-out", about)
    assert without.batches.values.tolist() == [0.5, 1.5, 8.5, 2.5, 4.5, 9.5]
    assert without.details["regularization"] == "0.5"
    assert averaged("regularization-counted-twice", about) == [[1.5, 2.5, 9.5, 3.5, 5.5, 10.5]]
    assert averaged("regularization-left-out") == []


def test_loss_weights_are_applied_twice_or_not_at_all():
    weighted = tiny_with(**{"a_loss": [2.0] * 6, "a_loss/weighted": [0.5] * 6})
    about = truth(recording=weighted)
    # The weight is a quarter: 0.5 becomes 0.125, or 2.
    assert averaged("loss-weights-applied-twice", about)[0][:3] == [0.625, 1.625, 8.625]
    assert averaged("loss-weights-left-out", about)[0][:3] == [2.5, 3.5, 10.5]
    alike = tiny_with(**{"a_loss": [2.0] * 6, "a_loss/weighted": [2.0] * 6})
    assert averaged("loss-weights-left-out", truth(recording=alike)) == []


def test_losses_that_are_not_finite_are_dropped_or_replaced():
    series = Series([1, np.nan, 9, 3], weights=[4, 4, 2, 4], epochs=[0, 0, 0, 1])
    about = truth(recording=Recording([series]))
    assert averaged("not-finite-dropped", about) == [[1, 9, 3], [1, 0, 9, 3]]
    assert averaged("not-finite-replaced-by-zero", about) == [[1, 0, 9, 3]]
    instead = {
        one.details["instead"]: one.batches.values[1]
        for one in of_mistake("not-finite-replaced-by-another", about)
    }
    assert instead == {
        "the loss before it": 1.0,
        "the mean of the epoch until then": 1.0,
        "the mean of the epoch's other losses": 5.0,
    }
    for name in ("not-finite-dropped", "not-finite-replaced-by-zero"):
        assert averaged(name) == []
