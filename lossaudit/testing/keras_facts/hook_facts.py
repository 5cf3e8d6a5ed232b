"""Facts about hooks: number of calls, batch index, and the effect of `steps_per_execution`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import keras

from lossaudit.testing.keras_facts.fact import Known, fact
from lossaudit.testing.keras_facts.probe_trainings import (
    BATCHES,
    Hooks,
    fitted,
    hooked,
    played,
    probe,
    steps_of,
)
from lossaudit.testing.keras_facts.true_losses import MEAN, TARGETS, so_far
from lossaudit.testing.scenarios import X, Y, frozen

_PARTIAL = "keras-team/keras#20390, keras-team/keras#20396"
_INDEX = "keras-team/keras#20861, keras-team/keras#21422"
# Batches of one row, so that the mean over rows is the mean over batches.
_AFTER = [so_far(TARGETS, [1] * 10)[end] for end in (3, 7, 9)]


@cache
def _in_fours() -> Hooks:
    """Return the hooks of ten batches of one row, four steps per execution."""
    hooks = Hooks()
    fitted(frozen(steps_per_execution=4), [hooks], batch_size=1, epochs=1)
    return hooks


@fact(
    "Each batch has one begin hook and one end hook, with its index in the epoch.",
    {"begins": [0, 1, 2] * 2, "ends": [0, 1, 2] * 2},
)
def hooks_of_batches() -> Any:
    return {"begins": hooked().begins, "ends": hooked().ends}


@fact(
    "With `steps_per_execution`, a begin hook gets the index of the first batch of the execution.",
    [0, 4, 8],
    backend="tensorflow",
)
def begin_of_an_execution() -> Any:
    return _in_fours().begins


@fact(
    "With `steps_per_execution`, an end hook gets the index of the last batch of the execution.",
    [3, 7, 9],
    Known(
        ("3.0.0", "3.6.0"),
        [0, 4],
        "The index is that of the first batch, and the last, partial execution has no end hook.",
        _PARTIAL,
    ),
    Known(
        ("3.7.0", "3.10.0"),
        [0, 4, 8],
        "The index is that of the first batch of the execution.",
        _INDEX,
    ),
    Known(
        ("3.11.0", None),
        [3, 7, 11],
        "A partial execution counts as a full one: the index exceeds the number of batches.",
        _INDEX,
    ),
    backend="tensorflow",
)
def end_of_an_execution() -> Any:
    return _in_fours().ends


@fact(
    "With `steps_per_execution`, the loss in an end hook is the mean over all rows so far.",
    _AFTER,
    Known(
        ("3.0.0", "3.6.0"), _AFTER[:2], "The last, partial execution has no end hook.", _PARTIAL
    ),
    backend="tensorflow",
)
def loss_at_the_end_of_an_execution() -> Any:
    return [float(one) for one in _in_fours().losses]


@fact(
    "With `steps_per_execution`, the loss of an epoch is the mean over its rows, even if the "
    "last execution is partial.",
    MEAN,
    Known(("3.0.0", "3.6.0"), 10 * MEAN / 11, defect="phantom-batch-counted"),
    backend="tensorflow",
)
def epoch_of_executions() -> Any:
    return played("several_steps_per_execution")["loss"][0]


@fact(
    "With `steps_per_execution`, two epochs of `steps_per_epoch=10` have 20 steps.",
    20,
    Known(
        ("3.0.0", None),
        24,
        "The last execution of an epoch runs in full: 12 steps in executions of 4 instead of 10.",
    ),
    backend="tensorflow",
)
def steps_of_executions() -> Any:
    import tensorflow as tf

    model = frozen(steps_per_execution=4)
    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(1).repeat()
    model.fit(data, epochs=2, steps_per_epoch=10, verbose=0)
    return steps_of(model)


def _generated() -> Iterator[Any]:
    yield from BATCHES


@fact(
    "If the number of batches is unknown, each batch has one begin hook and one end hook.",
    {"begins": [0, 1, 2], "ends": [0, 1, 2]},
    Known(
        ("3.0.0", None),
        {"begins": [0, 1, 2, 3], "ends": [0, 1, 2]},
        "Keras calls the begin hook before it knows that the data have ended.",
    ),
)
def hooks_of_data_of_unknown_length() -> Any:
    hooks = Hooks()
    probe().fit(_generated(), callbacks=[hooks], epochs=1, verbose=0)
    return {"begins": hooks.begins, "ends": hooks.ends}


class OldHook(keras.callbacks.Callback):
    """Has only the batch hook of the old name."""

    def __init__(self) -> None:
        super().__init__()
        self.old: list[float] = []

    def on_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Record the loss."""
        self.old.append(float((logs or {})["loss"]))


class BothHooks(OldHook):
    """Has the batch hooks of both names."""

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Do not call the old hook."""


@fact(
    "`on_batch_end` is called instead of `on_train_batch_end`, unless a callback has both.",
    [3, 0],
)
def on_batch_end_is_the_old_name() -> Any:
    old, both = OldHook(), BothHooks()
    fitted(probe(), [old, both], epochs=1)
    return [len(old.old), len(both.old)]


class Rewrites(keras.callbacks.Callback):
    """Changes the logs that it receives."""

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Set the loss to -1."""
        if logs is not None:
            logs["loss"] = -1.0


@fact(
    "All callbacks get the same dictionary: changes by one reach the later ones and `History`.",
    [-1.0, -1.0],
)
def logs_are_shared() -> Any:
    hooks = Hooks()
    history = fitted(probe(), [Rewrites(), hooks], epochs=1).history
    return [float(hooks.epochs[0]), float(history["loss"][0])]
