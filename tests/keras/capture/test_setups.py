"""Every way of training is captured and not changed, as each row of docs/capture.md says."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from tests.keras.setups import SETUPS, TENSORFLOW, row, tried

PAGE = (Path(__file__).parents[3] / "docs" / "capture.md").read_text("utf-8")
EVERYWHERE = [one.name for one in SETUPS if not one.only_tensorflow]
BY_DAY = [
    "Sequential",
    "`sample_weight`",
    "`validation_freq`",
    "`evaluate` alone",
    "Ctrl-C",
]
"""On other back ends; by night, all that there are."""
KNOWN = [one for one in SETUPS if TENSORFLOW or not one.only_tensorflow]


@pytest.mark.slow
@pytest.mark.parametrize("setup", KNOWN, ids=lambda setup: setup.name)
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_a_way_of_training_is_what_the_table_says(setup):
    result = tried(setup)
    assert result.captured == (not setup.reason)
    assert result.identical
    assert row(setup.name, result.captured, result.identical, setup.reason) in PAGE


def test_the_table_has_a_row_for_every_way_and_no_other():
    table = PAGE.split("## TensorFlow, one device")[1].split("##")[0].strip().splitlines()[2:]
    assert table == [row(one.name, not one.reason, True, one.reason) for one in SETUPS]


@pytest.mark.slow
@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="this is the run on another back end"
)
@pytest.mark.parametrize(
    "setups", [BY_DAY, pytest.param(EVERYWHERE, marks=pytest.mark.nightly)], ids=["some", "all"]
)
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_back_ends_of_keras_are_captured_alike(backend, setups):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    tests = [
        f"{__file__}::{test_a_way_of_training_is_what_the_table_says.__name__}[{name}]"
        for name in setups
    ]
    arguments = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "KERAS_BACKEND": backend}
    environment.pop("PYTEST_XDIST_WORKER", None)
    run = subprocess.run(arguments, capture_output=True, text=True, env=environment, check=False)
    assert run.returncode == 0, run.stdout[-5000:]
    assert f"{len(setups)} passed" in run.stdout


WITHOUT_TENSORFLOW = """
import sys
sys.modules["tensorflow"] = None
import keras, numpy as np
from lossaudit.keras import LossAudit, LossRecorder
x = np.ones((10, 2), "float32")
network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
network.compile("sgd", "mse")
audit = LossAudit("raise")
network.fit(x, x[:, :1], batch_size=4, epochs=2, verbose=0, callbacks=[audit])
print(len(audit.recording.find(split="train")), audit.report.ok)
recorder, alone = LossRecorder(), network.get_weights()
recorder.capacity = 8
settings = {"batch_size": 1, "epochs": 3, "verbose": 0, "shuffle": False}
found = [network.fit(x, x[:, :1], callbacks=[recorder], **settings).history["loss"]]
weights = network.get_weights()
network.set_weights(alone)
found += [network.fit(x, x[:, :1], **settings).history["loss"]]
same = all((one == other).all() for one, other in zip(weights, network.get_weights()))
print(len(recorder.recording.find(split="train")), found[0] == found[1], same)
for wanted in ({"gradients": True}, {"predictions": (1, 1)}):
    try:
        network.fit(x, x[:, :1], verbose=0, callbacks=[LossAudit(**wanted)])
    except ValueError as error:
        print(error)
"""


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")
def test_jax_needs_no_tensorflow_and_says_what_it_cannot_record():
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_TENSORFLOW],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert run.stdout.splitlines() == [
        "6 True",
        "30 True True",
        "gradients=True can be recorded on TensorFlow only, not on jax",
        "predictions=True can be recorded on TensorFlow only, not on jax",
    ], run.stderr[-3000:]
