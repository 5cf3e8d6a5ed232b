"""Several replicas on virtual devices, in one process for each number of replicas: also tests of
`backend`, and of `ring`, `rows`, `recording_mean` and `loss_recorder` in `capture`.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.forks import forked

pytestmark = pytest.mark.slow
PAGE = (Path(__file__).parents[2] / "docs" / "capture.md").read_text("utf-8")

TRAINING = """
import json, sys
import numpy as np, tensorflow as tf
replicas = int(sys.argv[1])
(cpu,) = tf.config.list_physical_devices("CPU")
devices = [tf.config.LogicalDeviceConfiguration()] * replicas
tf.config.set_logical_device_configuration(cpu, devices)
strategy = tf.distribute.MirroredStrategy([f"CPU:{number}" for number in range(replicas)])
import keras
import lossaudit
from lossaudit.keras import LossRecorder, RecordingMean, fit_loop

X = np.random.default_rng(0).normal(size=(96, 4)).astype(np.float32)
Y = X.sum(1, keepdims=True)

def made(rate, **compiled):
    keras.utils.set_random_seed(0)
    with strategy.scope():
        layers = [keras.Input((4,)), keras.layers.Dense(1, kernel_regularizer="l2")]
        network = keras.Sequential(layers)
        network.compile(keras.optimizers.SGD(rate), "mse", **compiled)
    return network

def trained(network, rows, callbacks, **arguments):
    arguments = {"validation_data": (X[:12], Y[:12]), **arguments}
    data = {"x": X[:rows], "y": Y[:rows], "batch_size": 8}
    given = {"epochs": 2, "shuffle": False, "verbose": 0, "callbacks": callbacks, **arguments}
    return network.fit(**data, **given).history

def columns(recording):
    return {
        f"{s.tag} {s.split}": [s.values.tolist(), s.weights.tolist()] for s in recording.series
    }
"""


def ran(replicas, program, *arguments):
    """The JSON that a program prints in a process with this many replicas."""
    run = forked(TRAINING + program, replicas, *arguments)
    assert run.returncode == 0, run.stderr[-4000:]
    return json.loads(run.stdout.splitlines()[-1])


FIT = """
found = {}
for rows in map(int, sys.argv[2:]):
    networks, histories = [], []
    for callbacks in ([], [LossRecorder()]):
        networks.append(made(0.01))
        histories.append(trained(networks[-1], rows, callbacks))
    same = all(np.array_equal(a, b) for a, b in zip(*(one.get_weights() for one in networks)))
    recorder = LossRecorder()
    frozen = made(0.0)
    logged = trained(frozen, rows, [recorder])
    outputs = frozen(X[:rows]).numpy().astype(float)
    penalty = float(frozen.losses[0])
    errors = ((outputs - Y[:rows]) ** 2)[:, 0]
    by_hand = [float(errors[i : i + 8].mean() + penalty) for i in range(0, rows, 8)]
    report = lossaudit.audit(recorder.recording, logged)
    found[rows] = {
        "same": same and histories[0] == histories[1],
        "by_hand": by_hand,
        "columns": columns(recorder.recording),
        "verdicts": [str(one.verdict) for one in report.verdicts],
        "codes": [one.code for one in report.findings],
        "replicas": recorder.recording.metadata["replicas"],
    }
print(json.dumps(found))
"""


@pytest.mark.parametrize(
    ("replicas", "sizes"),
    [(2, (49,)), *(pytest.param(n, (48, 50, 49), marks=pytest.mark.nightly) for n in (2, 4))],
)
def test_a_fit_on_replicas_is_captured_and_not_changed(replicas, sizes):
    for rows, found in ran(replicas, FIT, *sizes).items():
        values, weights = found["columns"]["loss train"]
        assert found["same"]
        assert found["replicas"] == replicas
        np.testing.assert_allclose(values, found["by_hand"] * 2, rtol=2.0**-18)
        assert weights == ([8] * (int(rows) // 8) + [int(rows) % 8] * (int(rows) % 8 > 0)) * 2
        parts = [found["columns"][f"loss/replica_{number} train"] for number in range(replicas)]
        assert np.sum([part[1] for part in parts], axis=0).tolist() == weights
        optimised = found["columns"]["optimised_loss train"][0]
        np.testing.assert_allclose(
            optimised, np.mean([part[0] for part in parts], axis=0), rtol=2.0**-20
        )
        uneven = {48: False, 50: replicas == 4, 49: True}[int(rows)]
        assert (not np.allclose(optimised, values, rtol=2.0**-18)) == uneven
        assert all(verdict in ("exact", "consistent") for verdict in found["verdicts"])
        assert found["codes"] == (["LA403"] if uneven else [])


LOOP = """
network = made(0.0)
with strategy.scope():
    mean = RecordingMean(name="loss")
