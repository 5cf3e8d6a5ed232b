"""Trainings whose true losses are computed without Keras: every number of them is exact."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given

from lossaudit.testing.schedules import PENALTY, Schedule, Updates, outcome, sizes_of
from lossaudit.testing.strategies import schedules
from lossaudit.testing.suites.drivers import by_fit
from lossaudit.testing.suites.models import exact_model

PLAIN = Schedule(10, 4, epochs=2, validation_rows=6)


def columns(recording):
    return {
        one.split: [one.values.tolist(), one.weights.tolist(), one.epochs.tolist()]
        for one in recording.series
    }


@given(schedules(validation=True, weighted=True))
def test_every_loss_and_the_final_weight_is_a_float32(schedule):
    found = outcome(schedule)
    for series in found.recording.series:
        assert np.float32(series.values).tolist() == series.values.tolist()
    assert float(np.float32(found.weight)) == found.weight
    assert found.steps == len(schedule.sizes) * schedule.epochs


def test_the_first_loss_is_the_mean_of_the_targets_less_one():
    targets, _ = PLAIN.rows_of("train")
    losses = outcome(PLAIN).recording.find(split="train")
    assert losses.values[0] == float(sum(map(Fraction, targets[:4])) / 4 - 1)
    assert losses.weights.tolist() == [4, 4, 2] * 2


def test_a_fit_that_goes_on_is_the_rest_of_a_longer_one():
    whole, half = outcome(PLAIN), outcome(Schedule(10, 4, epochs=1, validation_rows=6))
    rest = outcome(PLAIN, half.weight, first_epoch=1)
    assert (rest.weight, half.steps + rest.steps) == (whole.weight, whole.steps)
    parts = columns(half.recording), columns(rest.recording)
    assert columns(whole.recording) == {
        split: [one + other for one, other in zip(*(part[split] for part in parts), strict=True)]
        for split in ("train", "validation")
    }


def test_keras_gives_the_weight_that_was_computed():
    model = exact_model()
    by_fit(PLAIN, model, [])
    assert float(model.weights[0].numpy()[0, 0]) == outcome(PLAIN).weight
    assert outcome(PLAIN).weight != outcome(PLAIN, penalised=False).weight
    assert PENALTY == 2.0**-3


def test_a_training_that_is_stopped_has_the_steps_up_to_that_one():
    stopped = outcome(Schedule(10, 4, epochs=3, stop=4))
    assert stopped.steps == 5
    assert stopped.recording.find(split="train").values.tolist() == (
        outcome(Schedule(10, 4, epochs=3)).recording.find(split="train").values[:5].tolist()
    )


def test_a_loss_that_is_odd_is_so_in_every_epoch():
    odd = outcome(Schedule(10, 4, epochs=2, weighted=True, odd=(1, math.inf)))
    losses = odd.recording.find(split="train").values
    assert np.isinf(losses[1])
    assert np.isfinite(losses[0])


@pytest.mark.parametrize(
    ("rows", "batch_size", "epochs", "message"),
    [
        (11, 4, 1, "a batch of 3 rows"),
        (32, 32, 1, "a batch of 32 rows"),
        (64, 1, 2, "has 128 steps, more than the 64"),
    ],
)
def test_a_training_that_would_round_is_refused(rows, batch_size, epochs, message):
    with pytest.raises(ValueError, match=message):
        Schedule(rows, batch_size, epochs)


def test_an_execution_ends_with_its_last_batch_or_with_the_epoch():
    assert Schedule(10, 2, steps_per_execution=3).executions == [2, 4]
    assert Schedule(10, 2).executions == [0, 1, 2, 3, 4]


def test_a_schedule_is_shown_as_the_call_that_makes_it():
    for one in (PLAIN, Schedule(8, 4, odd=(1, math.inf), stop=1)):
        assert repr(eval(repr(one), {"Schedule": Schedule, "inf": math.inf})) == repr(one)
    assert repr(PLAIN) == "Schedule(rows=10, batch_size=4, epochs=2, validation_rows=6)"


def test_updates_are_the_batches_of_one_epoch():
    updates = Updates((1.0, 2.0, 9.0), (4, 4, 2))
    series = updates.recording.find()
    assert updates.pairs == list(zip(series.values.tolist(), [4, 4, 2], strict=True))
    assert series.epochs.tolist() == [0, 0, 0]
    assert sizes_of(10, 4) == [4, 4, 2]
