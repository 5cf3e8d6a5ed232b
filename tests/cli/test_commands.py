"""The command as a user runs it, in a process of its own; what is no matter of a process, by its
function.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import lossaudit
from lossaudit.cli.commands import main
from lossaudit.rules.catalogue import RULES
from tests.cli.processes import command

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


@pytest.mark.slow
def test_a_script_with_a_wrong_list_is_told_so_and_keeps_its_own_output(script):
    done = command("run", script, "wrong", "--epochs=9")
    assert done.returncode == 1
    assert done.stdout == "the script's own output ['wrong', '--epochs=9']\n"
    assert "LA102 running-mean-read-as-batch-loss" in done.stderr
    assert "BatchLossHistory.losses (train loss), epoch 0, batch 1 (step 1): logged" in done.stderr
    assert "weighted by rows" in done.stderr
    assert "LossRecorder()" in done.stderr


@pytest.mark.slow
def test_a_script_without_findings_exits_0_and_json_goes_to_a_file(script, tmp_path):
    assert main(["run", "--format", "json", "-o", str(tmp_path / "report.json"), str(script)]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["ok"]
    assert [one["origin"] for one in report["verdicts"]] == ["History.history['loss']"]


@pytest.mark.slow
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


@pytest.mark.slow
def test_select_and_ignore_choose_rules(script):
    assert main(["run", str(script), "wrong"]) == 1
    assert main(["run", "--ignore", "LA102", str(script), "wrong"]) == 0
    assert main(["run", "--select", "LA3,LA4", str(script), "wrong"]) == 0


def test_a_script_that_is_not_there_is_named(capsys):
    assert main(["run", "nowhere.py"]) == 2
    assert "SCRIPT='nowhere.py' is not a file" in capsys.readouterr().err


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


def test_a_reader_that_leaves_early_is_no_finding_and_no_traceback():
    for words in ("rule", "rule LA101"):
        program = f"{sys.executable} -m lossaudit.cli {words} | true; exit ${{PIPESTATUS[0]}}"
        done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=False)
        assert done.stderr == ""
        assert done.returncode in (0, 2)
