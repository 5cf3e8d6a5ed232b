"""Which logged number belongs to which number of the truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossaudit import Recording, Series, audit
from lossaudit.auditing.alignment import (
    NOWHERE,
    agreeing,
    in_place,
    shifted,
    side_by_side,
    with_gaps,
)
from lossaudit.predictions.quantities import expected_of
from lossaudit.predictions.truth import truth_about
from tests.auditing.six_epochs import RUN, TRAIN, epoch_means
from tests.runs import run


def test_a_log_of_some_steps_is_right_where_it_says_which():
    train = run().find(split="train")
    assert audit(run(), Series(train.values[::10], steps=train.steps[::10])).ok


@pytest.mark.parametrize(
    "log",
    [
        Series(epoch_means(TRAIN)[[0, 1]], covers="epoch", epochs=[0, 1]),
        Series(epoch_means(TRAIN)[[0, 1]], covers="epoch"),
        Series(TRAIN.values[11:22], steps=range(11, 22)),
        Series(TRAIN.values[:22], steps=range(22)),
        Series(np.append(TRAIN.values[:15], TRAIN.values[11:22])),
    ],
    ids=["epochs", "epochs by position", "the second session", "the last of each step", "all"],
)
def test_right_logs_of_a_resumed_run_give_no_finding(log):
    kept = np.append(
        np.arange(15), np.arange(11, 22)
    )  # broken off in the second epoch, which is begun again
    values = TRAIN.values[kept].copy()
    values[11:15] *= 1.25  # the session that was broken off had other losses
    truth = Series(
        values, weights=TRAIN.weights[kept], epochs=TRAIN.epochs[kept], steps=TRAIN.steps[kept]
    )
    logged = Series(values, covers="batch") if len(log) == len(values) else log
    report = audit(Recording([truth]), logged)
    assert report.ok, report


def test_a_counter_that_stands_still_is_named():
    assert (
        audit(RUN, Series(TRAIN.values, steps=[7] * len(TRAIN))).findings[0].cause
        == "steps-restarted"
    )
    assert (
        audit(RUN, Series(epoch_means(TRAIN), covers="epoch", epochs=[9] * 6)).findings[0].verdict
        == "wrong"
    )


EXPECTED = expected_of(truth_about(RUN, "loss", "train", "float32"), "batch")
LOSSES = TRAIN.values


@pytest.mark.parametrize(
    "log",
    [
        Series(LOSSES),
        Series(LOSSES, steps=TRAIN.steps),
        Series(LOSSES[::7], steps=TRAIN.steps[::7]),
    ],
    ids=["by position", "by steps", "some steps"],
)
def test_numbers_in_place_have_the_rows_of_their_steps(log):
    (found,) = in_place(log, EXPECTED)
    assert found.mistake is None
    assert EXPECTED.values[found.rows].tolist() == log.values.tolist()
    assert agreeing(log, EXPECTED, found.rows).all()


def test_of_no_axis_and_another_length_nothing_tells_which_number_is_which():
    assert list(in_place(Series(LOSSES[1:]), EXPECTED)) == []
    assert side_by_side(Series(LOSSES[1:]), EXPECTED) is None


def test_a_step_that_a_log_names_twice_has_both_numbers_beside_the_truth():
    twice = Series([*LOSSES[:3], 9.0], steps=[0, 1, 2, 2])
    rows = side_by_side(twice, EXPECTED)
    assert rows.tolist() == [0, 1, 2, 2]
    assert agreeing(twice, EXPECTED, rows).tolist() == [True, True, True, False]


def test_a_step_that_was_not_recorded_is_nowhere_and_agrees_with_nothing():
    rows = side_by_side(Series(LOSSES[:2], steps=[0, 999]), EXPECTED)
    assert rows.tolist() == [0, NOWHERE]
    assert agreeing(Series(LOSSES[:2]), EXPECTED, rows).tolist() == [True, False]


@pytest.mark.parametrize("offset", [1, -1, 2, -2])
def test_numbers_moved_by_places_have_the_rows_that_they_are_of(offset):
    log = np.roll(LOSSES, offset)
    places = np.arange(len(LOSSES)) - offset
    gone = (places < 0) | (places >= len(LOSSES))
    log[gone] = 0.0
    assert any(
        np.array_equal(found.rows, np.where(gone, NOWHERE, places))
        for found in shifted(Series(log), EXPECTED)
    )


@given(st.sets(st.integers(0, len(LOSSES) - 1), min_size=1, max_size=len(LOSSES) - 1))
def test_numbers_that_are_left_are_found_by_their_bits_in_order(kept):
    rows = np.array(sorted(kept))
    found = [one.rows.tolist() for one in with_gaps(Series(LOSSES[rows]), EXPECTED)]
    assert rows.tolist() in found
    assert all(
        one.mistake.name == "batches-missing" for one in with_gaps(Series(LOSSES[rows]), EXPECTED)
    )
