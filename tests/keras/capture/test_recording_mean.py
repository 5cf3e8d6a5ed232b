"""RecordingMean is the mean of Keras and keeps each value; CompensatedMean stays within 2 ulp of
the exact mean where Keras' own drifts away.
"""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from lossaudit import CaptureError, KerasMean, WeightedMean
from lossaudit.keras import CompensatedMean, RecordingMean
from tests.forks import forked

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


@pytest.mark.slow
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


COMPILED = pytest.mark.parametrize("compiled", [None, False, True], ids=["eager", "graph", "xla"])


def ulps(mean, exact):
    """How many float32 numbers apart two numbers are."""
    return abs(float(mean) - exact) / float(np.spacing(np.float32(abs(exact))))


def after(metric, losses, rows, updates):
    """The metric's result after many updates in one compiled loop that repeats the losses."""
    losses, rows = tf.constant(losses, tf.float32), tf.constant(rows, tf.float32)

    @tf.function(jit_compile=True, autograph=False)
    def run(updates):
        def update(i, *state):
            place = i % len(losses)
            return i + 1, *metric.stateless_update_state(list(state), losses[place], rows[place])

        state = [tf.convert_to_tensor(variable.value) for variable in metric.variables]
        state = tf.while_loop(lambda i, *_: i < updates, update, (0, *state))[1:]
        return metric.stateless_result(list(state))

    return float(run(updates))


LONG = {
    "constant": lambda g: (np.full(1000, 0.1), np.ones(1000)),
    "constant with rows": lambda g: (np.full(1000, 2.302585), np.full(1000, 33)),
    "noisy": lambda g: (g.lognormal(-1, 0.5, 1000), g.integers(1, 65, 1000)),
}


@pytest.mark.slow
@pytest.mark.parametrize("stream", LONG)
def test_after_a_hundred_million_updates_of_the_real_metric(stream):
    losses, rows = (np.float32(column) for column in LONG[stream](np.random.default_rng(0)))
    exact = WeightedMean()
    exact.update_state(losses, sample_weight=rows)
    assert ulps(after(CompensatedMean(), losses, rows, 10**8), exact.result()) <= 2
    if stream == "constant":
        assert after(keras.metrics.Mean(), losses, rows, 10**8) == 0.125


@pytest.mark.slow
@COMPILED
def test_every_mean_on_the_way_is_within_two_ulps(compiled):
    generator = np.random.default_rng(1)
    compensated, exact = CompensatedMean(), WeightedMean()

    def update(loss, rows):
        compensated.update_state(loss, sample_weight=rows)
        return compensated.result()

    step = update if compiled is None else tf.function(update, jit_compile=compiled)
    for loss, rows in zip(
        generator.lognormal(size=500).astype(np.float32),
        generator.integers(1, 999, 500),
        strict=True,
    ):
        mean = step(tf.constant(loss), tf.constant(rows, tf.float32))
        exact.update_state(loss, sample_weight=rows)
        assert ulps(mean, exact.result()) <= 2


@COMPILED
def test_what_a_float32_sum_would_lose_is_kept(compiled):
    compensated = CompensatedMean()

    def update(loss):
        compensated.update_state(loss)

    step = update if compiled is None else tf.function(update, jit_compile=compiled)
    for loss in [2.0**24, *[1.0] * 6, 2.0]:
        step(tf.constant(loss))
    assert float(compensated.result()) == (2**24 + 8) / 8


def test_arrays_weights_and_nothing_are_as_keras_has_them():
    compensated, plain = CompensatedMean(), keras.metrics.Mean()
    assert float(compensated.result()) == 0.0
    for values, weights in [
        ([1.0, 2.0, 3.0], None),
        ([1.0, 2.0], [1.0, 0.0]),
        ([[1.0, 3.0], [5.0, 7.0]], [1.0, 3.0]),
    ]:
        for metric in (compensated, plain):
            metric.update_state(np.float32(values), sample_weight=weights)
        assert float(compensated.result()) == float(plain.result())


@pytest.mark.parametrize(
    "values", [[np.inf, 1.0], [-np.inf, 2.0], [3e38, 3e38, 1.0], [np.nan, 1.0], [np.inf, -np.inf]]
)
def test_what_is_not_finite_is_what_keras_makes_of_it(values):
    compensated, plain = CompensatedMean(), keras.metrics.Mean()
    for value in values:
        for metric in (compensated, plain):
            metric.update_state(np.float32(value))
    np.testing.assert_equal(float(compensated.result()), float(plain.result()))


@pytest.mark.slow
def test_merged_parts_are_the_whole_and_a_reset_forgets_all():
    generator = np.random.default_rng(2)
    losses, exact, parts = generator.lognormal(size=300).astype(np.float32), WeightedMean(), []
    exact.update_state(losses)
    for part in np.split(losses, [100, 110]):
        parts.append(CompensatedMean())
        for loss in part:
            parts[-1].update_state(loss)
    for other in parts[1:]:
        parts[0].merge_state(other)
    assert ulps(parts[0].result(), exact.result()) <= 2
    parts[0].reset_state()
    assert [np.abs(variable.numpy()).max() for variable in parts[0].variables] == [0, 0, 0]


def test_it_is_a_metric_that_fit_takes_and_that_keras_saves(tmp_path):
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    network.compile("sgd", "mse")
    mean = CompensatedMean(name="loss")
    assert CompensatedMean.from_config(mean.get_config()).name == "loss"
    for metric in (mean, keras.metrics.Mean()):
        metric.update_state(3.0, sample_weight=2)
    assert isinstance(mean, keras.metrics.Mean)
    assert float(mean.result()) == 3.0


REPLICAS = """
import json, sys
import numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
import keras
from lossaudit.keras import CompensatedMean
with strategy.scope():
    mean = CompensatedMean()
losses = np.random.default_rng(0).lognormal(size=(300, 2)).astype(np.float32)
@tf.function
def step(batch):
    strategy.run(lambda loss: mean.update_state(loss[0]), args=(batch,))
batches = tf.data.Dataset.from_tensor_slices(losses.ravel()).batch(2)
data = strategy.experimental_distribute_dataset(batches)
for batch in data:
    step(batch)
print(json.dumps([float(mean.result()), float(losses.mean(dtype=np.float64))]))
"""


@pytest.mark.slow
def test_two_replicas_are_merged():
    run = forked(REPLICAS)
    assert run.returncode == 0, run.stderr[-3000:]
    mean, exact = json.loads(run.stdout.splitlines()[-1])
    assert ulps(mean, exact) <= 3  # the sum over replicas is rounded once more
