"""What Keras itself does to logs: losses of outputs, and epochs that TensorBoard drops."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from lossaudit import Recording, Series, audit
from lossaudit.auditing.checks.keras_logs import frequency_of_gaps
from lossaudit.keras import LossAudit
from lossaudit.testing.scenarios import X, Y, trained


@pytest.mark.slow
def test_losses_of_outputs_that_add_up_are_not_flagged():
    inputs = keras.Input((1,))
    dense = {
        name: keras.layers.Dense(1, use_bias=False, kernel_initializer="ones", name=name)
        for name in "ab"
    }
    for arguments in ({"run_eagerly": True}, {"steps_per_execution": 1}):
        model = keras.Model(inputs, {name: layer(inputs) for name, layer in dense.items()})
        model.compile(
            keras.optimizers.SGD(0.0),
            {"a": "mse", "b": "mae"},
            loss_weights={"a": 0.3, "b": 7},
            **arguments,
        )
        recorder = LossAudit("ignore")
        rows = 10 if "run_eagerly" in arguments else 8
        trained(model, recorder, x=X[:rows], y={"a": Y[:rows], "b": Y[:rows]})
        assert recorder.report.ok


@pytest.mark.parametrize(
    ("present", "batches", "every"),
    [
        ([0, 1, 0, 1], 3, 2),
        ([0, 0, 1], 5, 3),
        ([1, 1, 1], 4, None),
        ([1, 0, 1], 3, None),  # a multiple of 3 and of 9 is one of 6
        ([0, 0, 0], 3, 2),
    ],
)
def test_gaps_are_explained_by_the_least_frequency_that_leaves_them(present, batches, every):
    found = frequency_of_gaps(present, batches)
    kept = [bool(one) for one in present]
    if found is not None:
        assert [batches * (epoch + 1) % found == 0 for epoch in range(len(kept))] == kept
    assert (found is None) == (every is None)


def test_a_curve_of_every_epoch_is_not_flagged():
    truth = Recording(
        [Series([1.0, 2.0] * 3, weights=[4, 4] * 3, epochs=np.repeat(range(3), 2), steps=range(6))]
    )
    curve = {"covers": "epoch", "epochs": range(3), "origin": "train/epoch_loss"}
    assert audit(truth, Recording([Series([1.5] * 3, **curve)])).ok
