"""The command as a user runs it, in a process of its own; what is no matter of a process, by its
function.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import lossaudit
from lossaudit.cli.commands import main
from lossaudit.rules.catalogue import RULES
from tests.overhead.test_costs import overhead as measured
from tests.terminals import on_a_terminal

SCRIPT = """
import os
os.environ["KERAS_BACKEND"] = "tensorflow"
import sys
import numpy as np
import tensorflow as tf
from beside import EPOCHS

class BatchLossHistory(tf.keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.losses = []

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(logs["loss"])

x = np.random.default_rng(0).normal(size=(50, 4)).astype("float32")
model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
model.compile("sgd", "mse")
callbacks = [BatchLossHistory()] if "wrong" in sys.argv else []
model.fit(x, x.sum(1, keepdims=True), batch_size=8, epochs=EPOCHS, verbose=0, callbacks=callbacks)
print("the script's own output", sys.argv[1:])
if "fail" in sys.argv:
    raise RuntimeError("the script's own error")
if "exit" in sys.argv:
    sys.exit(3)
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    (tmp_path / "beside.py").write_text("EPOCHS = 2")
    path = tmp_path / "train.py"
    path.write_text(SCRIPT)
    return path


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "lossaudit.cli", *map(str, arguments)]
    return subprocess.run(program, capture_output=True, text=True, check=False)


def test_a_script_with_a_wrong_list_is_told_so_and_keeps_its_own_output(script):
    done = command("run", script, "wrong", "--epochs=9")
    assert done.returncode == 1
    assert done.stdout == "the script's own output ['wrong', '--epochs=9']\n"
    assert "LA102 running-mean-read-as-batch-loss" in done.stderr
    assert "BatchLossHistory.losses (train loss), epoch 0, batch 1 (step 1): logged" in done.stderr
    assert "weighted by rows" in done.stderr
    assert "LossRecorder()" in done.stderr


def test_a_script_without_findings_exits_0_and_json_goes_to_a_file(script, tmp_path):
    assert main(["run", "--format", "json", "-o", str(tmp_path / "report.json"), str(script)]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["ok"]
    assert [one["origin"] for one in report["verdicts"]] == ["History.history['loss']"]


def test_a_script_that_fails_exits_2_with_its_own_traceback_and_what_was_audited(script):
    done = command("run", script, "wrong", "fail")
    assert done.returncode == 2
    assert "LA102" in done.stderr
    assert 'train.py", line' in done.stderr
    assert "RuntimeError: the script's own error" in done.stderr
    assert "runpy" not in done.stderr


def test_a_script_that_exits_with_a_status_of_its_own_exits_2_and_what_was_audited_is_said(
    script, capsys
):
    assert main(["run", str(script), "wrong", "exit"]) == 2
    assert "LA102" in capsys.readouterr().err


def test_a_script_that_trains_nothing_cannot_be_judged(tmp_path, capsys):
    (tmp_path / "idle.py").write_text("print('hello')")
    assert main(["run", str(tmp_path / "idle.py")]) == 2
    printed = capsys.readouterr()
    assert printed.out == "hello\n"
    assert "nothing to audit" in printed.err


def test_select_and_ignore_choose_rules(script):
    assert main(["run", str(script), "wrong"]) == 1
    assert main(["run", "--ignore", "LA102", str(script), "wrong"]) == 0
    assert main(["run", "--select", "LA3,LA4", str(script), "wrong"]) == 0


def test_a_script_that_is_not_there_is_named(capsys):
    assert main(["run", "nowhere.py"]) == 2
    assert "SCRIPT='nowhere.py' is not a file" in capsys.readouterr().err


def test_a_code_that_no_rule_has_is_refused(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["run", "--select", "LA9", "script.py"])
    assert stopped.value.code == 2
    assert "no rule begins with 'LA9'" in capsys.readouterr().err


@pytest.mark.parametrize("code", RULES)
def test_every_rule_is_explained(code, capsys):
    assert main(["rule", code]) == 0
    printed = capsys.readouterr().out
    assert RULES[code].expects in printed
    assert RULES[code].why in printed


def test_all_rules_are_listed_also_as_json(capsys):
    assert main(["rule"]) == 0
    listed = capsys.readouterr().out
    assert all(code in listed for code in RULES)
    assert main(["rule", "--format", "json"]) == 0
    assert [rule["code"] for rule in json.loads(capsys.readouterr().out)] == list(RULES)


def test_an_unknown_rule_names_the_known_ones(capsys):
    assert main(["rule", "LA999"]) == 2
    assert "CODE='LA999' is not a rule; there are LA101" in capsys.readouterr().err


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"lossaudit {lossaudit.__version__}\n"


PROGRESS = "Training, and auditing what was logged"


@pytest.mark.slow
def test_the_demo_names_every_planted_mistake_calls_every_correction_right_and_shows_no_progress_in_a_pipe(
    tmp_path,
):
    folder = tmp_path / "demo"
    done = command("demo", "--format", "json", "--out", folder)
    assert done.returncode == 0, done.stderr
    assert PROGRESS not in done.stderr
    examples = json.loads(done.stdout)
    assert all(example["as_planted"] for example in examples)
    assert sum(example["planted"] is not None for example in examples) == 8
    for example in examples:
        causes = [finding["cause"] for finding in example["report"]["findings"]]
        verdict = example["report"]["verdicts"][0]["verdict"]
        assert (
            (causes, verdict) == ([example["planted"]], "wrong")
            if example["planted"]
            else verdict in ("exact", "consistent")
        )
    for name in ("fit", "loop"):
        assert len(lossaudit.read(folder / f"{name}.lossaudit").find(split="train")) == 33
    assert json.loads((folder / "reports.json").read_text()) == examples


def test_the_demo_prints_truth_log_verdict_and_cause_side_by_side_in_80_columns(capsys):
    assert main(["demo"]) == 0
    printed = capsys.readouterr().out
    table = [line for line in printed.splitlines() if line.startswith(("│", "┃"))]
    assert all(len(line) <= 80 for line in table)
    assert table[0].replace("┃", " ").split()[-3:] == ["truth", "log", "verdict"]
    assert "8 of 8 planted mistakes named, 6 of 6 corrections called correct" in printed


@pytest.mark.slow
def test_the_demo_shows_its_progress_on_a_terminal():
    status, shown = on_a_terminal(
        [sys.executable, "-m", "lossaudit.cli", "demo", "--format", "json"]
    )
    assert status == 0
    assert PROGRESS in shown


OWN = """
import time
import keras
import numpy as np

class Slow(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        time.sleep(0.01)

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
def test_bench_tells_a_callback_that_is_over_its_budget_and_writes_json_to_a_standard_output_of_its_own(
    own,
):
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
    assert slow["hooks"]["median"] >= 0.01
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


@pytest.mark.parametrize("budget", ["nan", "-1", "0", "inf", "much"])
def test_a_budget_that_is_none_is_refused(budget, capsys):
    with pytest.raises(SystemExit) as leaving:
        main(["bench", f"--budget={budget}"])
    assert leaving.value.code == 2
    assert "argument --budget: " in capsys.readouterr().err
