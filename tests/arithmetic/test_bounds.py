"""Proven bounds are never exceeded, and are not larger than needed."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossaudit import WeightedMean
from lossaudit.arithmetic.bounds import decimals_bound, half_ulp, mean_bound
from lossaudit.arithmetic.replay import replay_keras_mean
from tests.arithmetic.streams import exact_means, streams

TYPES = {"float16": np.float16, "float32": np.float32, "float64": np.float64}


@pytest.mark.parametrize("dtype", TYPES)
@given(number=st.floats(-6e4, 6e4))
def test_rounding_moves_a_number_by_half_an_ulp_at_most(dtype, number):
    moved = abs(Fraction(float(TYPES[dtype](number))) - Fraction(number))
    assert moved <= Fraction(float(half_ulp(number, dtype)))


@pytest.mark.parametrize("dtype", TYPES)
def test_half_an_ulp_is_attained(dtype):
    assert float(half_ulp(0.0, dtype)) == float(np.finfo(TYPES[dtype]).smallest_subnormal) / 2
    one = TYPES[dtype](1)
    ulp = float(np.nextafter(one, TYPES[dtype](2))) - 1
    assert float(half_ulp(1.0, dtype)) == ulp / 2


@given(number=st.floats(-1e6, 1e6), decimals=st.integers(0, 12))
def test_printing_decimals_moves_a_number_by_half_a_digit_at_most(number, decimals):
    printed = Fraction(f"{number:.{decimals}f}")
    assert abs(printed - Fraction(number)) <= Fraction(decimals_bound(decimals))


@pytest.mark.parametrize("seed", range(48))
def test_no_way_of_accumulating_in_float32_exceeds_the_proven_bound(seed):
    values, weights = streams(seed)
    bound = mean_bound(values, weights).proven
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
def test_the_bound_is_not_larger_than_the_terms_need(seed):
    values, weights = streams(seed)
    bound = mean_bound(values, weights).proven
    scale = np.cumsum(np.abs(values) * weights) / np.cumsum(weights)
    assert np.all(bound <= 4 * (np.arange(len(values)) + 4) * 2.0**-24 * scale)


def test_the_probable_band_is_never_wider_than_the_proof():
    for seed in range(16):
        bound = mean_bound(*streams(seed))
        assert np.all(bound.probable <= bound.proven)


def test_a_float64_log_has_a_bound_of_its_own():
    values, weights = streams(0)
    assert np.all(
        mean_bound(values, weights, dtype="float64").proven * 2.0**20
        < mean_bound(values, weights).proven
    )


LOSSES = {
    "noisy": lambda g, n: g.lognormal(-1, 0.5, n),
    "constant": lambda g, n: np.full(n, g.uniform(0.01, 3)),
    "decaying": lambda g, n: 2.3 / np.sqrt(1 + np.arange(n)) * g.lognormal(0, 0.2, n),
    "signed": lambda g, n: g.normal(size=n),
    "spiky": lambda g, n: g.lognormal(0, 3, n),
    "of one sign": lambda g, n: -g.uniform(size=n),
    "few values": lambda g, n: g.choice([0.1, 0.3], n),
    "large offset": lambda g, n: 1e6 + g.normal(size=n),
}

ROWS = {
    "none": lambda g, n: np.ones(n),
    "rows": lambda g, n: g.integers(1, 65, n),
    "short last": lambda g, n: np.append(np.full(n - 1, 32), 5),
    "float": lambda g, n: g.uniform(0.1, 3, n),
}


def checked_alarms(seed):
    """Means beyond the bound of their order in one random series of up to 10⁵ updates.

    Returns:
        The number of means beyond their bound, and the number of checked means.
    """
    random = np.random.default_rng(seed)
    n = int(10 ** random.uniform(1, 5))
    families = list(LOSSES.values()), list(ROWS.values())
    values, weights = (kinds[int(random.integers(len(kinds)))](random, n) for kinds in families)
    values, weights = np.float32(values), np.float32(weights)
    fused = seed % 2 == 1 and n < 2000
    logged = replay_keras_mean(values, weights, fused=fused).mean
    bounds = {
        order: mean_bound(values, weights, order=order).proven for order in ("any", "sequential")
    }
    alarms = []
    for k in {n, n // 2, n // 7 + 1, min(n, 3)}:
        mean = WeightedMean()
        mean.update_state(values[:k], sample_weight=weights[:k])
        added_by_numpy = float(np.sum(values[:k] * weights[:k]) / np.sum(weights[:k]))
        shuffled = random.permutation(k)
        backward = replay_keras_mean(values[:k][shuffled], weights[:k][shuffled]).mean[-1]
        for order, found in (
            ("sequential", logged[k - 1]),
            ("any", added_by_numpy),
            ("any", backward),
        ):
            alarms.append(
                abs(Fraction(found) - mean.fraction()) > Fraction(float(bounds[order][k - 1]))
            )
    return sum(alarms), len(alarms)


@pytest.mark.slow
@pytest.mark.parametrize("streams", [200, pytest.param(2000, marks=pytest.mark.nightly)])
def test_hundreds_and_thousands_of_correct_streams_raise_no_alarm(streams):
    alarms, checked = np.sum([checked_alarms(seed) for seed in range(streams)], axis=0)
    assert checked >= 3 * streams
    assert alarms == 0


@pytest.mark.parametrize("seed", range(8))
def test_the_bound_of_a_known_order_is_the_tighter_one(seed):
    values, weights = streams(seed)
    bounds = {
        order: mean_bound(values, weights, order=order).proven for order in ("any", "sequential")
    }
    assert np.all(bounds["sequential"] <= bounds["any"])
    assert len(values) < 200 or bounds["sequential"][-1] < 0.95 * bounds["any"][-1]


def test_values_that_were_means_of_rows_have_a_wider_bound():
    random = np.random.default_rng(0)
    rows = random.lognormal(size=(300, 50)).astype(np.float32)
    exact = WeightedMean()
    exact.update_state(rows)
    batch_means = np.float32([np.add.accumulate(row)[-1] / np.float32(50) for row in rows])
    running = replay_keras_mean(batch_means, np.ones(300)).mean[-1]
    wide, narrow = (mean_bound(batch_means, np.ones(300), roundings=n).proven[-1] for n in (50, 0))
    assert narrow < wide
    assert abs(Fraction(running) - exact.fraction()) <= Fraction(float(wide))


def test_an_unknown_order_is_refused():
    with pytest.raises(ValueError, match="order='random' must be one of 'any', 'sequential'"):
        mean_bound([1.0], [1.0], order="random")


@pytest.mark.parametrize(
    ("dtype", "n"),
    [
        ("bfloat16", 300),
        ("float16", 5000),
        pytest.param("float32", 2**24 + 2**10, marks=[pytest.mark.slow, pytest.mark.nightly]),
    ],
)
def test_a_count_that_stopped_growing_is_part_of_the_bound(dtype, n):
    values, weights = np.full(n, 0.5), np.ones(n)
    logged = replay_keras_mean(values, weights, dtype=dtype).mean
    proven = mean_bound(values, weights, order="sequential", dtype=dtype).proven
    assert np.all(np.isfinite(proven))
    assert np.all(np.abs(logged - 0.5) <= proven)
    assert np.all(mean_bound(values, weights, dtype=dtype).proven > 0)


def test_there_is_no_bound_where_a_sum_may_overflow():
    assert mean_bound([100.0] * 700, [1.0] * 700, dtype="float16").proven[-1] == np.inf
    assert float(half_ulp(1e39)) == np.inf


@pytest.mark.parametrize(
    ("values", "weights", "options", "message"),
    [
        (
            [1.0, 2.0],
            [1.0],
            {},
            r"values of shape \(2,\) and weights of shape \(1,\) must both be of shape \(n,\)",
        ),
        ([1.0, 2.0], [1.0, -2.0], {}, "weights=-2 must be finite and not negative"),
        ([1.0], [1.0], {"dtype": "int8"}, "dtype='int8' must be one of 'float16', 'bfloat16'"),
        ([2**60 + 1], [1], {}, r"values has integers beyond 2\^53, which are not exact as floats"),
    ],
)
def test_bad_pairs_are_refused(values, weights, options, message):
    for function in (mean_bound, replay_keras_mean):
        with pytest.raises(ValueError, match=message):
            function(values, weights, **options)
