"""Which batch values lead to which epoch values: by epochs, steps or position, in each session."""

from __future__ import annotations

import numpy as np

from lossaudit import Recording, Series, audit
from lossaudit.auditing.alone.pairing import pairs_by_index
from tests.auditing.alone.planted import MADE, N, made


def test_where_every_third_step_was_logged_the_running_mean_is_still_found():
    series = MADE.by_batch(MADE.running, steps=1 + np.arange(N)).take(np.arange(2, N, 3))
    found_causes = (
        audit(None, Recording([series, MADE.by_epoch(epochs=range(4))])).findings[0].causes
    )
    assert "running-mean-read-as-batch-loss" in found_causes


def pairs(*series):
    """How many sessions of which series are paired: by index of batches and of epochs."""
    found = pairs_by_index(Recording(series))
    return {indices: len(sessions) for indices, sessions in found.items()}


def test_only_batches_and_epochs_of_one_loss_and_split_are_paired():
    others = MADE.by_epoch(split="validation"), MADE.by_epoch(tag="a_loss"), MADE.by_epoch()
    assert pairs(MADE.batch_losses(), *others) == {(0, 3): 1}
    assert pairs(MADE.batch_losses(tag="accuracy"), MADE.by_epoch(tag="accuracy")) == {}


def test_sessions_between_which_steps_start_anew_are_paired_one_by_one():
    other = made(1)
    batches = [one.batch_losses(steps=np.arange(N)) for one in (MADE, other)]
    epochs = [one.by_epoch(epochs=range(4)) for one in (MADE, other)]
    series = Series.joined(batches), Series.joined(epochs)
    first, second = pairs_by_index(Recording(series))[0, 1]
    assert first.last.tolist() == MADE.losses[:, -1].tolist()
    assert second.value.tolist() == other.running[:, -1].tolist()
    assert pairs(series[0], epochs[0]) == {(0, 1): 0}


def test_epochs_that_a_log_of_batches_names_are_found_by_their_numbers():
    batches = MADE.batch_losses(**MADE.columns)
    shown = MADE.by_epoch().take(np.array([1, 3]))
    ((pair,),) = pairs_by_index(Recording([batches, shown])).values()
    assert pair.ends.tolist() == [23, 47]
    assert pair.so_far[pair.ends].tolist() == [MADE.rows.sum()] * 2
    other = MADE.by_epoch(epochs=[77, 78, 79, 80])
    assert pairs(batches, other) == {(0, 1): 0}


def test_numbers_in_order_are_paired_only_if_every_epoch_gets_as_many():
    batches = MADE.batch_losses(steps=None)
    assert pairs(batches, MADE.by_epoch(epochs=range(4))) == {(0, 1): 1}
    assert pairs(
        batches, MADE.by_epoch(MADE.running[:, -1][[0, 1, 2, 3, 0]], epochs=range(5))
    ) == {(0, 1): 0}
    assert pairs(batches, MADE.by_epoch(epochs=[0, 1, 2, 5])) == {(0, 1): 0}
