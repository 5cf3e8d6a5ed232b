"""Batch and epoch values that prove one another, and on what condition."""

from __future__ import annotations

import pytest

from lossaudit import Recording, Series, audit
from lossaudit.keras import LossRecorder
from tests.auditing.alone.keras_logs import EPOCHS
from tests.auditing.alone.planted import MADE, made, verdicts
from tests.keras.programs import data, fit, model


def test_raw_losses_whose_mean_is_the_epoch_value_prove_one_another():
    series = MADE.batch_losses(weights=MADE.columns["weights"]), MADE.by_epoch()
    assert verdicts(*series) == [("consistent", "batch_loss"), ("consistent", "epoch_mean")]
    assert audit(None, Recording(series)).status == 0


def test_a_running_mean_that_says_so_agrees_with_the_epoch_value_it_ends_in():
    series = MADE.by_batch(MADE.running, covers="epoch_so_far"), MADE.by_epoch()
    assert verdicts(*series) == [("consistent", "running_mean"), ("consistent", "epoch_mean")]


def test_one_batch_an_epoch_is_its_own_mean():
    one = made(rows=1, epochs=9)
    assert verdicts(one.batch_losses(), one.by_epoch())[0] == ("consistent", "batch_loss")


@pytest.mark.parametrize("rows", [52, 50])
def test_recorded_batch_losses_beside_history_are_right(rows):
    recorder = LossRecorder()
    history = fit(model(), data(rows, 4), epochs=EPOCHS, callbacks=[recorder]).history
    losses = recorder.recording.find(covers="batch")
    report = audit(
        None, Recording([losses, Series(history["loss"], covers="epoch", epochs=range(EPOCHS))])
    )
    assert [str(one.verdict) for one in report.verdicts] == ["consistent", "consistent"]
    assert (report.findings, report.status) == ((), 0)
