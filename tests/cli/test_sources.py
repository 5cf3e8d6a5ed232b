"""`lossaudit audit` on the files that real trainings leave behind.

Also tests of the options of that command and of its exit status: they share the training.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import lossaudit
from lossaudit import Recorder, Recording, Series
from lossaudit.cli.commands import main
from tests.forks import forked
from tests.terminals import on_a_terminal

pytestmark = pytest.mark.slow

SCRIPT = """
import json
import keras
import numpy as np
from lossaudit.keras import LossRecorder

keras.utils.set_random_seed(0)
x = np.random.default_rng(0).normal(size=(70, 4)).astype("float32")
y = x.sum(1, keepdims=True)
hidden = keras.layers.Dense(3, activation="tanh")
model = keras.Sequential([keras.Input((4,)), hidden, keras.layers.Dense(1)])
model.compile("sgd", "mse", metrics=["mae"])
recorder = LossRecorder("run.lossaudit")
board = keras.callbacks.TensorBoard("logs", write_graph=False)
logger, plateau = keras.callbacks.CSVLogger("train.csv"), keras.callbacks.ReduceLROnPlateau()
fit = {"batch_size": 16, "epochs": 4, "verbose": 0}
callbacks = [logger, board, plateau, recorder]
history = model.fit(x[:50], y[:50], validation_data=(x[50:], y[50:]), callbacks=callbacks, **fit)
model.evaluate(x[50:], y[50:], batch_size=16, verbose=0, callbacks=[board, recorder])
with open("history.json", "w") as file:
    json.dump({key: list(map(float, values)) for key, values in history.history.items()}, file)
