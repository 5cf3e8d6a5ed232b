"""Every example runs and prints the expected lines."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
SAID = {
    "batch_loss_history": ["45 train and 6 validation batches", "History is right: True"],
    "batch_metrics": ["precision of the first batches:", "and as Keras logs it:"],
    "batch_predictions": ["The last predictions are closer than the first: True"],
    "average_loss_in_a_loop": ["All three are right: True"],
    "tensorboard_in_a_loop": ["written to "],
    "callbacks_in_a_loop": ["The rate was lowered: True", "History is right: True"],
}


def test_every_example_is_run():
    assert sorted(path.stem for path in EXAMPLES.glob("*.py")) == sorted(SAID)


@pytest.mark.parametrize("name", SAID)
def test_an_example_runs_without_a_warning_and_says_what_it_should(name, tmp_path):
    script = [
        sys.executable,
        "-W",
        "error::UserWarning",
        str(EXAMPLES / f"{name}.py"),
        str(tmp_path),
    ]
    run = subprocess.run(script, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    for line in SAID[name]:
        assert line in run.stdout
