"""Values and weights as users give them: what is read, how it is broadcast, what is refused."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import tensorflow as tf

from lossaudit import ExactSum, KerasMean, PrecisionError, SumCount, WeightedMean
from lossaudit.arithmetic.arguments import CHUNK
from tests.arithmetic.streams import ALL, exactly, summed


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
