"""LossAudit among real callbacks, as users write them."""

from __future__ import annotations

import warnings

import keras
import pytest

from lossaudit import AuditError
from lossaudit.keras import LossAudit, LossAuditWarning, LossRecorder, fit_loop
from tests.keras.programs import data, fit, model


class BatchLossHistory(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.losses = []

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(logs["loss"])


class Everything(keras.callbacks.Callback):
    """Lists of each kind, right and wrong, and values that are not about the loss."""

    def __init__(self, recorder):
        super().__init__()
        self.recorder = recorder
        self.history = {"loss": [], "val_loss": []}
        self.running_mean_of_loss, self.epoch_losses = [], []
        self.val_batch_losses, self.batch_val_loss = [], []
        self.times, self.accuracy, self.steps, self.kl_loss = [], [], [], []

    def on_train_batch_end(self, batch, logs=None):
        self.running_mean_of_loss.append(logs["loss"])
        self.batch_val_loss.append(logs.get("val_loss"))
        self.times.append(0.5 * batch)
        self.kl_loss.append(0.1 * batch)
        self.steps.append(batch)

    def on_test_batch_end(self, batch, logs=None):
        self.val_batch_losses.append(logs["loss"])

    def on_epoch_end(self, epoch, logs=None):
        self.epoch_losses.append(logs["loss"])
        for key, values in self.history.items():
            values.append(logs[key])


def audited(*callbacks, on_violation="ignore", train=fit, network=None, **arguments):
    audit = LossAudit(on_violation=on_violation)
    arguments = {"epochs": 2, "validation_data": data(20)} | arguments
    train(network or model(), data(), callbacks=[*callbacks, audit], **arguments)
    return audit.report


@pytest.mark.parametrize("train", [fit, fit_loop])
def test_a_list_of_batch_logs_is_told_that_it_holds_the_running_mean(train):
    (finding,) = audited(BatchLossHistory(), train=train).findings
    assert finding.causes == ("running-mean-read-as-batch-loss",)
    assert (finding.epoch, finding.step) == (0, 1)
    assert (
        "BatchLossHistory.losses (train loss), epoch 0, batch 1 (step 1): logged"
        in finding.message
    )
    assert "LossRecorder" in finding.remedy


def test_every_public_list_is_judged_by_what_its_name_promises():
    report = audited(Everything(None))
    verdicts = {
        one.origin.partition(".")[2]: (one.quantity, str(one.verdict)) for one in report.verdicts
    }
    assert verdicts == {
        "history['loss']": ("epoch_mean", "exact"),
        "history['val_loss']": ("epoch_mean", "exact"),
        "running_mean_of_loss": ("running_mean", "exact"),
        "epoch_losses": ("epoch_mean", "exact"),
        "val_batch_losses": ("running_mean", "wrong"),
        "batch_val_loss": (None, "wrong"),
    }
    assert {finding.cause for finding in report.findings} == {
        "running-mean-read-as-batch-loss",
        "missing-key-recorded-as-nan",
    }


def test_what_is_not_about_the_loss_is_listed_and_not_judged():
    assert set(audited(Everything(None)).not_audited) == {"Everything.times", "Everything.kl_loss"}


def test_keras_own_history_is_right():
    report = audited()
    assert report.ok
    assert [one.origin for one in report.verdicts] == [
        "History.history['loss']",
        "History.history['val_loss']",
    ]


def test_numbers_from_before_this_training_are_left_out():
    class Growing(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.epoch_losses = []

        def on_epoch_end(self, epoch, logs=None):
            self.epoch_losses.append(logs["loss"])

    growing, network = Growing(), model()
    for _ in range(2):
        report = audited(growing, network=network)
        assert report.ok
        assert report.verdicts[0].points == 2


def test_a_warning_holds_the_report_and_a_clean_run_prints_it(capsys):
    with pytest.warns(LossAuditWarning, match="running-mean|mean of the epoch so far"):
        audited(BatchLossHistory(), on_violation="warn")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        audited(on_violation="warn")
    assert "History.history['loss']: exact as epoch_mean" in capsys.readouterr().err


def test_raise_raises_after_the_training_with_the_model_left_as_it_was():
    network = model()
    with pytest.raises(AuditError, match="LA102"):
        audited(BatchLossHistory(), on_violation="raise", network=network)
    assert "_lossaudit_attachment" not in vars(network)


def test_another_on_violation_is_refused():
    with pytest.raises(ValueError, match="on_violation='explode' must be"):
        LossAudit(on_violation="explode")


def test_a_failure_of_the_audit_never_stops_the_training_and_is_never_silent():
    audit = LossAudit(on_violation="raise")
    audit._lists = lambda: (_ for _ in ()).throw(RuntimeError("no attributes today"))
    audit.on_epoch_begin = lambda epoch, logs=None: None
    with pytest.warns(
        LossAuditWarning, match="the audit failed with RuntimeError: no attributes today"
    ):
        fit(model(), data(), callbacks=[audit])
    assert [finding.code for finding in audit.report.findings] == ["LA402"]
    assert audit.report.status == 2


def test_the_report_of_an_interrupted_training_covers_what_there_was():
    class Interrupt(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    history, audit = BatchLossHistory(), LossAudit()
    with pytest.raises(KeyboardInterrupt):
        fit(model(), data(), epochs=5, callbacks=[history, audit, Interrupt()])
    causes = {finding.origin: finding.cause for finding in audit.report.findings}
    assert causes["BatchLossHistory.losses"] == "running-mean-read-as-batch-loss"
    assert (
        causes["History.history['loss']"] == "batches-missing"
    )  # the interrupt came before History had the second epoch


def test_a_recorder_in_the_same_list_and_the_audit_do_not_disturb_one_another():
    recorder = LossRecorder()
    report = audited(recorder, BatchLossHistory())
    assert len(recorder.recording.find(split="train")) == 14
    assert [finding.cause for finding in report.findings] == ["running-mean-read-as-batch-loss"]


def test_batches_seen_through_executions_of_several_steps_are_a_running_mean_with_gaps():
    report = audited(BatchLossHistory(), network=model(steps_per_execution=4))
    assert {finding.cause for finding in report.findings} == {
        "batches-missing",
        "running-mean-read-as-batch-loss",
    }


def test_an_audit_of_several_trainings_has_the_report_of_each():
    network, audit = model(), LossAudit(on_violation="ignore")
    assert audit.reports == []
    fit(network, data(), callbacks=[BatchLossHistory(), audit])
    fit(network, data(), callbacks=[audit])
    assert [len(report.findings) for report in audit.reports] == [1, 0]
    assert audit.reports[-1] is audit.report


def test_an_interrupted_training_keeps_its_report_when_the_next_one_begins():
    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 3:
                raise KeyboardInterrupt

    network, audit = model(), LossAudit(on_violation="ignore")
    with pytest.raises(KeyboardInterrupt):
        fit(network, data(), callbacks=[BatchLossHistory(), audit, Interrupt()])
    fit(network, data(), callbacks=[audit])
    assert [[one.code for one in report.findings] for report in audit.reports] == [["LA102"], []]
