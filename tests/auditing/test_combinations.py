"""What known mistakes would have logged, alone or in pairs."""

from __future__ import annotations

import numpy as np
import pytest

from lossaudit.auditing.combinations import alone, combined, repeated
from lossaudit.predictions.mistakes import MISTAKES
from lossaudit.predictions.truth import truth_about
from tests.auditing.checks.tiny import TINY

TRUTH = truth_about(TINY, "loss", "train", "float32")
LOGGED = np.array([4.0, 17 / 12])
STAGES = ("batches", "mean", "number")


def names(found):
    return {tuple(one.name for one in mistakes) for mistakes, _ in found}


def test_no_mistake_predicts_the_expected_numbers():
    ((made, prediction),) = combined(TRUTH, "epoch", LOGGED, 0)
    assert made == ()
    assert prediction.quantity == "epoch_mean"
    assert prediction.values.tolist() == [3.0, 1.1]


@pytest.mark.parametrize("covers", ["batch", "epoch_so_far", "epoch"])
def test_each_combination_has_a_number_for_each_logged_one_and_one_mistake_a_stage(covers):
    logged = LOGGED if covers == "epoch" else np.arange(6.0)
    for made, prediction in combined(TRUTH, covers, logged, 2):
        assert len(prediction) == len(logged)
        stages = [STAGES.index(one.stage) for one in made]
        assert len(made) == 2
        assert stages == sorted(set(stages))


def test_one_mistake_by_itself_is_tried_among_the_combinations_of_one():
    found = names(combined(TRUTH, "epoch", LOGGED, 1))
    assert ("short-last-batch-counted-as-full",) in found
    assert found <= {tuple(one.name for one in made) for made in alone("epoch")}


def test_a_plain_search_has_neither_parameters_nor_lost_digits():
    plain = [one for (one,) in alone("epoch", plain=True)]
    assert not any(one.estimates or one.breaks == "precision" for one in plain)
    assert names(combined(TRUTH, "epoch", LOGGED, 1, plain=True)) <= {(one.name,) for one in plain}


def test_a_combination_is_repeated_with_the_same_numbers():
    short = MISTAKES["short-last-batch-counted-as-full"]
    found = [
        prediction.values.tolist()
        for made, prediction in combined(TRUTH, "epoch", LOGGED, 1)
        if made == (short,)
    ]
    again = [one.values.tolist() for _, one in repeated(TRUTH, "epoch", LOGGED, (short,))]
    assert again == found
    assert found[0] == pytest.approx([4.0, 17 / 12], abs=0, rel=2**-50)
