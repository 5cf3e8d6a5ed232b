"""Validation losses that are a copy of the train losses."""

from __future__ import annotations

import keras
import numpy as np

from lossaudit import Series
from tests.auditing.alone.keras_logs import found_in, logger, rows_of
from tests.auditing.alone.planted import MADE, found, wrong
from tests.keras.programs import data, fit, model


def test_validation_that_is_train_is_found_bit_for_bit():
    copy = MADE.by_epoch(split="validation", origin="log: val_loss")
    assert found(MADE.by_epoch(), copy) == wrong("LA506", "validation-is-train")
    near = np.nextafter(copy.values.astype(np.float32), np.float32(9))
    assert (
        found(MADE.by_epoch(), MADE.by_epoch(near, split="validation", origin="log: val_loss"))
        == []
    )


def test_constant_losses_and_few_digits_may_be_alike_by_chance():
    pairs = [([0.5, 0.5, 0.5], None), ([0.31, 0.30], 2)]
    for values, decimals in pairs:
        train, other = (
            Series(values, split=split, covers="epoch", decimals=decimals)
            for split in ("train", "validation")
        )
        assert found(train, other) == []


class Copying(keras.callbacks.Callback):
    """Shows the train loss under both names."""

    def on_epoch_end(self, epoch, logs=None):
        logs["val_loss"] = logs["loss"]


def test_a_train_loss_under_both_names_is_found_in_the_csv_file(tmp_path):
    path = tmp_path / "log.csv"
    fit(model(), data(), epochs=3, callbacks=[Copying(), logger(path)])
    assert found_in(rows_of(path)) == {("LA506", "validation-is-train", "wrong")}
