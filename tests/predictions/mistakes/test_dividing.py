"""Sums over the wrong counts, by a truth that can be checked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from lossaudit import Recording, Series
from tests.predictions.truths import TINY, fits, of_mistake, tiny_with, truth


@pytest.mark.parametrize(
    ("name", "logged"),
    [
        ("batch-losses-summed", [12, 18]),
        ("batch-losses-summed", [1, 3, 12, 3, 8, 18]),
        ("row-losses-summed", [30, 52]),
        ("sum-divided-by-wrong-count", [12 / 10, 18 / 10]),
        ("sum-divided-by-wrong-count", [12 / 2, 18 / 2]),
        ("sum-divided-by-wrong-count", [30 / 12, 52 / 12]),
        ("divided-twice", [4 / 3, 6 / 3]),
        ("divided-twice", [3 / 10, 5.2 / 10]),
        ("count-not-reset", [30 / 10, 52 / 20]),
        ("count-not-reset", [12 / 3, 18 / 6]),
        ("total-not-reset", [30 / 10, 82 / 10]),
        ("total-not-reset", [12 / 3, 30 / 3]),
    ],
)
def test_a_sum_is_recognised_whatever_it_was_divided_by(name, logged):
    assert fits(of_mistake(name, truth()), logged)
    assert not fits(of_mistake(name, truth()), np.array(logged) * 1.01)


@pytest.mark.parametrize("name", ["count-not-reset", "total-not-reset"])
def test_one_epoch_and_epochs_without_rows_have_nothing_to_reset(name):
    train = TINY.find(split="train")
    one = Recording([Series([1, 2, 9], weights=[4, 4, 2], epochs=[0, 0, 0])])
    assert of_mistake(name, truth(recording=one)) == []
    empty = Recording([Series(train.values, weights=[0] * 3 + [4] * 3, epochs=train.epochs)])
    assert not fits(of_mistake(name, truth(recording=empty)), [3, 5.2])


def test_weights_by_another_count_are_named_with_what_they_were_divided_by():
    about = truth(recording=tiny_with(tokens=[8, 4, 4, 1, 1, 2]))
    # Σ tokens·loss is 52 and 28, Σ tokens is 16 and 4; there are 10 rows.
    by_name = {
        (one.details["counted"], one.details["divided"]): one
        for one in of_mistake("weights-and-divisor-disagree", about)
    }
    assert by_name.keys() == {("rows", "tokens"), ("tokens", "rows")}
    assert fits([by_name["tokens", "rows"]], [5.2, 2.8])
    assert fits([by_name["rows", "tokens"]], [30 / 16, 52 / 4])
    assert fits(of_mistake("weighted-by-another-count", about), [52 / 16, 28 / 4])
    assert of_mistake("weights-and-divisor-disagree", truth()) == []
