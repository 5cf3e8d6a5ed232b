"""Every example runs and prints the expected lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.forks import forked

EXAMPLES = Path(__file__).parent.parent / "examples"
SAID = {
    "batch_loss_history": ["45 train and 6 validation batches", "History is right: True"],
    "batch_metrics": ["precision of the first batches:", "and as Keras logs it:"],
    "batch_predictions": ["The last predictions are closer than the first: True"],
    "average_loss_in_a_loop": ["All three are right: True"],
    "tensorboard_in_a_loop": ["written to "],
    "callbacks_in_a_loop": ["The rate was lowered: True", "History is right: True"],
}

WITHOUT_A_WARNING = """
import runpy, sys, warnings
warnings.simplefilter("error", UserWarning)
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_every_example_is_run():
    assert sorted(path.stem for path in EXAMPLES.glob("*.py")) == sorted(SAID)


@pytest.mark.slow
@pytest.mark.parametrize("name", SAID)
def test_an_example_runs_without_a_warning_and_says_what_it_should(name, tmp_path):
    run = forked(WITHOUT_A_WARNING, EXAMPLES / f"{name}.py", tmp_path)
    assert run.returncode == 0, run.stderr[-3000:]
    for line in SAID[name]:
        assert line in run.stdout
