"""Exact sums of arrays against rational arithmetic: 10,000 cases of each hard family."""

from __future__ import annotations

import math
import random
import subprocess
import sys
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from lossaudit import ExactSum, KerasMean, PrecisionError, StateError, SumCount, WeightedMean
from lossaudit.arithmetic.arguments import CHUNK

CASES = 10_000


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


@pytest.mark.parametrize("family", FAMILIES)
def test_ten_thousand_sums_of_a_family_equal_those_in_rational_arithmetic(family):
    generator = np.random.default_rng(0)
    for case in range(CASES):
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


def test_arrays_of_any_layout_are_the_same_stream():
    base = np.random.default_rng(3).lognormal(size=(60, 70, 20))
    layouts = [
        base,
        np.asfortranarray(base),
        base[::-1, :, ::-1],
        base.transpose(2, 0, 1),
        base.astype(">f8"),
    ]
    layouts += [np.repeat(base, 2, axis=1)[:, ::2], base.tolist(), tf.constant(base)]
    assert {summed(layout) for layout in layouts} == {summed(base.ravel())}
    read_only = base.copy()
    read_only.flags.writeable = False
    assert summed(read_only, np.broadcast_to(3, base.shape)) == 3 * summed(base)


def test_tensors_of_half_the_width_are_exact():
    for dtype in (tf.bfloat16, tf.float16):
        tensor = tf.cast(tf.constant([0.1, 3.3, -7.0]), dtype)
        assert summed(tensor, tf.constant([1, 2, 3])) == exactly(
            tf.cast(tensor, tf.float32).numpy(), np.array([1, 2, 3])
        )
        assert summed(tensor[0], tf.constant(2)) == 2 * Fraction(float(tensor[0]))


def test_numbers_of_more_than_64_bits_are_refused():
    with pytest.raises(TypeError, match="values must be numbers of at most 64 bits, not "):
        summed(np.ones(3, np.longdouble))
    with pytest.raises(
        TypeError, match="values must be numbers of at most 64 bits, not complex128"
    ):
        summed(np.ones(3, np.complex128))


@pytest.mark.parametrize("kind", [ExactSum, SumCount, WeightedMean, KerasMean])
def test_a_bad_weight_among_many_is_refused_before_anything_is_added(kind):
    accumulator = kind()
    accumulator.update_state([1.0, 2.0], sample_weight=[1, 1])
    before = accumulator.to_json()
    for bad in (-1.0, math.nan, math.inf):
        weights = np.ones(3 * CHUNK)
        weights[-1] = bad
        with pytest.raises(
            ValueError, match=f"sample_weight={bad:g} must be finite and not negative"
        ):
            accumulator.update_state(np.ones(3 * CHUNK), sample_weight=weights)
    assert accumulator.to_json() == before


SHAPES = [
    ((6,), (6,)),
    ((6,), (6, 1)),
    ((6, 1), (6,)),
    ((6, 4), (6,)),
    ((6, 4), (6, 1)),
    ((6, 4), (1, 4)),
    ((6, 4), (6, 4)),
    ((6, 6), (6,)),
    ((2, 3, 4), (2, 3)),
    ((2, 3, 4), (2, 3, 1)),
    ((6, 4), ()),
    ((), ()),
    ((), (1,)),
]


@pytest.mark.parametrize(("shape", "weights"), SHAPES)
def test_weights_are_broadcast_as_keras_does(shape, weights):
    import keras

    generator = np.random.default_rng(4)
    values = generator.integers(0, 100, shape).astype(np.float32)
    sample_weight = generator.integers(1, 9, weights).astype(np.float32)
    keras_mean, mean = keras.metrics.Mean(), WeightedMean()
    keras_mean.update_state(values, sample_weight=sample_weight)
    mean.update_state(values, sample_weight=sample_weight)
    assert math.isclose(mean.result(), float(keras_mean.result()), rel_tol=2.0**-18)


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


def test_a_queued_float_is_refused_in_a_thread_that_flushes_and_is_not_lost():
    total = ExactSum()
    total.update_state(5e-324)

    def read(_):
        with pytest.raises(PrecisionError):
            total.result()
        return np.int64(0)

    tf.function(lambda: tf.numpy_function(read, [0], tf.int64))()
    assert total.result() == 5e-324


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


def test_integers_that_numpy_would_round_in_a_list_are_refused():
    for values in ([2**53 + 1, 0.5], [2**63 + 1, -1], [np.float32(1.5), 2**53 + 1]):
        with pytest.raises(
            TypeError, match=r"values has the integer [0-9]+, which numpy would round to a float"
        ):
            summed(values)
    with pytest.raises(TypeError, match="sample_weight has the integer 9007199254740993"):
        summed([1.0, 0.0], [2**53 + 1, 0.5])
    assert summed([2**53, 0.5, 1e300]) == 2**53 + Fraction(1, 2) + int(1e300)


def test_a_masked_array_is_refused():
    with pytest.raises(TypeError, match="values is a masked array"):
        summed(np.ma.array([1.0, 100.0], mask=[0, 1]))


def test_narrow_floats_of_any_kind_and_byte_order_are_read():
    import ml_dtypes

    for kind in (">f2", ml_dtypes.bfloat16, ml_dtypes.float8_e5m2, ml_dtypes.float8_e4m3fn):
        assert summed(np.array([1, 2]).astype(kind), np.array([1, 2]).astype(kind)) == 5
    with pytest.raises(ValueError, match="sample_weight=inf must be finite"):
        summed(np.ones(2), np.array([1, np.inf], ml_dtypes.bfloat16))


def test_a_weight_beyond_float64_is_exact_and_infinity_stays_infinite():
    mean = WeightedMean()
    mean.update_state(3.0, sample_weight=10**400)
    assert mean.result() == 3.0
    mean.update_state(math.inf, sample_weight=10**400)
    assert mean.result() == math.inf


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


def test_a_fused_mean_in_double_precision_is_rounded_once():
    generator = random.Random(0)
    for _ in range(200):
        a, b, mean = generator.random(), generator.random(), KerasMean("float64", fused=True)
        mean.update_state(1.0)
        mean.update_state(a, sample_weight=b)
        once = 1 + Fraction(a) * Fraction(b)
        assert float.fromhex(mean.state()["total"]) == once.numerator / once.denominator


SMALL = np.float32(1e-40)
SCALARS = {
    "a float32": lambda: ExactSum().update_state(SMALL),
    "a small number of large weight": lambda: ExactSum().update_state(1e-310, sample_weight=2**60),
    "a small weight": lambda: WeightedMean().update_state(1.0, sample_weight=1e-310),
    "a small weight of an integer": lambda: WeightedMean().update_state(3, sample_weight=1e-310),
    "a small weight of many": lambda: WeightedMean().update_state(
        [1.0, 2.0], sample_weight=1e-310
    ),
    "a small weight beside infinity": lambda: WeightedMean().update_state(
        [1.0, math.inf], sample_weight=[1e-310, 1.0]
    ),
    "a small result": lambda: mean_of([2.0**-1000, 0.0], [1, 2**40 - 1]).result(),
}


def mean_of(values, weights):
    mean = WeightedMean()
    mean.update_state(values, sample_weight=weights)
    return mean


@pytest.mark.parametrize("case", SCALARS)
def test_no_number_close_to_zero_is_lost_in_a_thread_that_flushes(case):
    raised = []

    def update():
        with pytest.raises(PrecisionError):
            SCALARS[case]()
        raised.append(case)
        return np.int64(0)

    SCALARS[case]()
    tf.function(lambda: tf.numpy_function(update, [], tf.int64))()
    assert raised == [case]


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
