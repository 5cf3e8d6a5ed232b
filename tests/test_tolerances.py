"""Bounds that are proven are never exceeded, and are not idle."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossaudit.accumulators import replay_keras_mean
from lossaudit.tolerances import any_order_mean_bound, decimals_bound, half_ulp

TYPES = {"float16": np.float16, "float32": np.float32, "float64": np.float64}


@pytest.mark.parametrize("dtype", TYPES)
@given(number=st.floats(-6e4, 6e4))
def test_rounding_moves_a_number_by_half_an_ulp_at_most(dtype, number):
    moved = abs(Fraction(float(TYPES[dtype](number))) - Fraction(number))
    assert moved <= Fraction(float(half_ulp(number, dtype)))


@pytest.mark.parametrize("dtype", TYPES)
def test_half_an_ulp_is_attained(dtype):
    one = TYPES[dtype](1)
    ulp = float(np.nextafter(one, TYPES[dtype](2))) - 1
    assert float(half_ulp(1.0, dtype)) == ulp / 2


@given(number=st.floats(-1e6, 1e6), decimals=st.integers(0, 12))
def test_printing_decimals_moves_a_number_by_half_a_digit_at_most(number, decimals):
    printed = Fraction(f"{number:.{decimals}f}")
    assert abs(printed - Fraction(number)) <= Fraction(decimals_bound(decimals))


def streams(seed):
    """Losses and weights of the kinds that training gives: noisy, constant, decaying, signed."""
    random = np.random.default_rng(seed)
    n = int(10 ** random.uniform(0, 3.3))
    losses = {
        0: random.lognormal(-1, 0.5, n),
        1: np.full(n, 0.1),
        2: 2.3 / np.sqrt(1 + np.arange(n)),
        3: random.normal(size=n),
    }[seed % 4]
    weights = {0: np.ones(n), 1: random.integers(1, 65, n), 2: np.full(n, 32), 3: random.uniform(0.1, 3, n)}[
        seed // 4 % 4
    ]
    return losses.astype(np.float32).astype(np.float64), weights.astype(np.float32).astype(np.float64)


def exact_means(values, weights):
    total = count = Fraction()
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        total, count = total + Fraction(value) * Fraction(weight), count + Fraction(weight)
        yield total / count


@pytest.mark.parametrize("seed", range(48))
def test_no_way_of_accumulating_in_float32_exceeds_the_proven_bound(seed):
    values, weights = streams(seed)
    bound = any_order_mean_bound(values, weights).proven
    ways = [replay_keras_mean(values, weights).mean]
    if len(values) < 300:
        ways.append(replay_keras_mean(values, weights, fused=True).mean)
    for exact, allowed, *logged in zip(exact_means(values, weights), bound, *ways, strict=True):
        for one in logged:
            assert abs(Fraction(one) - exact) <= Fraction(float(allowed))
    single = np.float32(values), np.float32(weights)
    shuffled = np.random.default_rng(seed).permutation(len(values))
    for order in (slice(None), slice(None, None, -1), shuffled):
        mean = np.sum(single[0][order] * single[1][order]) / np.sum(single[1][order])
        assert abs(Fraction(float(mean)) - exact) <= Fraction(float(bound[-1]))


@pytest.mark.parametrize("seed", range(16))
def test_the_bound_is_of_the_size_of_the_terms_and_not_idle(seed):
    values, weights = streams(seed)
    bound = any_order_mean_bound(values, weights).proven
    scale = np.cumsum(np.abs(values) * weights) / np.cumsum(weights)
    assert np.all(bound <= 4 * (np.arange(len(values)) + 4) * 2.0**-24 * scale)


def test_the_probable_band_is_never_wider_than_the_proof():
    for seed in range(16):
        bound = any_order_mean_bound(*streams(seed))
        assert np.all(bound.probable <= bound.proven)


def test_a_float64_log_has_a_bound_of_its_own():
    values, weights = streams(0)
    assert np.all(
        any_order_mean_bound(values, weights, dtype="float64").proven * 2.0**20
        < any_order_mean_bound(values, weights).proven
    )
