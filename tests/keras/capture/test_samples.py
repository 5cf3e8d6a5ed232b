"""Targets and predictions of some batches, kept in the step, read before they are overwritten."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from lossaudit.keras import LossRecorder
from tests.keras.programs import WAYS, data, fit, model


@pytest.mark.slow
@pytest.mark.parametrize("setup", WAYS.values(), ids=WAYS)
def test_predictions_of_every_third_batch_and_at_most_five_rows(setup):
    network, recorder = (
        model(optimizer=keras.optimizers.SGD(0.0), **setup),
        LossRecorder(predictions=(3, 5)),
    )
    fit(network, data(50, 8), epochs=2, validation_data=data(20, 8), callbacks=[recorder])
    train = [one for one in recorder.predictions if one.split == "train"]
    assert [(one.epoch, one.step) for one in train] == [(0, 0), (0, 3), (0, 6), (1, 9), (1, 12)]
    batches = list(data(50, 8)) * 2
    for one in train:
        x, y = batches[one.step]
        assert one.targets.tolist() == y[:5].numpy().tolist()
        np.testing.assert_allclose(one.predictions, network(x)[:5], rtol=2.0**-16, atol=2.0**-20)
    assert [len(one.targets) for one in train] == [5, 5, 2, 5, 5]
    assert [one.split for one in recorder.predictions].count("validation") == 2


@pytest.mark.slow
def test_predictions_of_many_batches_are_read_before_they_are_overwritten():
    recorder = LossRecorder(predictions=(1, 1))
    fit(model(), data(1000, 4), callbacks=[recorder])
    assert [one.step for one in recorder.predictions] == list(range(250))


def test_predictions_of_an_evaluation_in_a_callback_are_not_those_of_validation():
    class Evaluating(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 2:
                self.model.evaluate(data(20, 8), verbose=0)

    recorder = LossRecorder(predictions=(1, 1))
    fit(model(), data(50, 8), validation_data=data(10, 8), callbacks=[Evaluating(), recorder])
    splits = [one.split for one in recorder.predictions]
    assert {split: splits.count(split) for split in splits} == {
        "train": 7,
        "test": 3,
        "validation": 2,
    }


def test_bad_requests_are_refused():
    with pytest.raises(
        ValueError, match=r"predictions=\(0, 5\) must be \(every, rows\), both at least 1"
    ):
        LossRecorder(predictions=(0, 5))
