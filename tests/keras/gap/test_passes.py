"""One pass over all rows: its losses, penalties, bound, and what is no pass."""

from __future__ import annotations

import keras

from tests.keras.gap.models import X, Y, audited, network
from tests.keras.setups import RawLoss


def test_an_epoch_that_was_cut_short_is_not_compared_with_a_whole_one():
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 2

    (finding,) = audited(network(), X, Y, Stop()).report.findings
    assert (
        "the data gave 3 batches (24 rows) in one pass, and 4 (32 rows) in the next"
        in finding.message
    )


def test_a_step_whose_loss_reaches_no_mean_cannot_be_explained():
    report = audited(network(kind=RawLoss)).report
    assert "but the losses of 0 were recorded" in report.findings[-1].message
