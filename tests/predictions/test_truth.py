"""Recorded batches as the truth: epochs, resumed sessions, and parts of both."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from lossaudit import Recording, Series
from lossaudit.predictions.truth import Batches, truth_about
from tests.predictions.truths import TINY, tiny_with, truth
from tests.runs import runs


def test_without_epochs_weights_and_steps_all_is_one_epoch_of_batches_alike():
    batches = Batches.of(Series([3.0, 2.0, 1.0]))
    assert (batches.ends.tolist(), batches.steps.tolist()) == ([2], [0, 1, 2])
    assert (batches.weights.tolist(), batches.weights_known) == ([1.0, 1.0, 1.0], False)


@given(recording=runs())
def test_epochs_cover_every_batch_once_whatever_their_length(recording):
    batches = Batches.of(recording.find(split="train"))
    by_length = np.concatenate([rows.ravel() for rows in batches.of_equal_length()])
    assert sorted(by_length) == list(range(len(batches)))
    assert [one for group in batches.groups() for one in range(len(batches))[group]] == list(
        range(len(batches))
    )
    assert batches.rows.sum() == batches.weights.sum()
    assert np.array_equal(np.flatnonzero(batches.places == 0), batches.starts)


def test_an_epoch_that_was_begun_again_is_an_epoch_of_its_own():
    resumed = Batches.of(Series([1, 2, 3, 4], epochs=[0, 0, 0, 0], steps=[0, 1, 0, 1]))
    assert (resumed.starts.tolist(), resumed.sessions.tolist()) == ([0, 2], [0, 0, 1, 1])
    assert resumed.as_one_epoch().starts.tolist() == [0]


def test_errors_of_changed_losses_add_up():
    batches = Batches.of(Series([1.0, 2.0])).with_values(np.zeros(2), np.ones(2))
    assert batches.with_values(np.ones(2)).errors.tolist() == [1.0, 1.0]
    assert batches.with_values(np.ones(2), np.ones(2)).errors.tolist() == [2.0, 2.0]
    assert batches.where(np.array([1])).errors.tolist() == [1.0]


def test_one_more_boundary_stands_in_each_epoch():
    again = truth().batches.restarted_at(2)
    assert again.starts.tolist() == [0, 2, 3, 5]


def test_fit_trains_first_and_validates_then():
    both, ours = truth().in_order_of_training()
    assert both.values.tolist() == [1, 2, 9, 2, 6, 3, 5, 10, 1, 5]
    assert both.values[ours].tolist() == [1, 2, 9, 3, 5, 10]
    held_out = truth("validation").in_order_of_training()
    assert held_out[0].values[held_out[1]].tolist() == [2, 6, 1, 5]
    alone = Recording(TINY.select(split="train"))
    assert truth(recording=alone).in_order_of_training() is None


def test_the_head_has_whole_epochs_of_every_split_and_is_made_once():
    n = 3000
    train = Series(np.arange(n), epochs=np.arange(n) // 100)
    held_out = Series(np.arange(60), split="validation", epochs=np.arange(60) // 2)
    whole = truth(recording=Recording([train, held_out]))
    head = whole.head(4096)
    assert (len(head.batches), len(head.splits["validation"])) == (1100, 22)
    assert whole.head(4096) is head
    assert len(whole.head(250).batches) == 250


def test_batches_that_are_taken_take_the_other_series_with_them():
    whole = truth(recording=tiny_with(kl=[6, 5, 4, 3, 2, 1]))
    taken = whole.take(np.array([5, 0]), why="so")
    assert taken.batches.values.tolist() == [10, 1]
    assert taken.others["kl"].values.tolist() == [1, 6]
    assert (taken.details, whole.details) == ({"why": "so"}, {})


def test_a_truth_needs_batches_of_the_claim_once():
    assert truth_about(TINY, "kl", "train", "float32") is None
    assert truth_about(TINY, "loss", "test", "float32") is None
    doubled = Recording([*TINY.series, *TINY.series])
    with pytest.raises(
        LookupError, match="several series of the batches of train loss: keep only"
    ):
        truth_about(doubled, "loss", "train", "float32")


def test_a_batch_that_was_trained_again_is_found_in_its_latest_session():
    columns = {"weights": [4, 4, 4, 4, 2], "epochs": [0, 0, 0, 0, 1], "steps": [0, 1, 0, 1, 2]}
    batches = Batches.of(Series([9.0, 9.0, 1.0, 2.0, 3.0], **columns))
    assert [batches.row_of(0, 0), batches.row_of(0, 1), batches.row_of(1, 2)] == [2, 3, 4]
