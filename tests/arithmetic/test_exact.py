"""The laws of exact sums, with ==."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from lossaudit import (
    EmptyError,
    ExactSum,
    KerasMean,
    PrecisionError,
    StateError,
    SumCount,
    WeightedMean,
)
from tests.arithmetic.streams import ALL, EXACT, STREAMS, filled, summed, sums


@given(stream=STREAMS)
def test_a_sum_equals_the_one_in_rational_arithmetic(stream):
    assert filled(ExactSum, stream).fraction() == sums(stream)[0]


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


@pytest.mark.parametrize("kind", [ExactSum, SumCount, WeightedMean])
@pytest.mark.parametrize("other", [ExactSum, SumCount, WeightedMean, KerasMean])
def test_another_accumulator_is_not_merged_and_nothing_is_changed(kind, other):
    if kind is other:
        return
    accumulator, stranger = kind(), other()
    accumulator.update_state(1.0)
    stranger.update_state(5.0)
    before = accumulator.to_json()
    with pytest.raises(TypeError, match=f"must be a {kind.__name__}"):
        accumulator.merge_state(stranger)
    assert accumulator.to_json() == before


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        (ExactSum, '"count":1', '"count":Infinity'),
        (ExactSum, '"count":1', '"count":true'),
        (ExactSum, '"count":1', '"count":0'),
        (ExactSum, '"count":1', '"count":1 '),
        (ExactSum, '"exponent":0', '"exponent":-99999'),
        (ExactSum, '"exponent":0', '"exponent":99999999999999999999'),
        (ExactSum, '"nan":0', '"nan":2'),
        (KerasMean, '"total":"0x1.0000000000000p+0"', f'"total":"{(0.1).hex()}"'),
        (KerasMean, '"count":"0x1.0000000000000p+0"', '"count":"-0x1.0000000000000p+0"'),
        (KerasMean, '"count":"0x1.0000000000000p+0"', '"count":"0x1p+5000"'),
    ],
)
def test_a_state_that_cannot_have_been_written_is_refused(kind, old, new):
    accumulator = kind()
    accumulator.update_state(1.0)
    text = accumulator.to_json()
    assert old in text
    with pytest.raises(StateError):
        kind.from_json(text.replace(old, new))
    with pytest.raises(StateError):
        kind.from_json("[" * 100_000)


@given(
    stream=st.lists(st.tuples(st.floats(), st.sampled_from([None, 0, 1, 2, 0.5, 3])), max_size=60),
    seed=st.integers(),
)
def test_numbers_with_nan_and_infinities_have_one_state_in_any_order(stream, seed):
    for kind in (ExactSum, SumCount, WeightedMean):
        one, other, at_once = kind(), kind(), kind()
        for value, weight in stream:
            one.update_state(value, sample_weight=weight)
        for value, weight in random.Random(seed).sample(stream, len(stream)):
            other.update_state(np.float64(value), sample_weight=weight)
        if stream:
            at_once.update_state(
                [v for v, _ in stream], sample_weight=[1 if w is None else w for _, w in stream]
            )
        assert one.to_json() == other.to_json() == at_once.to_json()


def test_a_stream_of_many_weights_and_lengths_is_exact():
    generator = np.random.default_rng(5)
    for weights in (
        generator.integers(1, 5000, 20_000),
        generator.uniform(0, 9, 20_000),
        np.full(20_000, 32),
    ):
        values = generator.lognormal(size=20_000)
        streamed, at_once = WeightedMean(), WeightedMean()
        for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
            streamed.update_state(value, sample_weight=weight)
        at_once.update_state(values, sample_weight=weights)
        assert streamed.to_json() == at_once.to_json()


def test_no_weight_and_the_weight_one_are_the_same():
    mixed, plain = WeightedMean(), WeightedMean()
    for _ in range(3):
        mixed.update_state(2.0)
        mixed.update_state(4.0, sample_weight=1)
        mixed.update_state(6.0, sample_weight=1.0)
        plain.update_state([2.0, 4.0, 6.0])
    assert mixed.to_json() == plain.to_json()


PART = """
import numpy as np
from lossaudit import WeightedMean
def part_of(seed):
    mean, generator = WeightedMean(), np.random.default_rng(seed)
    values, weights = generator.normal(size=3000).tolist(), generator.integers(1, 65, 3000)
    for value, weight in zip(values, weights, strict=True):
        mean.update_state(value, sample_weight=weight)
    return mean.to_json()
"""


def merged(parts):
    whole = WeightedMean()
    for part in parts:
        whole.merge_state(WeightedMean.from_json(part))
    return whole.to_json()


def test_any_number_of_threads_and_processes_gives_the_same_bytes():
    defined = {}
    exec(PART, defined)
    parts = [defined["part_of"](seed) for seed in range(6)]
    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(defined["part_of"], range(6))) == parts
    elsewhere = [
        subprocess.run(
            [sys.executable, "-c", f"{PART}\nfor seed in {seeds}: print(part_of(seed))"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for seeds in ([5, 1], [0, 2, 4, 3])
    ]
    assert merged(parts) == merged(reversed(parts)) == merged(elsewhere[0] + elsewhere[1])


def test_a_queued_float_is_refused_in_a_thread_that_flushes_and_is_not_lost():
    total = ExactSum()
    total.update_state(5e-324)

    def read(_):
        with pytest.raises(PrecisionError):
            total.result()
        return np.int64(0)

    tf.function(lambda: tf.numpy_function(read, [0], tf.int64))()
    assert total.result() == 5e-324


def test_accumulators_of_two_threads_do_not_disturb_each_other():
    values = np.random.default_rng(7).normal(size=300_000)
    found = []
    threads = [
        threading.Thread(target=lambda: found.extend(summed(values) for _ in range(10)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(found) == {summed(values)}


def test_an_interrupted_result_neither_loses_nor_repeats_queued_numbers():
    class Interrupted(WeightedMean):
        failing = False

        def _add(self, parts, number, weight):
            super()._add(parts, number, weight)
            if Interrupted.failing and weight == 2:
                raise KeyboardInterrupt

    mean, whole = Interrupted(), WeightedMean()
    for accumulator in (mean, whole):
        for value, weight in [(1.0, 1), (2.0, 2), (4.0, 3)]:
            accumulator.update_state(value, sample_weight=weight)
    Interrupted.failing = True
    with pytest.raises(KeyboardInterrupt):
        mean.result()
    Interrupted.failing = False
    assert mean.result() == whole.result()
