"""CompensatedMean stays within 2 ulp of the exact mean where Keras' own drifts away."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from lossaudit import WeightedMean
from lossaudit.keras import CompensatedMean
from tests.forks import forked

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