data = tf.data.Dataset.from_tensor_slices((X[:50], Y[:50])).batch(8)

def step(x, y):
    loss = tf.reduce_mean((network(x, training=True) - y) ** 2, axis=-1)
    rows = tf.shape(x)[0]
    mean_loss = tf.math.divide_no_nan(tf.reduce_sum(loss), tf.cast(rows, tf.float32))
    mean.update_state(mean_loss, sample_weight=rows)

@tf.function
def distributed(batch):
    strategy.run(step, args=batch)

for batch in strategy.experimental_distribute_dataset(data):
    distributed(batch)
errors = ((network(X[:50]).numpy().astype(float) - Y[:50]) ** 2)[:, 0]
(series,) = mean.recording.series
by_hand = [float(errors[i : i + 8].mean()) for i in range(0, 50, 8)]
print(json.dumps([series.values.tolist(), series.weights.tolist(), by_hand]))
"""


@pytest.mark.parametrize("replicas", [2, 4])
def test_a_loop_on_replicas_is_captured_by_a_recording_mean(replicas):
    values, weights, by_hand = ran(replicas, LOOP)
    np.testing.assert_allclose(values, by_hand, rtol=2.0**-18)
    assert weights == [8] * 6 + [2]


UNEVEN = "trained(made(0.01), 3, callbacks, validation_data=None)"
REFUSED = {
    "`steps_per_execution > 1`": "trained(made(0.01, steps_per_execution=2), 48, callbacks)",
    "`jit_compile=True`": "trained(made(0.01, jit_compile=True), 48, callbacks)",
    "a first batch that the replicas cannot share evenly": UNEVEN,
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_keras_refuses_on_replicas_it_refuses_without_the_recorder_too(case):
    program = f"""
refused = []
for callbacks in ([], [LossRecorder()]):
    try:
        {REFUSED[case]}
    except Exception as error:
        refused.append(type(error).__name__)
print(json.dumps(refused))
"""
    refused = ran(2, program)
    assert len(refused) == 2
    assert f"| {case} | no |" in PAGE


GENERATOR = """
def batches():
    for start in range(0, 80, 8):
        yield X[start : start + 8], Y[start : start + 8]
recorder = LossRecorder(rows=80)
made(0.01).fit(batches(), epochs=1, verbose=0, callbacks=[recorder])
report = lossaudit.audit(recorder.recording, {})
weights = recorder.recording.find(tag="loss").weights.tolist()
print(json.dumps([weights, [str(one) for one in report.findings]]))
"""


def test_batches_of_a_generator_that_replicas_lose_are_noticed():
    weights, findings = ran(2, GENERATOR)
    assert sum(weights) < 80
    assert any("LA204" in one and "80 rows" in one for one in findings)


WORKER = """
import json, os, sys
ports, index = sys.argv[1].split(","), int(sys.argv[2])
workers = [f"127.0.0.1:{port}" for port in ports]
task = {"type": "worker", "index": index}
os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": workers}, "task": task})
import tensorflow as tf
strategy = tf.distribute.MultiWorkerMirroredStrategy()
import keras
from lossaudit import CaptureError
from lossaudit.keras import LossRecorder
with strategy.scope():
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    network.compile("sgd", "mse")
try:
    LossRecorder().set_model(network)
except CaptureError as error:
    print(error, flush=True)
os._exit(0)
"""


def test_several_workers_are_refused_with_a_way_out():
    with socket.socket() as one, socket.socket() as other:
        for free in (one, other):
            free.bind(("127.0.0.1", 0))
        ports = f"{one.getsockname()[1]},{other.getsockname()[1]}"
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, ports, str(index)], stdout=subprocess.PIPE, text=True
        )
        for index in (0, 1)
    ]
    for worker in workers:
        said, _ = worker.communicate(timeout=120)
        assert "Keras 3 cannot train with several workers (CollectiveAllReduceStrategy)" in said
        assert "lossaudit.Recorder" in said
