"""The three usual means: what each is, and how it rounds."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lossaudit import EmptyError, KerasMean, SumCount, WeightedMean
from tests.arithmetic.streams import FLOATS, STREAMS, WEIGHTS, filled, sums


@given(stream=STREAMS)
def test_a_weighted_mean_equals_the_rational_one_rounded_once(stream):
    total, weight = sums(stream)
    mean = filled(WeightedMean, stream)
    if weight == 0:
        with pytest.raises(EmptyError):
            mean.result()
    else:
        assert mean.fraction() == total / weight
        assert (
            Fraction(mean.result()) == Fraction(float(total / weight))
            if abs(total / weight) < 2**1023
            else True
        )


@given(stream=STREAMS)
def test_a_sum_count_is_the_mean_of_the_values_for_any_weights(stream):
    assert filled(SumCount, stream).fraction() == sum(
        Fraction(value) for value, _ in stream
    ) / len(stream)


def test_the_mean_of_numbers_whose_sum_overflows_is_finite():
    mean = WeightedMean()
    mean.update_state([1.5e308] * 10)
    assert mean.result() == 1.5e308


def test_a_keras_mean_of_another_type_is_not_merged_and_an_unknown_type_not_made():
    with pytest.raises(ValueError, match=r"other\.dtype='float16' must be 'float32'"):
        KerasMean().merge_state(KerasMean("float16"))
    with pytest.raises(ValueError, match="dtype='int8' must be one of"):
        KerasMean("int8")


def test_float32_drifts_where_the_exact_mean_does_not():
    keras_mean, exact = KerasMean(), WeightedMean()
    keras_mean.update_state(np.full(1_000_000, 0.1, np.float32))
    exact.update_state(np.float32(0.1), sample_weight=1_000_000)
    assert exact.result() == float(np.float32(0.1))
    assert (
        keras_mean.result() == 0.10095834732055664
    )  # what keras.metrics.Mean gives after the same million updates


class Accumulating(RuleBasedStateMachine):
    """Update, merge, save, restore and reset in any order, against exact rationals."""

    @initialize()
    def start(self):
        self.mean, self.total, self.weight = WeightedMean(), Fraction(), Fraction()

    @rule(value=FLOATS, weight=WEIGHTS)
    def update(self, value, weight):
        self.mean.update_state(value, sample_weight=weight)
        self.total += Fraction(value) * Fraction(weight)
        self.weight += Fraction(weight)

    @rule(stream=STREAMS)
    def merge(self, stream):
        self.mean.merge_state(filled(WeightedMean, stream))
        total, weight = sums(stream)
        self.total, self.weight = self.total + total, self.weight + weight

    @rule()
    def save_and_restore(self):
        self.mean = WeightedMean.from_json(self.mean.to_json())

    @rule()
    def reset(self):
        self.mean.reset_state()
        self.total = self.weight = Fraction()

    @invariant()
    def holds_the_exact_mean(self):
        if self.weight:
            assert self.mean.fraction() == self.total / self.weight


TestAccumulating = Accumulating.TestCase


def test_a_weight_beyond_float64_is_exact_and_infinity_stays_infinite():
    mean = WeightedMean()
    mean.update_state(3.0, sample_weight=10**400)
    assert mean.result() == 3.0
    mean.update_state(math.inf, sample_weight=10**400)
    assert mean.result() == math.inf


def test_a_fused_mean_in_double_precision_is_rounded_once():
    generator = random.Random(0)
    for _ in range(200):
        a, b, mean = generator.random(), generator.random(), KerasMean("float64", fused=True)
        mean.update_state(1.0)
        mean.update_state(a, sample_weight=b)
        once = 1 + Fraction(a) * Fraction(b)
        assert float.fromhex(mean.state()["total"]) == once.numerator / once.denominator