each_batch = keras.callbacks.TensorBoard("every", update_freq="batch", write_graph=False)
model.fit(x[:50], y[:50], callbacks=[each_batch, LossRecorder("every.lossaudit")], **fit)
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A folder in which a training was logged by Keras' own callbacks, and its true losses were
    recorded.
    """
    folder = tmp_path_factory.mktemp("trained")
    forked(f"import os; os.chdir({str(folder)!r})\n{SCRIPT}").check_returncode()
    return folder


@pytest.fixture(autouse=True)
def at_home(trained, monkeypatch):
    monkeypatch.chdir(trained)


def audited(capsys, *arguments: object) -> tuple[int, dict[str, object]]:
    """Exit status and report of `lossaudit audit --format json`."""
    status = main(["audit", "--format", "json", *map(str, arguments)])
    return status, json.loads(capsys.readouterr().out)


def by_origin(report) -> dict[str, tuple[str, str | None]]:
    return {one["origin"]: (one["verdict"], one["quantity"]) for one in report["verdicts"]}


def recorder() -> Recorder:
    found = Recorder()
    for loss, rows in [(1.0, 4), (2.0, 4), (9.0, 2)]:
        found.batch(loss, weight=rows)
    return found


# Truth


def test_everything_that_keras_logged_is_right_by_the_run_file(capsys):
    status, report = audited(
        capsys, "--truth", "run.lossaudit", "logs", "history.json", "train.csv"
    )
    right = ("exact", "epoch_mean")
    assert status == 0
    assert by_origin(report) == {
        "logs/train: epoch_loss": right,
        "logs/validation: epoch_loss": right,
        "logs/validation: evaluation_loss_vs_iterations": right,
        "logs/validation: evaluation_loss_vs_iterations (evaluate)": right,
        "history.json: loss": right,
        "history.json: val_loss": right,
        "train.csv: loss": right,
        "train.csv: val_loss": right,
    }
    assert report["findings"] == []


def test_the_number_of_evaluate_is_judged_by_what_evaluate_recorded_and_not_as_an_epoch(capsys):
    _, report = audited(capsys, "--truth", "run.lossaudit", "logs")
    points = {one["origin"]: (one["split"], one["points"]) for one in report["verdicts"]}
    assert points["logs/validation: evaluation_loss_vs_iterations"] == ("validation", 4)
    assert points["logs/validation: evaluation_loss_vs_iterations (evaluate)"] == ("test", 1)


def test_metrics_are_listed_once_in_one_line_and_have_no_findings(capsys):
    assert main(["audit", "--truth", "run.lossaudit", "train.csv", "history.json"]) == 0
    printed = capsys.readouterr().out
    assert (
        "not audited: train.csv: mae, val_mae; history.json: mae, val_mae, learning_rate "
        "(skipped: not named like a recorded loss, and no known quantity matches)\n" in printed
    )
    assert "LA401" not in printed


def test_the_batch_losses_that_tensorboard_shows_are_found_to_be_running_means(capsys):
    status, report = audited(capsys, "--truth", "every.lossaudit", "every")
    assert status == 1
    assert by_origin(report)["every/train: batch_loss"] == ("wrong", "running_mean")
    assert "running-mean-read-as-batch-loss" in [
        finding["cause"] for finding in report["findings"]
    ]


def test_a_split_that_was_not_recorded_stays_undecidable(capsys):
    status, report = audited(
        capsys, "--truth", "every.lossaudit", "train.csv", "--select", "LA401"
    )
    assert status == 2
    assert [finding["origin"] for finding in report["findings"]] == ["train.csv: val_loss"]


def test_a_tampered_log_is_named_by_file_and_epoch(capsys, tmp_path):
    lines = Path("train.csv").read_text().splitlines()
    third = lines[3].split(",")
    lines[3] = ",".join([third[0], "0.5", *third[2:]])
    (tmp_path / "train.csv").write_text("\n".join(lines) + "\n")
    status, report = audited(
        capsys, "--truth", "run.lossaudit", tmp_path / "train.csv", "train.csv"
    )
    assert status == 1
    assert report["findings"][0]["origin"] == f"{tmp_path / 'train.csv'}: loss"
    assert by_origin(report)["train.csv: loss"] == ("exact", "epoch_mean")


def test_the_command_of_the_readme_runs():
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    (line,) = [line for line in readme.splitlines() if line.startswith("lossaudit audit ")]
    program = [sys.executable, "-m", "lossaudit.cli", *line.split()[1:]]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "8 right, 0 wrong, 0 undecided" in done.stdout


# No truth


def test_logs_by_themselves_prove_a_running_mean_and_say_what_they_cannot(capsys):
    status, report = audited(capsys, "every")
    assert status == 1
    assert [finding["code"] for finding in report["findings"]] == ["LA501", "LA514"]
    assert set(report["not_audited"]) >= {"every/train: batch_mae", "every/train: epoch_mae"}
    assert audited(capsys, "train.csv")[0] == 2


def test_several_logs_of_one_training_check_one_another_and_say_so_once(capsys, tmp_path):
    means = lossaudit.read("every").find(tag="loss", split="train", covers="batch").values
    values = {"epoch_loss": means[3::4].tolist(), "epoch_val_loss": [1.0] * 4}
    (tmp_path / "history.json").write_text(json.dumps(values))
    _, report = audited(capsys, "every", tmp_path / "history.json")
    assert [finding["code"] for finding in report["findings"]].count("LA501") == 1


def test_what_a_loop_reported_is_judged_by_the_batches_in_the_same_file(capsys, tmp_path):
    found = recorder()
    found.end_epoch(loss=4.0)
    found.recording.save(tmp_path / "loop.lossaudit")
    status, report = audited(capsys, tmp_path / "loop.lossaudit")
    assert (status, report["findings"][0]["cause"]) == (1, "short-last-batch-counted-as-full")
    assert by_origin(report) == {
        f"{tmp_path / 'loop.lossaudit'}: reported loss": ("wrong", "mean_of_batch_means")
    }
    status, report = audited(
        capsys, "--truth", tmp_path / "loop.lossaudit", tmp_path / "loop.lossaudit"
    )
    assert len(report["verdicts"]) == 1


def test_true_losses_alone_are_nothing_to_audit_and_the_way_out_is_said(capsys):
    assert main(["audit", "run.lossaudit"]) == 2
    printed = capsys.readouterr().out
    assert "run.lossaudit has only the true losses, no logged ones" in printed
    assert "pass it with --truth" in printed
    assert "nothing to audit" in printed


def test_a_log_that_was_saved_as_a_run_file_does_not_become_the_truth(capsys, tmp_path):
    lossaudit.read("every").save(tmp_path / "log.lossaudit")
    status, report = audited(capsys, tmp_path / "log.lossaudit")
    assert (status, report["findings"][0]["code"]) == (1, "LA501")


# Options


def test_notes_of_the_readers_are_printed_and_fail_nothing(capsys, tmp_path):
    recorder().recording.save(tmp_path / "run.lossaudit")
    log = tmp_path / "log.csv"
    log.write_text("it,loss\n0,1.0\n1,2.0\n2,9.0")
    status, report = audited(capsys, "--truth", tmp_path / "run.lossaudit", log)
    notes = report["metadata"]["sources"][0]["notes"]
    assert status == 0
    assert any("the last line has no line end" in note for note in notes)
    assert report["explanations"] == [f"{log}: {note}" for note in notes]


def test_json_says_what_was_read_and_by_which_truth(capsys):
    _, report = audited(capsys, "--truth", "run.lossaudit", "logs", "train.csv")
    sources = report["metadata"]["sources"]
    assert [(one["path"], one["format"]) for one in sources] == [
        ("logs", "tensorboard"),
        ("train.csv", "keras-csvlogger"),
    ]
    assert report["metadata"]["truth"]["path"] == "run.lossaudit"
    assert report["metadata"]["truth"]["backend"] == "tensorflow"


def test_select_and_ignore_choose_rules(capsys):
    every = ["--truth", "every.lossaudit", "every"]
    codes = {finding["code"] for finding in audited(capsys, *every)[1]["findings"]}
    assert "LA102" in codes
    assert "LA102" not in {
        one["code"] for one in audited(capsys, "--ignore", "LA102", *every)[1]["findings"]
    }
    assert {
        one["code"] for one in audited(capsys, "--select", "LA102", *every)[1]["findings"]
    } == {"LA102"}


def test_covers_overrules_what_was_guessed(capsys, tmp_path):
    recorder().recording.save(tmp_path / "run.lossaudit")
    (tmp_path / "log.csv").write_text("it,loss\n0,1.0\n1,1.5\n2,3.0\n")
    arguments = ["--truth", tmp_path / "run.lossaudit", tmp_path / "log.csv"]
    assert audited(capsys, *arguments)[0] == 1
    status, report = audited(capsys, *arguments, "--covers", "epoch_so_far")
    assert (status, report["verdicts"][0]["quantity"]) == (0, "running_mean")


def test_one_run_of_a_folder_of_runs_is_picked_by_name(capsys):
    assert main(["audit", "."]) == 2
    assert "has the runs 'every', 'logs'" in capsys.readouterr().err
    status, report = audited(capsys, ".", "--run", "logs", "--truth", "run.lossaudit")
    assert status == 0
    assert "./logs/train: epoch_loss" in by_origin(report)


def test_a_report_goes_to_a_file_that_can_be_written(capsys, tmp_path):
    arguments = ["audit", "--truth", "run.lossaudit", "train.csv", "-o"]
    assert main([*arguments, str(tmp_path / "report.txt")]) == 0
    assert capsys.readouterr().out == ""
    assert "2 right, 0 wrong" in (tmp_path / "report.txt").read_text("utf-8")
    assert main([*arguments, str(tmp_path / "nowhere" / "report.txt")]) == 2
    assert "No such file" in capsys.readouterr().err


# Exit status


@pytest.fixture
def suspect(tmp_path) -> Path:
    """A log of which something is suspect and nothing wrong."""
    steps = np.sort(np.random.default_rng(0).choice(3000, 1000, replace=False))
    values = np.random.default_rng(1).lognormal(size=1000)
    path = tmp_path / "suspect.lossaudit"
    Recording([Series(values, steps=steps)], metadata={"format": "a log"}).save(path)
    return path


@pytest.mark.parametrize(
    ("fail_on", "wrong", "undecidable", "suspicion"), [("error", 1, 2, 0), ("warning", 1, 2, 1)]
)
def test_fail_on_says_which_findings_give_1(
    capsys, suspect, fail_on, wrong, undecidable, suspicion
):
    assert audited(capsys, "--fail-on", fail_on, "every")[0] == wrong
    assert audited(capsys, "--fail-on", fail_on, "train.csv")[0] == undecidable
    status, report = audited(capsys, "--fail-on", fail_on, suspect)
    assert {one["verdict"] for one in report["findings"]} == {"suspect"}
    assert status == suspicion
    assert audited(capsys, "--fail-on", fail_on, "--truth", "run.lossaudit", "train.csv")[0] == 0


def test_fail_on_never_lets_pass_whatever_was_audited_and_nothing_else(capsys):
    assert audited(capsys, "--fail-on", "never", "every")[0] == 0
    assert audited(capsys, "--fail-on", "never", "train.csv")[0] == 0
    assert audited(capsys, "--fail-on", "never", "run.lossaudit")[0] == 2
    assert main(["audit", "--fail-on", "never", "nowhere.csv"]) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.csv"], "path='nowhere.csv' does not exist"),
        (["train.py"], "train.py"),
        (["--truth", "nowhere.lossaudit", "train.csv"], "path='nowhere.lossaudit' does not exist"),
        (["--truth", "train.csv", "history.json"], "truth='train.csv' has no batch losses"),
    ],
)
def test_what_cannot_be_read_is_said_on_standard_error_without_a_traceback(
    capsys, arguments, said
):
    assert main(["audit", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("lossaudit audit: ")
    assert said in printed.err
    assert "Traceback" not in printed.err


def test_a_command_without_a_path_is_bad_usage(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["audit"])
    assert stopped.value.code == 2
    assert "PATH" in capsys.readouterr().err


# Size


def test_a_terminal_shows_progress_and_a_pipe_does_not():
    program = [
        sys.executable,
        "-m",
        "lossaudit.cli",
        "audit",
        "--truth",
        "run.lossaudit",
        "train.csv",
    ]
    status, shown = on_a_terminal(program)
    assert status == 0
    assert "Reading" in shown
    assert "Judging" in shown
    assert subprocess.run(program, capture_output=True, check=True).stderr == b""


def test_a_million_numbers_take_seconds(capsys, tmp_path):
    values = np.random.default_rng(0).lognormal(size=1_000_000).astype(np.float32)
    lines = "\n".join(map(repr, values.astype(float).tolist()))
    (tmp_path / "log.csv").write_text(f"batch_loss\n{lines}\n")
    Recording([Series(values, epochs=np.arange(len(values)) // 1000)]).save(
        tmp_path / "run.lossaudit"
    )
    started = time.perf_counter()
    assert audited(capsys, "--truth", tmp_path / "run.lossaudit", tmp_path / "log.csv")[0] == 0
    assert (
        time.perf_counter() - started < 30
    )  # 2 s were seen; whatever is done number by number takes minutes
