"""Batch losses recovered from running means, each within its error."""

from __future__ import annotations

import numpy as np
import pytest

from lossaudit import Series
from lossaudit.auditing.alone.recovery import recovered
from lossaudit.keras import LossRecorder
from tests.auditing.alone.keras_logs import EPOCHS, BatchLosses
from tests.auditing.alone.planted import MADE
from tests.keras.programs import data, fit, model
from tests.logfiles import Training


def test_batch_losses_are_recovered_with_their_error():
    running = MADE.by_batch(MADE.running, **MADE.columns)
    recovery = recovered(running)
    assert np.all(np.abs(recovery.series.values - MADE.losses.ravel()) <= recovery.errors)
    assert (recovery.rows_known, recovery.series.covers) == (True, "batch")
    assert recovery.errors.max() < 1e-2


def test_recovery_from_printed_running_means_widens_the_error():
    coarse = recovered(MADE.by_batch(MADE.running, decimals=3, **MADE.columns))
    assert np.all(np.abs(coarse.series.values - MADE.losses.ravel()) <= coarse.errors)


def test_recovery_counts_the_batches_where_the_log_knows_no_epochs():
    even = Training(MADE.losses, np.full(12, 4))
    recovery = recovered(even.by_batch(even.running), batches=12)
    assert np.all(np.abs(recovery.series.values - MADE.losses.ravel()) <= recovery.errors)
    assert not recovery.rows_known


def test_recovery_refuses_what_it_cannot_know():
    running = MADE.by_batch(MADE.running)
    with pytest.raises(ValueError, match="has no epochs: give batches="):
        recovered(running)
    with pytest.raises(ValueError, match=r"batches=7 must divide the 48 values"):
        recovered(running, batches=7)
    every_second = MADE.by_batch(MADE.running, **MADE.columns).take(slice(None, None, 2))
    with pytest.raises(ValueError, match="are not consecutive"):
        recovered(every_second)


def test_the_losses_recovered_from_the_list_are_the_true_ones_within_their_error():
    spy, recorder = BatchLosses(), LossRecorder()
    fit(model(), data(50, 4), epochs=EPOCHS, callbacks=[spy, recorder])
    truth = recorder.recording.find(covers="batch")
    recovery = recovered(Series(spy.losses, weights=truth.weights, epochs=truth.epochs))
    assert np.all(np.abs(recovery.series.values - truth.values) <= recovery.errors)
    assert recovery.errors.max() < 1e-2
