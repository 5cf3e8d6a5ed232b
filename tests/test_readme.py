"""The README does what it says."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.forks import forked

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")

SETTING = """
import keras
import numpy as np
import tensorflow as tf

keras.utils.set_random_seed(0)
x = np.random.default_rng(0).normal(size=(10, 4)).astype("float32")
data = tf.data.Dataset.from_tensor_slices((x, x.sum(1, keepdims=True))).batch(4)
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
train_step = tf.function(lambda x, y: tf.reduce_mean((model(x) - y) ** 2))
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.slow
def test_every_python_block_runs_and_prints_what_its_comments_say():
    program = SETTING + "\n".join(blocks("python"))
    done = forked(program)
    assert done.returncode == 0, done.stderr
    promised = ["False", *re.findall(r"print\(.*\)  # (\S+)", README)]
    assert [line for line in done.stdout.splitlines() if line in promised] == promised


def test_the_printed_finding_is_the_one_that_this_training_gives():
    import keras

    from lossaudit.keras import LossAudit

    namespace = {"keras": keras}
    exec(blocks("python")[0], namespace)
    history, audit = namespace["BatchLossHistory"](), LossAudit("ignore")
    train_with_losses_1_2_and_9([history, audit])
    assert history.losses == [1.0, 1.5, 3.0]
    (finding,) = audit.report.findings
    assert str(finding) == blocks("text")[0].strip()


def train_with_losses_1_2_and_9(callbacks):
    """The training of the README: batches of 4, 4 and 2 rows; every number is exact in float32."""
    import keras
    import numpy as np
    import tensorflow as tf

    targets = np.array([1, 1, 1, 1, 2, 2, 0, 0, 3, 3], np.float32)[:, None]
    data = tf.data.Dataset.from_tensor_slices((np.zeros_like(targets), targets)).batch(4)
    model = keras.Sequential(
        [keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="zeros")]
    )
    model.compile(keras.optimizers.SGD(0.0), "mse")
    model.fit(data, verbose=0, shuffle=False, callbacks=callbacks)


def test_ci_runs_exactly_the_two_commands():
    ci = (ROOT / ".ci" / "run").read_text("utf-8")
    function = next(line for line in ci.splitlines() if line.startswith("readme_command()"))
    for name in ("test", "run"):
        assert f"eval \"$(readme_command 'command: {name}')\"" in ci
        program = f"cd '{ROOT}'; {function}; readme_command 'command: {name}'"
        command = subprocess.run(
            ["bash", "-c", program], capture_output=True, text=True, check=True
        ).stdout
        assert command.startswith("python -m pip install -e")
        assert len(command.strip().splitlines()) == 1


def test_what_recording_costs_is_what_the_benchmark_wrote():
    table = README.split("## What it costs")[1].split("##")[0]
    ratios = re.findall(r"\d\.\d{3}", table)
    written = (ROOT / "docs" / "benchmarks.md").read_text("utf-8")
    assert len(ratios) > 10
    assert [ratio for ratio in ratios if ratio not in written] == []
