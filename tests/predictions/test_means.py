"""The basic predictions against rational arithmetic and the programs that they replay."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given

from lossaudit import Recording, Series
from lossaudit.arithmetic.replay import replay_keras_mean
from lossaudit.predictions.means import (
    each_batch,
    exact_means_of_epochs,
    means_of_epochs,
    means_so_far,
    of_epochs,
)
from tests.predictions.truths import truth
from tests.runs import runs


def rational_means(batches):
    """The mean of the epoch so far after each batch."""
    found = []
    for group in batches.groups():
        total = count = Fraction()
        for value, weight in zip(batches.values[group], batches.weights[group], strict=True):
            total += Fraction(value) * Fraction(weight)
            count += Fraction(weight)
            found.append(total / count)
    return found


@given(recording=runs(validation=False))
def test_predicted_means_are_within_their_errors_of_the_rational_ones(recording):
    batches = truth(recording=recording).batches
    exact, so_far = rational_means(batches), means_so_far(batches, "float32")
    of_epoch = exact_means_of_epochs(batches, "float32")
    assert (len(so_far), len(of_epoch)) == (len(batches), len(batches.ends))
    for found, expected in ((so_far, exact), (of_epoch, [exact[end] for end in batches.ends])):
        for value, error, mean in zip(found.values, found.errors, expected, strict=True):
            assert abs(Fraction(value) - mean) <= Fraction(error)


@given(recording=runs(validation=False))
def test_what_keras_and_usual_loops_give_is_exact(recording):
    batches = truth(recording=recording).batches
    for fused in (False, True):
        keras = np.concatenate(
            [
                replay_keras_mean(batches.values[one], batches.weights[one], fused=fused).mean
                for one in batches.groups()
            ]
        )
        assert not means_so_far(batches, "float32").grade(keras).any()
        assert not means_of_epochs(batches, "float32").grade(keras[batches.ends]).any()
    averages = [
        np.average(batches.values[one], weights=batches.weights[one]) for one in batches.groups()
    ]
    assert not exact_means_of_epochs(batches, "float32").grade(np.array(averages)).any()


def test_a_mean_that_is_reset_before_each_batch_gives_the_loss_exactly():
    losses = np.float32(np.random.default_rng(0).lognormal(size=300)).astype(np.float64)
    batches = truth(recording=Recording([Series(losses, weights=np.full(300, 7))])).batches
    alone = [float(replay_keras_mean([loss], [7.0]).mean[0]) for loss in losses]
    assert not np.array_equal(alone, losses)
    assert not each_batch(batches, "float32").grade(np.array(alone)).any()


def test_the_mean_of_no_rows_is_not_a_number_and_keras_shows_zero():
    series = Series([1.0, 2.0, 3.0], weights=[0, 0, 4], epochs=[0, 0, 1])
    batches = truth(recording=Recording([series])).batches
    means = means_of_epochs(batches, "float32")
    assert np.isnan(means.values[0])
    assert means.values[1] == 3.0
    assert means.grade(np.array([0.0, 3.0])).tolist() == [0, 0]


def test_errors_of_the_losses_widen_every_bound():
    batches = truth().batches
    vague = replace(batches, errors=np.full(len(batches), 0.1))
    for predict in (each_batch, means_so_far, means_of_epochs, exact_means_of_epochs):
        wide, narrow = predict(vague, "float32"), predict(batches, "float32")
        assert np.all(wide.bounds >= narrow.bounds + 0.0999), predict
        assert np.all(wide.errors >= narrow.errors + 0.0999), predict


@pytest.mark.parametrize("summary", [np.max, np.min, np.median])
def test_a_summary_of_epochs_of_unequal_length_is_that_of_each(summary):
    losses = np.random.default_rng(0).lognormal(size=12)
    series = Series(losses, epochs=[0] * 3 + [1] * 5 + [2] * 3 + [3])
    found = of_epochs(truth(recording=Recording([series])), summary)
    expected = [summary(losses[start:end]) for start, end in ((0, 3), (3, 8), (8, 11), (11, 12))]
    assert found.values.tolist() == expected
    assert (found.per, found.epochs.tolist()) == ("epoch", [0, 1, 2, 3])


def test_a_prediction_of_the_same_batches_is_made_once_for_each_type():
    batches = truth().batches
    assert means_so_far(batches, "float32") is means_so_far(batches, "float32")
    assert means_so_far(batches, "float32") is not means_so_far(batches, "float64")
    assert batches.unweighted() is batches.unweighted()
