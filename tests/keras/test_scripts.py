"""Every `fit` of a program is audited, and Keras is afterwards as it was."""

from __future__ import annotations

import keras
import pytest

from lossaudit.keras import LossAudit
from lossaudit.keras.scripts import every_fit_audited
from tests.keras.programs import data, model
from tests.keras.test_loss_audit import BatchLossHistory

WRONG = ["running-mean-read-as-batch-loss"]


def causes(report):
    return [finding.cause for finding in report.findings]


@pytest.mark.parametrize("given", ["list", "nested", "bare", "callback list", "none"])
def test_callbacks_may_be_given_in_every_way_that_keras_takes(given):
    network, history = model(), BatchLossHistory()
    callbacks = {
        "list": [history],
        "nested": [[history], []],
        "bare": history,
        "callback list": keras.callbacks.CallbackList([history], add_history=True, model=network),
        "none": None,
    }[given]
    with every_fit_audited() as reports:
        network.fit(data(), shuffle=False, verbose=0, callbacks=callbacks)
    assert [causes(report) for report in reports] == [[] if given == "none" else WRONG]


def test_arguments_by_position_and_a_fit_of_their_own_are_heard():
    class Own(keras.Sequential):
        def fit(self, *args, **kwargs):
            return super().fit(*args, **kwargs)

    network = Own([keras.Input((4,)), keras.layers.Dense(1)])
    network.compile("sgd", "mse")
    with every_fit_audited() as reports:
        network.fit(data(), None, None, 2, 0, [BatchLossHistory()], shuffle=False)
    assert [causes(report) for report in reports] == [WRONG]


def test_each_fit_has_a_report_of_its_own_also_with_an_audit_of_the_program():
    audit = LossAudit("ignore")
    with every_fit_audited() as reports:
        for epochs in (1, 3):
            model().fit(data(), epochs=epochs, shuffle=False, verbose=0, callbacks=[audit])
    assert [report.verdicts[0].points for report in reports] == [1, 3]


def test_a_fit_that_fails_is_reported_as_far_as_it_came():
    class Fails(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 4:
                raise RuntimeError("broken")

    with every_fit_audited() as reports, pytest.raises(RuntimeError, match="broken"):
        model().fit(data(), shuffle=False, verbose=0, callbacks=[BatchLossHistory(), Fails()])
    assert [causes(report) for report in reports] == [WRONG]


def test_afterwards_fit_is_the_fit_of_keras():
    before = keras.Model.fit
    with every_fit_audited():
        assert keras.Model.fit is not before
    assert keras.Model.fit is before
    assert "fit" not in vars(keras.Model)
