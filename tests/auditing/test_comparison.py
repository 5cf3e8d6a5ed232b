"""One claim next to the truth: what is expected, what is absent, and what fits."""

from __future__ import annotations

import numpy as np
import pytest

from lossaudit import Recording, Series
from lossaudit.auditing.alignment import NOWHERE, Alignment
from lossaudit.auditing.comparison import Comparison
from lossaudit.predictions.mistakes import places
from lossaudit.predictions.truth import truth_about
from tests.auditing.checks.tiny import TINY


def compared(claim, truth=TINY):
    return Comparison(claim, claim.covers, truth_about(truth, "loss", "train", "float32"))


RIGHT = compared(Series([3.0, 1.1], covers="epoch"))
IN_ORDER = Alignment(np.arange(2))


def test_nothing_is_expected_of_an_epoch_whose_rows_are_unknown():
    truth = Recording([Series([1.0, 2.0], epochs=[0, 0])])
    assert compared(Series([1.5], covers="epoch"), truth).expected is None
    assert compared(Series([1.0, 2.0]), truth).expected.values.tolist() == [1.0, 2.0]


def test_nan_is_absent_only_if_every_true_loss_is_finite():
    claim = Series([np.nan, 1.1], covers="epoch")
    diverged = Recording([Series([1.0, np.nan], weights=[4, 4], epochs=[0, 1])])
    assert (compared(claim).absent.tolist(), compared(claim).count) == ([True, False], 1)
    assert (compared(claim, diverged).absent.any(), compared(claim, diverged).count) == (False, 2)


def test_each_number_needs_a_place_unless_a_mistake_explains_why_it_has_none():
    rows = np.array([0, NOWHERE])
    assert RIGHT.fits(RIGHT.expected, IN_ORDER)
    assert not RIGHT.fits(RIGHT.expected, Alignment(rows))
    assert RIGHT.fits(RIGHT.expected, Alignment(rows, places.STEPS_SHIFTED))
    nowhere = Alignment(np.full(2, NOWHERE), places.STEPS_SHIFTED)
    assert not RIGHT.fits(RIGHT.expected, nowhere)


@pytest.mark.parametrize("rows", [[0, 1], [1, 0], [NOWHERE, 0]])
def test_numbers_are_given_in_the_order_of_the_prediction(rows):
    alignment = Alignment(np.array(rows))
    logged, known = RIGHT.in_order_of(RIGHT.expected, alignment)
    for value, row in zip(RIGHT.claim.values, rows, strict=True):
        assert row == NOWHERE or (logged[row], known[row]) == (value, True)
    assert np.isnan(logged[~known]).all()
    assert known.sum() == sum(row != NOWHERE for row in rows)


def test_aligned_numbers_stand_next_to_their_predictions():
    claim = compared(Series([1.1, np.nan], covers="epoch"))
    index, observed, predicted = claim.aligned(claim.expected, Alignment(np.array([1, 0])))
    assert (index.tolist(), observed.tolist(), predicted.values.tolist()) == ([0], [1.1], [1.1])
