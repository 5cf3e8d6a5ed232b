"""Batch values with the epoch values that they lead to: what follows from one another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossaudit import Recording
from lossaudit.auditing.alone.pair import NOWHERE, Pair, spread
from lossaudit.auditing.alone.pairing import pairs_by_index
from tests.auditing.alone.planted import MADE, N, made
from tests.logfiles import Training


def paired(*series) -> Pair:
    """The pair of a batch series and an epoch series."""
    ((pair,),) = pairs_by_index(Recording(series)).values()
    return pair


LOSSES = paired(MADE.batch_losses(), MADE.by_epoch())
RUNNING = paired(MADE.by_batch(MADE.running), MADE.by_epoch())


def test_the_last_running_mean_is_the_epoch_value_and_the_last_loss_is_not():
    assert (RUNNING.ends_in_epoch_value, LOSSES.ends_in_epoch_value) == (True, False)
    assert RUNNING.no_coincidence
    assert RUNNING.cannot_follow
    assert not LOSSES.cannot_follow


def test_the_rows_of_a_short_last_batch_follow_from_the_epoch_values():
    half = Training(MADE.losses, np.append(np.full(11, 4), 2))
    low, high = paired(half.batch_losses(), half.by_epoch()).short_last
    assert low <= 0.5 <= high
    known = paired(half.batch_losses(weights=half.columns["weights"]), half.by_epoch())
    assert known.short_last == (1.0, 1.0)


def test_losses_that_no_number_of_rows_averages_to_the_epoch_value_follow_from_nothing():
    above = paired(MADE.batch_losses(), MADE.by_epoch(MADE.losses.max(axis=1) + 1))
    assert above.short_last is None
    assert not above.follows
    assert above.cannot_follow


@pytest.mark.parametrize("seed", range(20))
def test_no_running_mean_needs_a_negative_loss_and_losses_read_as_one_do(seed):
    one = made(seed, rows=20)
    assert paired(one.by_batch(one.running, **one.columns), one.by_epoch()).recovered_negative is (
        None
    )
    falling = Training(np.float32([[8, 7, 1, 1]]), np.full(4, 2))
    assert paired(falling.batch_losses(), falling.by_epoch()).recovered_negative == 2


def test_an_epoch_with_nan_is_not_judged_and_leaves_the_others_as_they_are():
    losses = MADE.losses.copy()
    losses[1, 3] = np.nan
    one = paired(Training(losses, MADE.rows).batch_losses(), MADE.by_epoch())
    assert one.judged.tolist() == [True, False, True, True]
    assert one.mean.tolist() == LOSSES.mean[[0, 2, 3]].tolist()
    assert one.lengths.tolist() == [N // 4] * 3


def test_an_epoch_whose_last_batch_was_not_logged_is_not_judged():
    ends = LOSSES.ends.copy()
    ends[2] = NOWHERE
    columns = LOSSES.batches, LOSSES.epochs, ends, LOSSES.starts, LOSSES.so_far
    assert Pair(*columns, complete=False).judged.tolist() == [True, True, False, True]


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 5))))
def test_ranges_are_spread_as_one_after_the_other(ranges):
    starts, lengths = np.array(ranges, int).reshape(-1, 2).T
    expected = [at for start, length in ranges for at in range(start, start + length)]
    assert spread(starts, lengths).tolist() == expected
