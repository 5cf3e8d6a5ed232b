"""Every quantity by a truth that can be checked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from lossaudit import Recording, Series
from lossaudit.predictions.quantities import EXPECTED, PER, QUANTITIES, definition, expected_of
from tests.predictions.truths import TINY, fits, tiny_with, truth
from tests.runs import run, run_with_parts

BY_HAND = {
    "batch_loss": [[1, 2, 9, 3, 5, 10]],
    "epoch_mean": [[3, 5.2]],
    "running_mean": [[1, 1.5, 3, 3, 4, 5.2]],
    "unweighted_running_mean": [[1, 1.5, 4, 3, 4, 6]],
    "mean_of_batch_means": [[4, 6]],
    "cumulative_mean": [[1, 1.5, 3, 3, 62 / 18, 4.1], [3, 4.1]],
    "unweighted_cumulative_mean": [[1, 1.5, 4, 3.75, 4, 5], [4, 5]],
    "sum_of_batch_losses": [[12, 18]],
    "last_batch": [[9, 10]],
    "first_batch": [[1, 3]],
    "largest_batch_loss": [[9, 10]],
    "smallest_batch_loss": [[1, 3]],
    "median_batch_loss": [[2, 5]],
    "mean_of_running_means": [[5.5 / 3, 12.2 / 3], [6.5 / 3, 13 / 3]],
    "sum_of_row_losses": [[30, 52]],
    "sum_so_far": [[1, 3, 12, 3, 8, 18]],
    "batch_losses_over_rows": [[1.2, 1.8]],
    "batch_losses_over_full_batches": [[6, 9]],
    "batch_losses_over_other_counts": [
        [3, 4.5],
        [6, 9],
        [12 / 5, 18 / 5],
        [7.5, 13],
        [30 / 14, 52 / 14],
    ],
    "row_losses_over_batches": [[10, 52 / 3]],
    "row_losses_over_full_batches_of_rows": [[2.5, 52 / 12]],
    "mean_over_train_and_validation": [[3, 60 / 14]],
    "unweighted_mean_over_train_and_validation": [[4, 4.8]],
    "cumulative_mean_over_train_and_validation": [
        [1, 1.5, 3, 3, 74 / 22, 94 / 24],
        [3, 94 / 24],
    ],
}
OF_ANOTHER_COUNT = {
    "sample_weighted_mean": [[2, 6]],
    "sample_weighted_running_mean": [[1, 4 / 3, 2, 3, 4, 6]],
}
OF_THE_LOG = {"moving_average", "window_mean"}


def test_every_quantity_is_checked_by_hand_or_has_a_parameter_that_only_the_log_tells():
    assert QUANTITIES.keys() == BY_HAND.keys() | OF_ANOTHER_COUNT.keys() | OF_THE_LOG


@pytest.mark.parametrize("name", BY_HAND)
def test_a_quantity_is_what_its_definition_says(name):
    found = list(QUANTITIES[name](truth(), np.empty(0)))
    assert {one.quantity for one in found} == {name}
    for expected in BY_HAND[name]:
        assert fits(found, expected), expected
    if name != "batch_losses_over_other_counts":
        assert len(found) == len(BY_HAND[name])


@pytest.mark.parametrize("name", OF_ANOTHER_COUNT)
def test_a_mean_by_another_count_names_the_count(name):
    with_tokens = truth(recording=tiny_with(tokens=[8, 4, 1.5, 1, 1, 2]))
    (found,) = QUANTITIES[name](with_tokens, np.empty(0))
    weights = np.array([8, 4, 1.5])
    assert found.details == {"counted": "tokens"}
    last = found.values[0 if found.per == "epoch" else 2]
    assert abs(last - np.average([1, 2, 9], weights=weights)) <= found.errors.max()
    assert fits([found.take(np.array([len(found) - 1]))], [28 / 4])
    assert list(QUANTITIES[name](truth(), np.empty(0))) == []


def test_without_rows_nothing_is_weighted_by_them():
    train = TINY.find(split="train")
    unknown = truth(recording=Recording([Series(train.values, epochs=train.epochs)]))
    for name in ("epoch_mean", "running_mean", "cumulative_mean", "sum_of_row_losses"):
        assert list(QUANTITIES[name](unknown, np.empty(0))) == []
    assert expected_of(unknown, "epoch") is None
    assert expected_of(unknown, "batch") is not None


def test_the_expected_numbers_are_computed_once_and_are_as_many_as_the_claim_covers():
    about = truth()
    for covers in EXPECTED:
        expected = expected_of(about, covers)
        assert expected is expected_of(about, covers)
        assert len(expected) == {"batch": 6, "epoch": 2}[PER[covers]]


@pytest.mark.parametrize("name", QUANTITIES)
@pytest.mark.parametrize("recording", [run(), run_with_parts()], ids=["plain", "of parts"])
def test_predictions_have_a_number_for_each_batch_or_each_epoch(name, recording):
    assert definition(name)
    about = truth(recording=recording)
    for logged in (about.batches.values, about.batches.values[about.batches.ends]):
        for one in QUANTITIES[name](about, logged):
            assert len(one) == len(about.batches.ends if one.per == "epoch" else about.batches)
            assert np.all(one.bounds >= 0)
            assert np.all(one.errors >= 0)
