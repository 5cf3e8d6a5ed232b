"""The public contract: the names, arguments, results and exit statuses that other programs use.

No test of this file relies on a plain `assert`, and one test runs the file under `python -OO`:
lossaudit must work without docstrings and asserts.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import math
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lossaudit
from lossaudit import KerasMean, Recorder, Recording, Series, SumCount, WeightedMean
from lossaudit.cli import main
from lossaudit.testing import assert_faithful, conformance, run_checks

ROOT = Path(__file__).parent.parent
LOSSES, ROWS = [1.0, 2.0, 9.0], [4, 4, 2]
TRUTH = Recording([Series(LOSSES, weights=ROWS, epochs=[0, 0, 0], steps=[0, 1, 2])])

PUBLIC = {
    "lossaudit": [
        *("ExactSum", "SumCount", "WeightedMean", "KerasMean"),
        *("Series", "Recording", "Recorder", "read"),
        *("audit", "diagnose", "Report", "Finding", "Diagnosis", "Verdict", "Rule"),
        *("LossauditError", "EmptyError", "AuditError", "StateError", "LogFileError"),
    ],
    "lossaudit.testing": [
        *("assert_faithful", "conformance", "parametrize_with_checks"),
        *("run_checks", "checks_of", "Subject"),
    ],
    "lossaudit.logs": ["recovered"],
    "lossaudit.pytest_plugin": ["loss_audit"],
    "lossaudit.cli": ["main"],
}
OF_KERAS = ["RecordingMean", "LossRecorder", "LossAudit", "fit_loop", "explain_gap", "Summaries"]
FINDING = ["code", "severity", "verdict", "tag", "split", "epoch", "step", "observed", "expected"]
FINDING += ["bound", "cause", "causes", "message", "remedy", "file", "line"]
SERIES = ["tag", "split", "covers", "weights", "epochs", "steps", "dtype", "decimals", "origin"]


def same(left, right):
    """Raise an AssertionError unless both are equal; Python never removes this check."""
    if left != right:
        raise AssertionError(f"{left!r} is not {right!r}")


def holds(condition, text=""):
    """Raise an AssertionError unless the condition is true."""
    if not condition:
        raise AssertionError(text or f"{condition!r} is false")


# --- Names


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_name_is_importable_from_its_place(module):
    found = importlib.import_module(module)
    same([name for name in PUBLIC[module] if not hasattr(found, name)], [])


def test_the_names_that_lossaudit_lists_are_importable():
    same([name for name in lossaudit.__all__ if not hasattr(lossaudit, name)], [])


# --- Accumulators


@pytest.mark.parametrize(
    ("kind", "result"),
    [
        (lossaudit.ExactSum, 30.0),
        (SumCount, 4.0),
        (WeightedMean, 3.0),
        (KerasMean, 3.0),
    ],
)
def test_an_accumulator_updates_resets_merges_and_saves(kind, result):
    whole, first, second = kind(), kind(), kind()
    for number, (loss, rows) in enumerate(zip(LOSSES, ROWS, strict=True)):
        whole.update_state(loss, sample_weight=rows)
        (second if number else first).update_state(loss, rows)
    same(whole.result(), result)
    first.merge_state(second)
    same(first.result(), result)
    same(kind.from_json(whole.to_json()).result(), result)
    whole.reset_state()
    with pytest.raises(lossaudit.EmptyError):
        whole.result()


def test_keras_mean_takes_a_float_type_and_fused_additions():
    mean = KerasMean(dtype="float64", fused=True)
    mean.update_state(0.1)
    same(mean.result(), 0.1)


def test_values_that_are_not_finite_give_what_ieee_says():
    mean = WeightedMean()
    mean.update_state([1.0, math.nan])
    holds(math.isnan(mean.result()))


# --- Series, recordings, recorders


def test_a_series_has_the_attributes_of_its_arguments():
    arguments = list(inspect.signature(Series).parameters)
    same(arguments, ["values", *SERIES])
    series = Series(LOSSES)
    defaults = [series.tag, series.split, series.covers, series.dtype]
    same(defaults, ["loss", "train", "batch", "float32"])
    optional = [series.weights, series.epochs, series.steps, series.decimals, series.origin]
    same(optional, [None] * 5)
    same(series.values.tolist(), LOSSES)


def test_a_recording_finds_saves_and_reads(tmp_path):
    TRUTH.save(tmp_path / "run.lossaudit")
    for one in (TRUTH, lossaudit.read(tmp_path / "run.lossaudit")):
        found = one.find(tag="loss", split="train", covers="batch")
        same([found.values.tolist(), found.weights.tolist()], [LOSSES, ROWS])
    same(len(TRUTH.to_pandas()), 3)


def recorded(**reported):
    recorder = Recorder()
    for loss, rows in zip(LOSSES, ROWS, strict=True):
        recorder.batch(loss, weight=rows)
    recorder.end_epoch(**reported)
    return recorder.recording


def test_a_recorder_takes_batches_splits_tags_and_components():
    recorder = Recorder()
    recorder.batch(3.0, weight=4, split="validation", penalty=1.0)
    recorder.end_epoch(val_loss=3.0)
    recording = recorder.recording
    same(recording.find(split="validation", covers="epoch").values.tolist(), [3.0])
    same(recording.find(tag="penalty", split="validation").values.tolist(), [1.0])


# --- Audit and diagnosis


def test_the_loop_of_the_readme_is_named(tmp_path):
    recording = recorded(loss=sum(LOSSES) / len(LOSSES))
    report = lossaudit.audit(recording, recording)
    same(report.ok, False)
    (finding,) = report.findings
    same([name for name in FINDING if not hasattr(finding, name)], [])
    same((finding.code, finding.cause), ("LA101", "short-last-batch-counted-as-full"))
    same((finding.observed, finding.expected, finding.epoch), (4.0, 3.0, 0))
    same((finding.tag, finding.split, str(finding.verdict)), ("loss", "train", "wrong"))
    holds(0 < finding.bound < 1e-4 and finding.remedy and finding.message)
    holds(finding.message in str(report) and finding.code in str(report))
    same([str(one.verdict) for one in report.verdicts], ["exact", "wrong"])
    content = json.loads(report.to_json())
    same((content["ok"], content["findings"][0]["cause"]), (False, finding.cause))
    holds({"schema", "verdicts"} <= content.keys())
    report.to_html(tmp_path / "report.html")
    holds(finding.cause in (tmp_path / "report.html").read_text("utf-8"))
    with pytest.raises(lossaudit.AuditError, match="LA101"):
        report.raise_for_findings()
    same(pickle.loads(pickle.dumps(finding)), finding)


@pytest.mark.parametrize(
    "claims",
    [
        Series(LOSSES),
        Recording([Series([3.0], covers="epoch")]),
        {"batch_losses": LOSSES, "epoch_loss": [3.0]},
    ],
)
def test_right_claims_of_every_form_are_ok(claims):
    report = lossaudit.audit(TRUTH, claims)
    holds(report.ok, str(report))
    report.raise_for_findings()


def test_the_list_of_the_readme_is_a_running_mean():
    report = lossaudit.audit(TRUTH, Series([1.0, 1.5, 3.0], origin="BatchLossHistory.losses"))
    same([one.cause for one in report.findings], ["running-mean-read-as-batch-loss"])
    same((report.findings[0].code, report.findings[0].step), ("LA102", 1))


@pytest.mark.parametrize("claims", [{}, Recording([]), {"accuracy": [0.5]}])
def test_nothing_to_audit_is_never_ok(claims):
    same(lossaudit.audit(TRUTH, claims).ok, False)


@pytest.mark.parametrize(
    ("values", "quantity", "cause"),
    [
        ([1.0, 1.5, 3.0], "running_mean", "running-mean-read-as-batch-loss"),
        ([1.0, 1.5, 4.0], "unweighted_running_mean", "unweighted-running-mean-read-as-batch-loss"),
        ([4.0], "mean_of_batch_means", "short-last-batch-counted-as-full"),
    ],
)
def test_a_diagnosis_names_quantity_and_cause(values, quantity, cause):
    diagnosis = lossaudit.diagnose(TRUTH, values, split="train")
    same(diagnosis.quantity, quantity)
    holds(cause in diagnosis.causes, str(diagnosis))
    holds(str(diagnosis.verdict) in ("exact", "consistent"))
    holds(quantity in str(diagnosis))


def test_numbers_that_match_nothing_have_no_quantity():
    diagnosis = lossaudit.diagnose(TRUTH, [17.3, 0.2, 5.1])
    same((diagnosis.quantity, str(diagnosis.verdict)), (None, "wrong"))


def test_batch_losses_are_recovered_from_running_means():
    from lossaudit.logs import recovered

    recovery = recovered(Series([1.0, 1.5, 3.0], weights=ROWS), batches=3)
    same(np.round(recovery.series.values, 5).tolist(), LOSSES)
    holds(recovery.rows_known and recovery.errors.max() < 1e-4)


# --- Testing


def test_assert_faithful_returns_the_report_or_raises_an_assertion_error():
    holds(assert_faithful(LOSSES, TRUTH, covers="batch").ok)
    with pytest.raises(AssertionError, match="LA102"):
        assert_faithful([1.0, 1.5, 3.0], TRUTH, covers="batch")


def test_conformance_makes_a_class_of_tests_that_can_fail():
    suite = conformance(WeightedMean, kind="accumulator", xfail={"does_not_drift": "as a test"})
    tests = [name for name in vars(suite) if name.startswith("test_")]
    holds("test_forgets_on_reset" in tests, str(tests))
    suite().test_forgets_on_reset()
    with pytest.raises(AssertionError, match="short-last-batch-counted-as-full"):
        conformance(SumCount, kind="accumulator")().test_holds_the_reference_value()


def test_run_checks_gives_a_report_with_causes():
    report = run_checks(SumCount, kind="accumulator", select=["LA101", "LA111"], seed=0)
    same([str(one.verdict) for one in report.verdicts], ["wrong", "consistent"])
    same([one.cause for one in report.findings], ["short-last-batch-counted-as-full"])


# --- The command line


@pytest.mark.parametrize(("reported", "status"), [(3.0, 0), (4.0, 1)])
def test_the_exit_status_is_0_without_findings_and_1_with(reported, status, tmp_path, capsys):
    recorded(loss=reported).save(tmp_path / "run.lossaudit")
    same(main(["audit", "--format", "json", str(tmp_path / "run.lossaudit")]), status)
    same(json.loads(capsys.readouterr().out)["ok"], status == 0)


@pytest.mark.parametrize("arguments", [["audit", "missing.csv"], ["rule", "LA999"]])
def test_the_exit_status_is_2_if_nothing_can_be_judged(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    same(main(arguments), 2)
    holds(capsys.readouterr().err)


def test_bad_usage_exits_with_2(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["audit", "--format", "parchment"])
    same(stop.value.code, 2)


def test_rule_explains_a_code(capsys):
    same(main(["rule", "LA101"]), 0)
    holds("LA101" in capsys.readouterr().out)


# --- Keras


def test_one_small_fit_is_recorded_audited_and_equal_to_the_loop():
    keras = pytest.importorskip("keras")
    import lossaudit.keras as of_keras

    same([name for name in OF_KERAS if not hasattr(of_keras, name)], [])
    x, y = np.ones((10, 1), np.float32), np.arange(10, dtype=np.float32)[:, None]

    def model():
        dense = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
        made = keras.Sequential([keras.Input((1,)), dense])
        made.compile("sgd", "mae")
        return made

    recorder, judge = of_keras.LossRecorder(), of_keras.LossAudit(on_violation="ignore")
    batches = [(x[at : at + 4], y[at : at + 4]) for at in (0, 4, 8)]
    arguments = {"epochs": 2, "shuffle": False, "batch_size": 4, "verbose": 0}
    history = model().fit(x, y, callbacks=[judge, recorder], **arguments)
    holds(judge.report.ok, str(judge.report))
    same(recorder.recording.find(split="train").weights.tolist(), [4, 4, 2] * 2)
    holds(lossaudit.audit(recorder.recording, history.history).ok)
    again = of_keras.fit_loop(model(), batches, epochs=2)
    holds(np.allclose(again.history["loss"], history.history["loss"]))


# --- Without docstrings and asserts


@pytest.mark.slow
def test_the_contract_holds_under_python_oo():
    command = [sys.executable, "-OO", "-m", "pytest", "tests/test_contract.py", "-m", "not slow"]
    command += ["-q", "-p", "no:cacheprovider"]
    # Warnings are errors here. Pytest warns that Python removes asserts, and that it cannot
    # rewrite its module `pytester`, whose docstring with the mark that forbids it is gone.
    command += ["-W", "ignore:assertions not in test modules:pytest.PytestConfigWarning"]
    command += ["-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"]
    if importlib.util.find_spec("xdist"):
        command += ["-n", "0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    holds(done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:])
