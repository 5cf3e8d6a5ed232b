from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from lossaudit import CaptureError, KerasMean
from lossaudit.keras import RecordingMean

STREAM = [(0.1, 4), (2.7, 4), (9.3, 2)]


@pytest.mark.parametrize("compiled", [None, False, True], ids=["eager", "graph", "xla"])
def test_the_mean_is_that_of_keras_and_every_value_is_kept(compiled):
    recording, plain = RecordingMean(name="loss"), keras.metrics.Mean()

    def update(loss, rows):
        recording.update_state(loss, sample_weight=rows)
        plain.update_state(loss, sample_weight=rows)

    step = update if compiled is None else tf.function(update, jit_compile=compiled)
    for loss, rows in STREAM:
        step(tf.constant(loss), tf.constant(rows))
    assert float(recording.result()) == float(plain.result())
    series = recording.recording.find(tag="loss")
    assert series.values.tolist() == [float(np.float32(loss)) for loss, _ in STREAM]
    assert series.weights.tolist() == [rows for _, rows in STREAM]


def test_an_epoch_lies_between_two_resets():
    mean = RecordingMean()
    for _ in range(3):
        mean.reset_state()
        for loss, rows in STREAM:
            mean.update_state(loss, sample_weight=rows)
    assert mean.recording.series[0].epochs.tolist() == [0] * 3 + [1] * 3 + [2] * 3


def test_resets_between_epochs_of_a_graph_loop_keep_the_ring_from_overflowing():
    mean = RecordingMean(capacity=4)
    step = tf.function(lambda loss: mean.update_state(loss))
    for epoch in range(5):
        for batch in range(3):
            step(tf.constant(float(10 * epoch + batch)))
        mean.reset_state()
    assert mean.recording.series[0].values.tolist() == [
        10.0 * e + b for e in range(5) for b in range(3)
    ]


def test_values_that_were_overwritten_are_an_error_with_their_number_and_never_silent():
    mean = RecordingMean(capacity=8)
    for value in range(20):
        mean.update_state(float(value))
    for _ in range(2):
        with pytest.raises(CaptureError, match="12 of 20 values were overwritten"):
            _ = mean.recording


@pytest.mark.parametrize(
    ("values", "weight", "recorded"),
    [
        ([1.0, 2.0, 3.0], None, (2.0, 3.0)),
        ([1.0, 2.0, 3.0], [1.0, 0.0, 1.0], (2.0, 2.0)),
        ([1.0, 2.0, 3.0], 5.0, (2.0, 5.0)),
        ([[1.0, 3.0], [5.0, 7.0]], [1.0, 3.0], (5.0, 4.0)),
        (4.0, None, (4.0, 1.0)),
    ],
)
def test_arrays_are_kept_as_the_mean_and_weight_that_keras_makes_of_them(values, weight, recorded):
    mean, plain = RecordingMean(), keras.metrics.Mean()
    for metric in (mean, plain):
        metric.update_state(np.float32(values), sample_weight=weight)
    series = mean.recording.series[0]
    assert (series.values[0], series.weights[0]) == recorded
    assert (float(plain.total), float(plain.count)) == (recorded[0] * recorded[1], recorded[1])


def test_a_data_set_of_unknown_length_leaves_no_phantom_row():
    mean = RecordingMean()
    batches = tf.data.Dataset.from_generator(
        lambda: iter([1.0, 2.0]), output_signature=tf.TensorSpec((), tf.float32)
    )
    iterator = iter(batches)

    @tf.function
    def step():
        mean.update_state(next(iterator))

    for _ in range(2):
        step()
    with pytest.raises(tf.errors.OutOfRangeError):
        step()
    assert mean.recording.series[0].values.tolist() == [1.0, 2.0]


def test_a_ring_without_room_is_refused():
    with pytest.raises(ValueError, match="capacity=0 must be at least 1"):
        RecordingMean(capacity=0)


def test_the_configuration_makes_another_one_like_it():
    config = RecordingMean(name="loss", capacity=7).get_config()
    assert RecordingMean.from_config(config).ring.capacity == 7


# TensorFlow takes subnormal numbers, below 2**-126, for 0: no product or sum of these comes near
# them.
WEIGHTS = st.one_of(st.integers(0, 4096).map(float), st.floats(2.0**-30, 128, width=32))
SIZES = st.floats(2.0**-40, 2.0**40, width=32)
LOSSES = st.one_of(st.just(0.0), SIZES, SIZES.map(float.__neg__))


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@given(stream=st.lists(st.tuples(LOSSES, WEIGHTS), min_size=1, max_size=30))
def test_the_replay_is_keras_own_mean_bit_for_bit(dtype, stream):
    metric, replay = keras.metrics.Mean(dtype=dtype), KerasMean(dtype)
    for loss, weight in stream:
        metric.update_state(np.float32(loss), sample_weight=np.float32(weight))
        replay.update_state(loss, sample_weight=weight)
        np.testing.assert_equal(replay.result(), float(metric.result()))


@pytest.mark.parametrize(
    ("compiled", "fused"), [(False, False), (True, True)], ids=["graph", "xla"]
)
def test_the_replay_follows_a_long_weighted_stream_in_a_graph(compiled, fused):
    random = np.random.default_rng(0)
    losses = random.lognormal(size=3000).astype(np.float32)
    weights = random.integers(1, 1000, size=3000).astype(np.float32)
    metric, replay = keras.metrics.Mean(), KerasMean(fused=fused)

    @tf.function(jit_compile=compiled)
    def step(loss, weight):
        metric.update_state(loss, sample_weight=weight)
        return metric.result()

    for index, (loss, weight) in enumerate(zip(losses, weights, strict=True)):
        replay.update_state(loss, sample_weight=weight)
        logged = float(step(tf.constant(loss), tf.constant(weight)))
        assert replay.result() == logged, index


def test_the_replay_of_an_empty_or_weightless_metric():
    metric, replay = keras.metrics.Mean(), KerasMean()
    metric.update_state(3.0, sample_weight=0.0)
    replay.update_state(3.0, sample_weight=0.0)
    assert replay.result() == float(metric.result()) == 0.0


LEAST = {"float16": -24, "bfloat16": -133, "float32": -149, "float64": -1074}


@pytest.mark.parametrize("dtype", LEAST)
def test_numbers_next_to_zero_are_flushed_where_tensorflow_flushes_them(dtype):
    random = np.random.default_rng(0)
    kind = np.float64 if dtype == "float64" else np.float32
    for _ in range(30):
        exponents = random.integers(LEAST[dtype], LEAST[dtype] + 40, size=(2, 4))
        losses, weights = np.ldexp(random.uniform(0.5, 1, size=(2, 4)), exponents).astype(kind)
        metric, replay, at_once = (
            keras.metrics.Mean(dtype=dtype),
            KerasMean(dtype),
            KerasMean(dtype),
        )
        for loss, weight in zip(losses, weights, strict=True):
            metric.update_state(loss, sample_weight=weight)
            replay.update_state(float(loss), sample_weight=float(weight))
        at_once.update_state(losses, sample_weight=weights)
        assert replay.result() == at_once.result() == float(metric.result())
