"""Exact sums of arrays against rational arithmetic: 10,000 cases of each hard family."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
import tensorflow as tf

from lossaudit import ExactSum, KerasMean, PrecisionError, SumCount, WeightedMean
from lossaudit.arithmetic.arguments import CHUNK
from tests.arithmetic.streams import exactly, summed


def bits(generator, n):
    """Random bit patterns: every finite float64 is as likely as any other."""
    found = generator.integers(0, 2**64, n, dtype=np.uint64, endpoint=False).view(np.float64)
    return np.where(np.isfinite(found), found, 1.0)


FAMILIES = {
    "losses": lambda g, n: g.lognormal(-1, 0.5, n),
    "signed": lambda g, n: g.normal(size=n),
    "constant": lambda g, n: np.full(n, 0.1),
    "zeros": lambda g, n: g.lognormal(size=n) * g.integers(0, 2, n),
    "signed zeros": lambda g, n: np.where(g.integers(0, 2, n), 0.0, -0.0),
    "cancelling": lambda g, n: np.resize(g.permutation([1e16, 1.0, -1e16, 3e-9]), n),
    "large beside small": lambda g, n: np.resize([1.0, 1e100, 1.0, -1e100], n),
    "spread": lambda g, n: np.ldexp(g.normal(size=n), g.integers(-300, 300, n)),
    "widest": lambda g, n: np.ldexp(g.normal(size=n), g.integers(-1070, 1020, n)),
    "subnormal": lambda g, n: g.integers(-(2**40), 2**40, n) * 5e-324,
    "next to overflow": lambda g, n: g.uniform(-1, 1, n) * 1.7976931348623157e308,
    "any bits": bits,
}

TYPES = [np.float64, np.float32, np.float16]

WEIGHTS = {
    "rows": lambda g, n: g.integers(0, 65, n),
    "many rows": lambda g, n: g.integers(0, 2**29, n),
    "float32": lambda g, n: g.uniform(0, 10, n).astype(np.float32),
    "float64": lambda g, n: g.uniform(0, 10, n),
    "long integers": lambda g, n: g.integers(2**53, 2**62, n),
    "far apart": lambda g, n: np.ldexp(g.uniform(0.5, 1, n), g.integers(-1000, 900, n)),
}


@pytest.mark.parametrize(
    "cases", [1000, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.nightly])]
)
@pytest.mark.parametrize("family", FAMILIES)
def test_thousands_of_sums_of_a_family_equal_those_in_rational_arithmetic(family, cases):
    generator = np.random.default_rng(0)
    for case in range(cases):
        n = int(generator.integers(1, 12)) if case % 100 else int(generator.integers(1, 700))
        with np.errstate(over="ignore"):
            values = FAMILIES[family](generator, n).astype(TYPES[case % 3])
        values[~np.isfinite(values)] = 1.0
        weights = (
            WEIGHTS[list(WEIGHTS)[case % 7 % 6]](generator, n)
            if case % 7
            else np.ones(n, np.int64)
        )
        assert summed(values, weights if case % 7 else None) == exactly(values, weights), (
            case,
            values,
            weights,
        )


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("weight", [None, "rows", "float64"])
def test_more_than_a_chunk_of_a_family(family, dtype, weight):
    generator = np.random.default_rng(1)
    n = CHUNK + 77
    with np.errstate(over="ignore"):
        values = FAMILIES[family](generator, n).astype(dtype)
    values[~np.isfinite(values)] = 1.0
    weights = np.ones(n, np.int64) if weight is None else WEIGHTS[weight](generator, n)
    assert summed(values, None if weight is None else weights) == exactly(values, weights)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64, np.uint64, np.bool_])
def test_integers_are_added_exactly_also_beyond_float64(dtype):
    generator = np.random.default_rng(2)
    low, high = (0, 1) if dtype == np.bool_ else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    values = generator.integers(
        low, high, CHUNK + 5, dtype=np.int64 if dtype == np.bool_ else dtype, endpoint=True
    )
    values = values.astype(dtype)
    assert summed(values) == sum(values.tolist())
    rows = generator.integers(0, 1000, len(values))
    assert summed(values, rows) == sum(
        a * b for a, b in zip(values.tolist(), rows.tolist(), strict=True)
    )
    assert summed(rows, abs(values.astype(object)).astype(np.uint64)) == sum(
        abs(a) * b for a, b in zip(values.tolist(), rows.tolist(), strict=True)
    )


def test_a_thread_that_flushes_subnormal_numbers_is_exact_or_raises():
    flushed, refused, sums = [], [], []

    def update(values):
        flushed.append(math.ulp(0.0) * 1.0 == 0.0)
        try:
            sums.append(summed(values))
        except PrecisionError as error:
            refused.append(str(error))
        return np.int64(0)

    ordinary = np.random.default_rng(6).lognormal(size=1000)
    for values in (
        ordinary,
        np.append(ordinary, 5e-324),
        np.append(ordinary, 1e-300),
        np.float32([1e-40, 1.0]),
    ):
        tf.function(lambda v: tf.numpy_function(update, [v], tf.int64))(tf.constant(values))
    assert all(flushed), "TensorFlow's threads no longer flush: this test shows nothing"
    assert sums == [summed(ordinary)]
    assert len(refused) == 3
    assert all("flushes subnormal numbers" in message for message in refused)


def test_weighted_numbers_close_to_zero_are_refused_in_a_thread_that_flushes():
    refused = []

    def update(values, weights):
        try:
            refused.append(summed(values, weights))
        except PrecisionError as error:
            refused.append(type(error))
        return np.int64(0)

    for values, weights in (
        ([1.0, 5e-324], [3, 4]),
        ([1.0, 2.0], [3.0, 5e-324]),
        ([1.0, 2.0], [3.0, 4.0]),
    ):
        columns = tf.constant(values, tf.float64), tf.constant(np.array(weights))
        tf.function(lambda v, w: tf.numpy_function(update, [v, w], tf.int64))(*columns)
    assert refused == [PrecisionError, PrecisionError, 11]


def test_a_sum_of_many_numbers_needs_little_additional_memory():
    values, weights = np.ones(4_000_000, np.float32)[::2], np.ones((2_000_000, 1), np.int64)
    for update in (
        lambda m: m.update_state(values),
        lambda m: m.update_state(values, sample_weight=weights),
    ):
        for kind in (ExactSum, WeightedMean, SumCount, KerasMean):
            accumulator = kind()
            tracemalloc.start()
            update(accumulator)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak <= 8 * 2**20, (kind, peak)
