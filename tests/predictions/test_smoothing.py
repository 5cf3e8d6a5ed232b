"""Averages whose decay or length only the log tells."""

from __future__ import annotations

import numpy as np
import pytest

from lossaudit import Recording, Series
from lossaudit.predictions.smoothing import exponential_averages, window_averages
from tests.predictions.truths import truth
from tests.runs import run

TRUTH = truth(recording=run(epochs=3, batch_size=24, validation_rows=0))
LOSSES = TRUTH.batches.values


def smoothed(decay, start):
    state, found = (LOSSES[0] if start == "loss" else 0.0), []
    for number, loss in enumerate(LOSSES, 1):
        state = decay * state + (1 - decay) * loss
        found.append(state / (1 - decay**number) if start == "corrected" else state)
    return np.float32(found).astype(np.float64)


@pytest.mark.parametrize("start", ["loss", "zero", "corrected"])
@pytest.mark.parametrize("decay", [0.5, 0.9, 0.98, 2 / 3, 1 - 2 / 21])
def test_a_decay_is_told_by_the_log(decay, start):
    logged = smoothed(decay, start)
    matching = [one for one in exponential_averages(TRUTH, logged) if one.matches(logged).all()]
    assert f"{decay:.9g}" in {one.details["decay"] for one in matching}


@pytest.mark.parametrize("decay", [0.9, 0.99])
def test_the_last_average_of_each_epoch_is_tried_with_usual_decays(decay):
    logged = smoothed(decay, "loss")[TRUTH.batches.ends]
    matching = [one for one in exponential_averages(TRUTH, logged) if one.matches(logged).all()]
    assert [one.details["decay"] for one in matching] == [f"{decay:g}"]


@pytest.mark.parametrize("length", [2, 7, 20])
def test_the_length_of_a_window_is_told_by_the_log(length):
    starts = np.maximum(np.arange(len(LOSSES)) + 1 - length, 0)
    logged = np.array([LOSSES[start : end + 1].mean() for end, start in enumerate(starts)])
    for of in (logged, logged[TRUTH.batches.ends]):
        matching = [one for one in window_averages(TRUTH, of) if one.matches(of).all()]
        assert str(length) in {one.details["window"] for one in matching}


def test_the_mean_of_an_epoch_is_no_window_as_long_as_the_epoch():
    batches = TRUTH.batches
    logged = np.array([batches.values[group].mean() for group in batches.groups()])
    assert not any(one.matches(logged).all() for one in window_averages(TRUTH, logged))


def test_the_losses_themselves_and_constant_ones_tell_no_decay():
    assert not any(one.matches(LOSSES).all() for one in exponential_averages(TRUTH, LOSSES))
    alike = truth(recording=Recording([Series(np.full(20, 0.5), epochs=np.arange(20) // 10)]))
    logged = np.full(20, 0.25)
    found = [*exponential_averages(alike, logged), *window_averages(alike, logged)]
    assert not any(one.matches(logged).all() for one in found)


def test_a_log_without_numbers_tells_nothing():
    for logged in (np.full(len(LOSSES), np.nan), np.full(len(TRUTH.batches.ends), np.nan)):
        assert list(window_averages(TRUTH, logged)) == []
        assert not any(one.matches(logged).all() for one in exponential_averages(TRUTH, logged))
