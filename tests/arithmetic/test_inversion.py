"""Batch losses recovered from running means are within their errors."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from lossaudit import invert_running_mean
from lossaudit.arithmetic.replay import replay_keras_mean
from tests.arithmetic.streams import exact_means, streams

SEEDS = range(64)


def assert_recovered(inversion, values):
    for true, found, error in zip(
        values.tolist(), inversion.values.tolist(), inversion.errors.tolist(), strict=True
    ):
        assert abs(Fraction(true) - Fraction(found)) <= Fraction(error)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_loss_recovered_from_the_mean_of_keras_is_within_its_error(seed, fused):
    values, weights = streams(seed)
    values, weights = values[:400], weights[:400]
    assert_recovered(
        invert_running_mean(replay_keras_mean(values, weights, fused=fused).mean, weights), values
    )


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_loss_recovered_from_an_exact_mean_lies_within_its_error(seed, dtype):
    values, weights = streams(seed)
    values, weights = values[:400], weights[:400]
    means = np.array([float(mean) for mean in exact_means(values, weights)]).astype(dtype)
    if (
        dtype != "float64"
    ):  # rounded twice, which may differ from once where the first rounding made a tie
        ties = np.array(
            [
                abs(Fraction(float(m)) - e)
                for m, e in zip(means, exact_means(values, weights), strict=True)
            ]
        )
        assert np.all(ties <= np.abs(means.astype(np.float64)))
    assert_recovered(invert_running_mean(means, weights, source="exact", dtype=dtype), values)


@pytest.mark.parametrize("decimals", [2, 4, 6])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_loss_recovered_from_printed_decimals_lies_within_its_error(seed, decimals):
    values, weights = streams(seed)
    values, weights = values[:400], weights[:400]
    printed = [float(f"{mean:.{decimals}f}") for mean in replay_keras_mean(values, weights).mean]
    assert_recovered(invert_running_mean(printed, weights, decimals=decimals), values)


def test_the_errors_are_not_larger_than_needed():
    random = np.random.default_rng(0)
    values = random.lognormal(-1, 0.5, 10_000).astype(np.float32)
    weights = np.full(10_000, 32.0)
    inversion = invert_running_mean(replay_keras_mean(values, weights).mean, weights)
    error = np.abs(inversion.values - values)
    assert np.all(error <= inversion.errors)
    assert (error / inversion.errors).max() > 0.8
    assert 1e-5 < inversion.errors[1000] < 5e-5
    assert np.median(inversion.errors[9000:]) < 5e-4


def test_a_printed_log_gives_the_first_batches_only_and_their_number():
    values = np.random.default_rng(0).lognormal(-1, 0.5, 30_000).astype(np.float32)
    means = replay_keras_mean(values, np.ones(30_000)).mean
    printed = invert_running_mean([float(f"{mean:.4f}") for mean in means], decimals=4)
    assert 3000 < printed.recovered < 5000
    assert np.all(printed.errors[printed.recovered :] >= np.abs(means[printed.recovered :]) - 1e-4)
    assert invert_running_mean(means).recovered == 30_000
    assert invert_running_mean([0.0], decimals=0).recovered == 0


def test_an_unweighted_batch_and_a_mean_that_is_not_finite_leave_the_batches_before_as_they_are():
    inversion = invert_running_mean([1.0, 1.0, np.nan, 2.0], [4, 0, 4, 4])
    assert np.isnan(inversion.values).tolist() == [False, True, True, True]
    assert np.isinf(inversion.errors).tolist() == [False, True, True, True]
    assert inversion.recovered == 1


def test_bad_input_is_refused_by_name_and_value():
    with pytest.raises(ValueError, match="source='csv' must be one of 'keras', 'exact'"):
        invert_running_mean([1.0], source="csv")
    with pytest.raises(
        ValueError,
        match=r"of shape \(2,\) and weights of shape \(1,\) must both be of shape \(n,\)",
    ):
        invert_running_mean([1.0, 2.0], [1])
    with pytest.raises(ValueError, match="weights=-1 must be finite and not negative"):
        invert_running_mean([1.0], [-1])


def test_losses_close_to_zero_are_within_their_errors_if_keras_flushes_products():
    random = np.random.default_rng(0)
    for _ in range(300):
        values = np.float32(
            random.uniform(-1, 1, 12) * 2.0 ** random.integers(-130, -115, 12)
        ).astype(np.float64)
        values[np.abs(values) < 2.0**-126] = 0.0
        weights = random.integers(1, 9, 12).astype(np.float64)
        assert_recovered(
            invert_running_mean(replay_keras_mean(values, weights).mean, weights), values
        )
