"""Scenarios: small real trainings in which some or all versions of Keras log wrong numbers.

Each trains a frozen model on the same ten rows, in batches of 4, 4 and 2 whose losses are 1, 2 and
9: their mean over the rows is 3.0, and the unweighted mean of the batches is 4.0. A scenario is a
function that takes a recording callback and returns what was logged. Scenarios with replicas need
two devices: call `use_two_replicas` before TensorFlow first computes anything.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from lossaudit.recording.recording import Recording
from lossaudit.recording.series import Series

X = np.ones((10, 1), np.float32)
Y = np.array([0.5, 0.5, 1.5, 1.5, 1.5, 1.5, 2.5, 2.5, 8.0, 10.0], np.float32)[:, None]
BATCH_LOSSES, ROWS = (1.0, 2.0, 9.0), (4, 4, 2)
EPOCHS = 2

Logs = dict[str, Any]
"""The logged numbers: the keys of History, and "batches", the batch logs of a callback."""

SCENARIOS: dict[str, Callable[[Any], Logs]] = {}


def scenario(function: Callable[[Any], Logs]) -> Callable[[Any], Logs]:
    """Register a scenario under the name of its function."""
    SCENARIOS[function.__name__] = function
    return function


class BatchLogs(keras.callbacks.Callback):
    """Records the loss in the batch logs, which is the mean of the epoch so far."""

    def __init__(self) -> None:
        super().__init__()
        self.running_mean_of_loss: list[float] = []

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Record the loss."""
        self.running_mean_of_loss.append(float((logs or {})["loss"]))


class RawStep(keras.Sequential):
    """Has a `train_step` that returns the raw loss of `compute_loss` and updates no metric."""

    def train_step(self, data: Any) -> dict[str, Any]:
        """Train on one batch."""
        # Only the scenarios of raw training steps need TensorFlow.
        import tensorflow as tf

        x, y = data
        with tf.GradientTape() as tape:
            loss = self.loss_of(x, y)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return {"loss": loss}

    def loss_of(self, x: Any, y: Any) -> Any:
        """Return the loss of a batch."""
        return self.compute_loss(x=x, y=y, y_pred=self(x, training=True))


class RawStepWithMore(RawStep):
    """Also returns another key."""

    def train_step(self, data: Any) -> dict[str, Any]:
        """Train on one batch."""
        return {**super().train_step(data), "more": 1.0}


class RawStepOfItsOwn(RawStep):
    """Computes the loss itself, without `compute_loss`."""

    def loss_of(self, x: Any, y: Any) -> Any:
        """Return the loss of a batch."""
        return keras.ops.mean(keras.ops.abs(self(x, training=True) - y))


