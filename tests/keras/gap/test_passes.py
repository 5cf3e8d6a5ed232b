"""One pass over all rows: its losses, penalties, bound, and what is no pass."""

from __future__ import annotations

from fractions import Fraction

import keras
import numpy as np
import pytest

from lossaudit import CaptureError, Recording, Series
from lossaudit.keras.gap.passes import Pass
from lossaudit.recording import keys
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


def recording(losses, weights, penalties=None, **metadata):
    epochs = np.repeat([0, 1], [2, len(losses) - 2])
    series = [Series(losses, weights=weights, epochs=epochs)]
    if penalties is not None:
        series.append(
            Series(penalties, tag=keys.REGULARIZATION, weights=weights[: len(penalties)])
        )
    return Recording(series, metadata=metadata)


LOSSES, ROWS, PENALTIES = [1.0, 2.0, 9.0, 0.5], [4, 4, 2, 1], [0.5, 0.25, 0.125, 0.0]


def test_loss_and_penalty_are_exact_means_over_the_rows():
    whole = Pass.of(recording(LOSSES, ROWS, PENALTIES), "train")
    assert len(whole) == 4
    assert whole.loss() == Fraction(4 + 8 + 18, 11) + Fraction(1, 22)
    assert whole.penalty() == Fraction(2 + 1, 11) + Fraction(1, 44)
    assert whole.data_loss() == whole.loss() - whole.penalty()


def test_without_penalties_the_penalty_is_0():
    assert Pass.of(recording(LOSSES, ROWS), "train").penalty() == 0


def test_the_last_epoch_has_its_own_losses_weights_and_penalties():
    epoch, last = Pass.of_last_epoch(recording(LOSSES, ROWS, PENALTIES))
    assert (epoch, last.losses.tolist(), last.weights.tolist(), last.penalties.tolist()) == (
        1,
        [9.0, 0.5],
        [2, 1],
        [0.125, 0.0],
    )


def test_the_mean_of_keras_is_within_the_bound():
    random = np.random.default_rng(0)
    losses = random.lognormal(size=500).astype(np.float32)
    rows = random.integers(1, 65, 500).astype(np.float32)
    mean = keras.metrics.Mean()
    for loss, weight in zip(losses, rows, strict=True):
        mean.update_state(loss, sample_weight=weight)
    whole = Pass.of(recording(losses, rows), "train")
    assert abs(Fraction(float(mean.result())) - whole.loss()) <= whole.bound()


def test_what_is_no_pass_is_refused_with_the_reason():
    with pytest.raises(CaptureError, match="no loss of the test split was recorded"):
        Pass.of(recording(LOSSES, ROWS), "test")
    with pytest.raises(CaptureError, match="the reason"):
        Pass.of(recording(LOSSES, ROWS, not_captured={"test": "the reason"}), "test")
    with pytest.raises(CaptureError, match="2 penalties were recorded for 4 batches"):
        Pass.of(recording(LOSSES, ROWS, [0.5, 0.25]), "train")
    with pytest.raises(CaptureError, match="the loss of a batch is not finite"):
        Pass.of(recording([1.0, np.nan, 2.0], [1, 1, 1]), "train").loss()


def test_another_pass_must_have_as_many_batches_and_rows():
    whole = Pass.of(recording(LOSSES, ROWS), "train")
    whole.refuse_other_rows(whole)
    with pytest.raises(CaptureError, match=r"4 batches \(11 rows\) .* and 4 \(12 rows\)"):
        whole.refuse_other_rows(Pass.of(recording(LOSSES, [4, 4, 2, 2]), "train"))
