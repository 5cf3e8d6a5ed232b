"""Hook calls are recorded with copies of their logs, and the first difference is described."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest

from lossaudit.testing.suites.hooks import HOOKS, HookRecorder, first_difference, is_same

NAMES = ("by fit", "by the loop")


def recorded(*losses, ended=True):
    hooks = HookRecorder()
    hooks.on_train_begin()
    for batch, loss in enumerate(losses):
        hooks.on_train_batch_end(batch, {"loss": loss})
    if ended:
        hooks.on_train_end({})
    return hooks


def test_every_hook_of_training_and_evaluation_is_recorded_with_its_place():
    hooks = HookRecorder()
    for hook in HOOKS:
        placed = "epoch" in hook or "batch" in hook
        getattr(hooks, hook)(*([3] if placed else []), logs={"loss": 1.0})
    assert [call[0] for call in hooks.calls] == list(HOOKS)
    assert {call[1] for call in hooks.calls} == {None, 3}
    assert all(hasattr(keras.callbacks.Callback, hook) for hook in HOOKS)


def test_logs_are_copied_as_they_were():
    hooks, logs = HookRecorder(), {"loss": 1.0}
    hooks.on_epoch_end(0, logs)
    logs["loss"] = 2.0
    assert hooks.calls == [("on_epoch_end", 0, {"loss": 1.0})]


def test_equal_calls_do_not_differ_also_where_a_loss_is_nan():
    one, other = recorded(1.0, math.nan), recorded(1.0, math.nan)
    assert first_difference(one, other, NAMES) is None


@pytest.mark.parametrize(
    ("other", "described"),
    [
        (
            recorded(1.0, 3.0),
            "logs['loss'] in on_train_batch_end(1):\n  by fit       2.0\n  by the loop  3.0",
        ),
        (
            recorded(1.0),
            "the hooks differ:\n  by fit       on_train_batch_end(1)\n  by the loop  on_train_end",
        ),
        (
            recorded(1.0, 2.0, ended=False),
            "the hooks differ:\n  by fit       on_train_end\n  by the loop  no further call",
        ),
    ],
    ids=["another number", "another hook", "an end"],
)
def test_the_first_difference_is_described_side_by_side(other, described):
    assert first_difference(recorded(1.0, 2.0), other, NAMES) == described


def test_a_key_that_only_one_has_is_missing():
    one, other = recorded(), recorded()
    one.on_epoch_end(0, {"loss": 1.0})
    other.on_epoch_end(0, {})
    assert "by the loop  missing" in first_difference(one, other, NAMES)


def test_numbers_are_the_same_only_bit_by_bit():
    assert is_same(np.float32(0.1), float(np.float32(0.1)))
    assert not is_same(0.1, np.float32(0.1))
    assert is_same([math.nan, 1.0], [math.nan, 1.0])
