"""The laws of exact sums, with ==."""

from __future__ import annotations

import json
import math
import random
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lossaudit import EmptyError, ExactSum, KerasMean, StateError, SumCount, WeightedMean

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


@given(stream=STREAMS)
def test_a_sum_equals_the_one_in_rational_arithmetic(stream):
    assert filled(ExactSum, stream).fraction() == sums(stream)[0]


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


@pytest.mark.parametrize("kind", EXACT)
@given(stream=STREAMS, cuts=st.lists(st.integers(0, 20), max_size=3), seed=st.integers())
def test_any_split_and_any_order_give_the_same_bytes(kind, stream, cuts, seed):
    whole = filled(kind, stream)
    shuffled = random.Random(seed).sample(stream, len(stream))
    bounds = [0, *sorted(cuts), len(stream)]
    parts = [filled(kind, shuffled[start:end]) for start, end in pairwise(bounds)]
    merged = kind()
    for part in parts:
        merged.merge_state(part)
    assert merged.to_json() == whole.to_json()


@pytest.mark.parametrize("kind", EXACT)
@given(stream=STREAMS)
def test_an_array_is_one_update_for_each_value(kind, stream):
    values, weights = (np.array(column, dtype=np.float64) for column in zip(*stream, strict=True))
    at_once = kind()
    at_once.update_state(values, sample_weight=weights)
    assert at_once.to_json() == filled(kind, zip(values, weights, strict=True)).to_json()


@pytest.mark.parametrize("kind", ALL)
@given(stream=STREAMS)
def test_merging_nothing_changes_nothing(kind, stream):
    accumulator = filled(kind, stream)
    before = accumulator.to_json()
    accumulator.merge_state(kind())
    assert accumulator.to_json() == before


@pytest.mark.parametrize("kind", ALL)
@given(stream=STREAMS)
def test_a_state_survives_json_exactly(kind, stream):
    text = filled(kind, stream).to_json()
    assert kind.from_json(text).to_json() == text


@pytest.mark.parametrize("kind", ALL)
def test_the_result_of_nothing_is_an_error_and_so_it_is_after_a_reset(kind):
    accumulator = kind()
    for _ in range(2):
        with pytest.raises(EmptyError, match="result\\(\\) of nothing"):
            accumulator.result()
        accumulator.update_state(1.0)
        accumulator.reset_state()
    assert accumulator.to_json() == kind().to_json()


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("weight", [-3, math.nan, math.inf])
def test_a_bad_weight_is_refused_by_name_and_value(kind, weight):
    with pytest.raises(
        ValueError, match=f"sample_weight={weight:g} must be finite and not negative"
    ):
        kind().update_state(1.0, sample_weight=weight)


@pytest.mark.parametrize("kind", ALL)
def test_weights_that_do_not_broadcast_and_values_that_are_not_numbers_are_refused(kind):
    with pytest.raises(
        ValueError, match=r"shape \(2,\) does not broadcast to values of shape \(3,\)"
    ):
        kind().update_state([1.0, 2.0, 3.0], sample_weight=[1, 2])
    with pytest.raises(TypeError, match="values must be numbers"):
        kind().update_state("loss")


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(
    ("values", "result"),
    [
        ([math.inf], math.inf),
        ([-math.inf, 1.0], -math.inf),
        ([math.inf, -math.inf], math.nan),
        ([math.nan, 1.0], math.nan),
    ],
)
def test_nan_and_infinities_follow_ieee_754(kind, values, result):
    accumulator = kind()
    accumulator.update_state(values)
    assert accumulator.result() == result or (
        math.isnan(result) and math.isnan(accumulator.result())
    )


@pytest.mark.parametrize("kind", [ExactSum, WeightedMean, KerasMean])
def test_infinity_with_weight_zero_is_nan(kind):
    accumulator = kind()
    accumulator.update_state([math.inf, 1.0], sample_weight=[0.0, 1.0])
    assert math.isnan(accumulator.result())


@pytest.mark.parametrize(
    ("values", "result"),
    [
        ([1e16, 1.0, -1e16] * 1000, 1000.0),
        ([1.0, 1e100, 1.0, -1e100] * 1000, 2000.0),
        ([1e308] * 10 + [-1e308] * 10, 0.0),
        ([1.5e308] * 10, math.inf),
        ([5e-324] * 3, 1.5e-323),
        ([-0.0, -0.0], 0.0),
    ],
)
def test_hard_sums(values, result):
    total = ExactSum()
    total.update_state(values)
    assert total.result() == result


def test_the_mean_of_numbers_whose_sum_overflows_is_finite():
    mean = WeightedMean()
    mean.update_state([1.5e308] * 10)
    assert mean.result() == 1.5e308


def test_numpy_types_and_integers_beyond_2_to_53_are_exact():
    total = ExactSum()
    total.update_state(np.float16(0.1), sample_weight=2**60 + 1)
    total.update_state(np.array([2**62 + 1], dtype=np.int64))
    assert total.fraction() == Fraction(float(np.float16(0.1))) * (2**60 + 1) + 2**62 + 1


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"class":"ExactSum"}'])
def test_a_damaged_text_is_refused(kind, text):
    with pytest.raises(StateError, match="text="):
        kind.from_json(text)


@pytest.mark.parametrize("kind", ALL)
def test_the_state_of_another_class_or_version_or_with_a_wrong_field_is_refused(kind):
    accumulator = kind()
    accumulator.update_state(1.5)
    state = json.loads(accumulator.to_json())
    other = next(one for one in ALL if one is not kind)
    with pytest.raises(
        StateError, match=f"is a {kind.__name__} of version 1, not a {other.__name__}"
    ):
        other.from_json(accumulator.to_json())
    with pytest.raises(StateError, match="of version 2"):
        kind.from_json(json.dumps(state | {"version": 2}))
    for name in state.keys() - {"class", "version"}:
        with pytest.raises(StateError):
            kind.from_json(json.dumps(state | {name: "x"}))


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
