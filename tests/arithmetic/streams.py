"""Streams of numbers and weights, and what the same arithmetic gives in rational numbers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from lossaudit import ExactSum, KerasMean, SumCount, WeightedMean

ALL = [ExactSum, SumCount, WeightedMean, KerasMean]
EXACT = [ExactSum, SumCount, WeightedMean]

FLOATS = st.floats(allow_nan=False, allow_infinity=False)

WEIGHTS = st.one_of(st.integers(0, 2**40), st.floats(0, allow_nan=False, allow_infinity=False))

STREAMS = st.lists(st.tuples(FLOATS, WEIGHTS), min_size=1, max_size=20)


def filled(kind, stream):
    accumulator = kind()
    for value, weight in stream:
        accumulator.update_state(value, sample_weight=weight)
    return accumulator


def sums(stream):
    total = sum((Fraction(value) * Fraction(weight) for value, weight in stream), Fraction())
    return total, sum((Fraction(weight) for _, weight in stream), Fraction())


def exactly(values, weights):
    """Σ w·x in rational arithmetic."""
    total = 0
    for value, weight in zip(values.ravel().tolist(), weights.ravel().tolist(), strict=True):
        (a, b), (c, d) = value.as_integer_ratio(), weight.as_integer_ratio()
        total += a * c << 2200 - b.bit_length() - d.bit_length()
    return Fraction(total, 1 << 2198)


def summed(values, weights=None):
    total = ExactSum()
    total.update_state(values, sample_weight=weights)
    return total.fraction()


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
    weights = {
        0: np.ones(n),
        1: random.integers(1, 65, n),
        2: np.full(n, 32),
        3: random.uniform(0.1, 3, n),
    }[seed // 4 % 4]
    return losses.astype(np.float32).astype(np.float64), weights.astype(np.float32).astype(
        np.float64
    )


def exact_means(values, weights):
    total = count = Fraction()
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        total, count = total + Fraction(value) * Fraction(weight), count + Fraction(weight)
        yield total / count
