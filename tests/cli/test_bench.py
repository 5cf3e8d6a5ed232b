"""`lossaudit bench`: what callbacks cost, with callbacks and models of one's own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lossaudit.cli.commands import main
from tests.cli.processes import command
from tests.overhead.measured import overhead as measured

OWN = """
import time
import keras
import numpy as np

class Slow(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        time.sleep(0.002)

class Talking(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        print("what a callback prints")

def training():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.zeros((512, 4), "float32")
    return model, (x, x[:, :1])

def needing(argument):
    pass

def nothing():
    pass

def leaving():
    raise SystemExit(1)

NOTHING = 3
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "broken.py").write_text("raise RuntimeError('broken')")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_bench_tells_a_callback_over_its_budget_and_writes_json_to_an_output_of_its_own(own):
    names = ["own:Slow", "own:Talking"]
    done = command(
        "bench", "--budget=1.05", "--rounds=6", "--format=json", *names, "--model=own:training"
    )
    assert done.returncode in (1, 2), done.stderr  # 2 where the machine is too noisy even for this
    assert "what a callback prints" in done.stderr
    content = json.loads(done.stdout)
    assert content["status"] == done.returncode
    slow, talking = content["callbacks"]
    assert talking["name"] == "own:Talking"
    assert slow["name"] == "own:Slow"
    assert slow["judged"] == ("over" if done.returncode == 1 else "undecided")
    assert slow["hooks"]["median"] >= 0.002
    assert slow["ratio"] > 1.2


def test_bench_writes_a_file_and_nothing_to_standard_output(own, monkeypatch, capsys):
    from lossaudit.overhead import trial

    def compare(candidates, *_, **__):
        print("what a callback prints")
        return [replace(measured(0.99, 1.01), name=name) for name in candidates]

    monkeypatch.setattr(trial, "compare", compare)
    assert (
        main(["bench", "--budget=9", "-o", "costs.txt", "--model=own:training", "own:Talking"])
        == 0
    )
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "what a callback prints" in printed.err
    assert "own:Talking" in (own / "costs.txt").read_text("utf-8")


def test_bench_without_names_names_the_callbacks_of_lossaudit(monkeypatch, capsys):
    from lossaudit.overhead import trial

    def compare(candidates, model, *_, **__):
        setup = measured(1, 1).setup | {"steps_per_execution": model.steps_per_execution}
        return [replace(measured(0.99, 1.01), name=name, setup=setup) for name in candidates]

    monkeypatch.setattr(trial, "compare", compare)
    assert main(["bench", "--size=smallest", "--steps-per-execution=16"]) == 0
    printed = capsys.readouterr().out
    assert "LossRecorder" in printed
    assert "LossAudit" in printed
    assert "steps_per_execution=16" in printed


@pytest.mark.slow
@pytest.mark.nightly
def test_bench_without_names_measures_the_callbacks_of_lossaudit():
    done = command("bench", "--rounds=6", "--size=smallest", "--steps-per-execution=16")
    assert done.returncode in (0, 2), done.stderr
    assert "LossRecorder" in done.stdout
    assert "LossAudit" in done.stdout
    assert "steps_per_execution=16" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["nowhere:Mine"],
            "'nowhere:Mine' cannot be imported as MODULE:NAME: No module named 'nowhere'",
        ),
        (
            ["own:Mine"],
            "'own:Mine' cannot be imported as MODULE:NAME: module 'own' has no attribute 'Mine'",
        ),
        (["own:NOTHING"], "'own:NOTHING' is 3, but must be callable"),
        (["--rounds=2"], "rounds=2 must be at least 6"),
        (["keras.callbacks:ModelCheckpoint"], "nothing was measured: TypeError: "),
        (["broken:Mine"], "nothing was measured: RuntimeError: broken"),
        (["own:leaving"], "nothing was measured: SystemExit: 1"),
        (["own:Slow", "--model=own:nothing"], "--model=own:nothing gave None, not (model, data)"),
        (
            ["own:Slow", "--model=own:needing"],
            "nothing was measured: TypeError: needing() missing 1",
        ),
        (
            ["--model=own:training", "--size=small", "--jit-compile", "--steps-per-execution=1"],
            "--size, --jit-compile, --steps-per-execution cannot be given with --model",
        ),
        (["--steps-per-execution=0"], "--steps-per-execution=0 must be at least 1"),
    ],
)
def test_bench_refuses_what_it_cannot_measure_by_name(arguments, message, own, capsys):
    assert main(["bench", *arguments]) == 2
    assert message in capsys.readouterr().err
