"""Numbers that Keras itself gets wrong are recognised in versions with the defect only."""

from __future__ import annotations

import re

import keras
import pytest

from lossaudit import Recording, Series, audit
from lossaudit.keras import LossAudit, LossRecorder
from lossaudit.predictions.mistakes.mistake import of_stage
from lossaudit.testing.scenarios import SCENARIOS, frozen, trained
from tests.keras.versions import EXPECTED, found_in

INSTALLED = keras.__version__


ON_REPLICAS = [name for name in SCENARIOS if name.startswith("on_replicas")]


def played(name):
    recorder = LossAudit("ignore")
    logs = SCENARIOS[name](recorder)
    return logs, recorder.recording, recorder.report


@pytest.mark.slow
@pytest.mark.skipif(
    INSTALLED not in EXPECTED["plain_fit"], reason=f"nothing is known of Keras {INSTALLED}"
)
@pytest.mark.parametrize("name", [name for name in SCENARIOS if name not in ON_REPLICAS])
def test_a_scenario_gives_just_the_findings_of_the_installed_keras(name):
    assert found_in(name, LossAudit("ignore")) == EXPECTED[name][INSTALLED]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["raw_train_step", "evaluate_in_a_batch_hook", "metric_named_loss"]
)
def test_the_recorder_changes_nothing_of_what_keras_logs(name):
    assert SCENARIOS[name](LossAudit("ignore")) == SCENARIOS[name](None)


def test_a_finding_names_the_version_the_thread_and_the_way_out():
    (finding,) = played("raw_train_step")[2].findings
    assert finding.message == (
        "History.history['loss'] (train loss), epoch 0: logged 0.0, but its 3 batches average 3.0 "
        "weighted by rows "
        "(bound 1.5e-06, float32, 3 additions). The logged value is the mean of nothing: "
        "`train_step` returns a "
        "raw loss, which "
        "Keras replaces at the end of the epoch by the result of its own loss tracker, which "
        "nothing updated. "
        f"Your Keras {INSTALLED} does this (seen in Keras 3.1.1 to 3.15.1; "
        "keras-team/keras#19529)."
    )
    assert "_loss_tracker.update_state" in finding.remedy


def test_a_raw_loss_of_compute_loss_is_captured_with_its_rows():
    _, recording, _ = played("raw_train_step")
    losses = recording.find(tag="loss", split="train")
    assert losses.values.tolist() == [1.0, 2.0, 9.0] * 2
    assert losses.weights.tolist() == [4, 4, 2] * 2
    assert recording.metadata["bypassed"] == ["train"]


def test_zeros_without_any_truth_are_told_from_losses():
    _, recording, report = played("raw_train_step_with_its_own_loss")
    assert not recording.series
    (finding,) = report.findings
    assert (finding.code, finding.cause, str(finding.verdict)) == (
        "LA401",
        "untouched-tracker-shown-as-epoch",
        "undecidable",
    )


def test_a_metric_named_loss_does_not_replace_the_truth():
    logs, recording, _ = played("metric_named_loss")
    assert recording.find(tag="loss").values.tolist() == [1.0, 2.0, 9.0] * 2
    assert logs["loss"] != [3.0, 3.0]
    recorder = LossRecorder(metrics=True)
    trained(frozen(metrics=[keras.metrics.MeanSquaredError(name="loss")]), recorder)
    assert recorder.recording.find(tag="loss").values.tolist() == [1.0, 2.0, 9.0] * 2
    assert recorder.recording.find(tag="metric/loss").values.tolist() == [1.25, 4.25, 82.0] * 2


def test_losses_of_outputs_are_recognised_one_by_one_where_they_were_recorded():
    recorder = LossAudit("ignore", components=True)
    SCENARIOS["two_outputs"](recorder)
    causes = {
        finding.origin: finding.cause
        for finding in recorder.report.findings
        if finding.code == "LA101"
    }
    names = [f"History.history['{name}_loss']" for name in "ab"]
    assert causes == dict.fromkeys(names, "output-losses-counted-alike")


def test_the_numbers_of_a_defect_are_another_ones_mistake_where_keras_does_not_have_it():
    rows = {"weights": [4, 4, 2], "epochs": [0, 0, 0]}
    for version, cause in (
        ("3.1.1", "batches-counted-alike"),
        ("3.15.1", "short-last-batch-counted-as-full"),
        (None, "short-last-batch-counted-as-full"),
    ):
        truth = Recording(
            [Series([1.0, 2.0, 9.0], **rows)], metadata={"keras": version} if version else {}
        )
        assert audit(truth, {"loss": [4.0]}).findings[0].cause == cause


def test_a_list_of_ones_own_is_told_both():
    truth = Recording(
        [Series([1.0, 2.0, 9.0], weights=[4, 4, 2], epochs=[0, 0, 0])], metadata={"keras": "3.1.1"}
    )
    (finding,) = audit(truth, {"Mine.epoch_losses": [4.0]}).findings
    assert finding.causes == ("batches-counted-alike", "short-last-batch-counted-as-full")


def test_a_defect_of_another_version_is_named_where_nothing_else_explains_it():
    metadata = {"keras": "3.16.0", "bypassed": ["train"]}
    truth = Recording(
        [Series([1.0, 2.0, 9.0], weights=[4, 4, 2], epochs=[0, 0, 0])], metadata=metadata
    )
    (finding,) = audit(truth, {"loss": [0.0]}).findings
    assert finding.cause == "untouched-tracker-shown-as-epoch"
    assert (
        "It was seen in Keras 3.1.1 to 3.15.1; keras-team/keras#19529; yours is 3.16.0."
        in finding.message
    )


def test_every_defect_says_what_it_is_where_it_was_seen_and_the_way_out():
    for defect in of_stage("keras"):
        assert defect.explanation
        assert defect.remedy
        assert re.fullmatch(r"[a-z]+(-[a-z]+)+", defect.name)
        assert defect.was_seen_in(defect.seen[0])
        assert defect.was_seen_in(defect.seen[1])
        assert not defect.was_seen_in("2.15.0")