class EvaluateAfter(keras.callbacks.Callback):
    """Evaluates after one batch of each epoch, on ten rows with a loss of 100."""

    def __init__(self, batch: int) -> None:
        super().__init__()
        self.batch = batch

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Evaluate after the given batch."""
        if batch == self.batch:
            self.model.evaluate(X, np.full_like(Y, 100.0), batch_size=10, verbose=0)


@scenario
def plain_fit(recorder: Any) -> Logs:
    """Train by `fit` with validation on the same rows."""
    return trained(frozen(), recorder, validation_data=(X, Y), validation_batch_size=4)


@scenario
def raw_train_step(recorder: Any) -> Logs:
    """Train with a `train_step` that returns a raw loss."""
    return trained(frozen(RawStep), recorder, [])


@scenario
def raw_train_step_with_more_keys(recorder: Any) -> Logs:
    """Train with a `train_step` that returns a raw loss and another key."""
    return trained(frozen(RawStepWithMore), recorder, [])


@scenario
def raw_train_step_with_its_own_loss(recorder: Any) -> Logs:
    """Train with a `train_step` that computes its loss without Keras."""
    return trained(frozen(RawStepOfItsOwn), recorder, [])


@scenario
def two_outputs(recorder: Any) -> Logs:
    """Train two outputs with the same loss and the loss weights 1 and 10."""
    inputs = keras.Input((1,))
    dense = {
        name: keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros", name=name)
        for name in "ab"
    }
    model = keras.Model(inputs, {name: layer(inputs) for name, layer in dense.items()})
    model.compile(
        keras.optimizers.SGD(0.0), {"a": "mae", "b": "mae"}, loss_weights={"a": 1.0, "b": 10.0}
    )
    return trained(model, recorder, y={"a": Y, "b": Y})


@scenario
def evaluate_in_a_batch_hook(recorder: Any) -> Logs:
    """Call `evaluate` after the second of three batches."""
    return trained(frozen(), recorder, [EvaluateAfter(1), BatchLogs()])


@scenario
def evaluate_after_the_last_batch(recorder: Any) -> Logs:
    """Call `evaluate` after the last batch, just before Keras reads the mean of the epoch."""
    return trained(frozen(), recorder, [EvaluateAfter(2)])


@scenario
def metric_named_loss(recorder: Any) -> Logs:
    """Train with a metric that is named "loss"."""
    return trained(frozen(metrics=[keras.metrics.MeanSquaredError(name="loss")]), recorder)


@scenario
def several_steps_per_execution(recorder: Any) -> Logs:
    """Train on ten batches of one row, four steps per execution."""
    return trained(frozen(steps_per_execution=4), recorder, [], batch_size=1)


@scenario
def unreduced_loss(recorder: Any) -> Logs:
    """Train with an unreduced loss on one device."""
    return trained(frozen(loss=keras.losses.MeanAbsoluteError(reduction="none")), recorder)


@scenario
def on_replicas(recorder: Any) -> Logs:
    """Train on two replicas that get equal shares of every batch."""
    return trained(on_two_replicas(), recorder)


@scenario
def on_replicas_with_an_odd_row(recorder: Any) -> Logs:
    """Train on two replicas; the second gets no row of the last batch."""
    return trained(on_two_replicas(), recorder, x=X[:9], y=Y[:9])


@scenario
def on_replicas_unreduced(recorder: Any) -> Logs:
    """Train with an unreduced loss on two replicas."""
    return trained(on_two_replicas(keras.losses.MeanAbsoluteError(reduction="none")), recorder)


@scenario
def on_replicas_summed(recorder: Any) -> Logs:
    """Train with a loss that is summed over the rows, on two replicas."""
    return trained(on_two_replicas(keras.losses.MeanAbsoluteError(reduction="sum")), recorder)


@scenario
def on_replicas_for_long(recorder: Any) -> Logs:
    """Train on two replicas, 150 batches in each epoch."""
    return trained(
        on_two_replicas(), recorder, [], x=np.tile(X, (30, 1)), y=np.tile(Y, (30, 1)), batch_size=2
    )


@scenario
def tensorboard_every_second_batch(recorder: Any) -> Logs:
    """Train with `TensorBoard(update_freq=2)`, four epochs of three batches.

    The key "event_file" of the logs has the epoch losses of its event file.
    """
    with tempfile.TemporaryDirectory() as folder:
        writer = keras.callbacks.TensorBoard(folder, update_freq=2, write_graph=False)
        logs = trained(frozen(), recorder, [writer], epochs=4)
        return {**logs, "event_file": epochs_in(Path(folder) / "train")}


def frozen(kind: type = keras.Sequential, loss: Any = "mae", **compiled: Any) -> Any:
    """Return a compiled model whose output stays 0, so that the loss of a row is its target."""
    dense = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    model = kind([keras.Input((1,)), dense])
    model.compile(keras.optimizers.SGD(0.0), loss, **compiled)
    return model


def trained(
    model: Any, recorder: Any, callbacks: list[Any] | None = None, **arguments: Any
) -> Logs:
    """Train two epochs in the order of the rows; return what was logged."""
    others = [BatchLogs()] if callbacks is None else callbacks
    arguments = {
        "x": X,
        "y": Y,
        "batch_size": 4,
        "epochs": EPOCHS,
        "shuffle": False,
        "verbose": 0,
    } | arguments
    with warnings.catch_warnings():
        # Keras 3.6 and older warn although all data were used, with several steps per execution.
        warnings.filterwarnings("ignore", "Your input ran out of data")
        history = model.fit(
            **arguments, callbacks=[*others, *([recorder] if recorder else [])]
        ).history
    logs: Logs = {key: [float(value) for value in values] for key, values in history.items()}
    seen = [one.running_mean_of_loss for one in others if isinstance(one, BatchLogs)]
    return {**logs, "batches": seen[0]} if seen else logs


def use_two_replicas() -> None:
    """Split the CPU into two devices; call it before TensorFlow first computes anything."""
    import tensorflow as tf

    (processor,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(
        processor, [tf.config.LogicalDeviceConfiguration()] * 2
    )


def on_two_replicas(loss: Any = "mae") -> Any:
    """Return a frozen model on two replicas."""
    import tensorflow as tf

    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        return frozen(loss=loss)


def epochs_in(folder: Path) -> Recording:
    """Read the series `epoch_loss` from an event file of the TensorBoard callback."""
    found = dict(scalars_in(folder)["epoch_loss"])
    epochs = sorted(found)
    return Recording(
        [
            Series(
                [found[epoch] for epoch in epochs],
                covers="epoch",
                epochs=epochs,
                origin="TensorBoard epoch_loss",
            )
        ]
    )


def scalars_in(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Read steps and values of every loss from the event files in a folder, in file order."""
    import tensorflow as tf

    found: dict[str, list[tuple[int, float]]] = {}
    for path in sorted(folder.glob("*.tfevents.*")):
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(record)
            for one in event.summary.value:
                if one.tag.endswith(("loss", "loss_vs_iterations")):
                    found.setdefault(one.tag, []).append(
                        (event.step, float(tf.make_ndarray(one.tensor)))
                    )
    return found
