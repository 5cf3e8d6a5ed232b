"""Scenarios: small real trainings in which Keras logs wrong numbers, in some versions or in all.

Each trains a frozen model on the same ten rows, in batches of 4, 4 and 2 whose losses are 1, 2 and
9: the mean is 3.0, and counting batches alike gives 4.0. A scenario is a function of a callback
that records, and returns what was logged. Those on replicas need two devices, which
`use_two_replicas` makes before TensorFlow first computes anything.
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
"""What was logged: the keys of History, and "batches", what a callback got after each batch."""

SCENARIOS: dict[str, Callable[[Any], Logs]] = {}


def scenario(function: Callable[[Any], Logs]) -> Callable[[Any], Logs]:
    """Register a scenario under its function's name."""
    SCENARIOS[function.__name__] = function
    return function


class BatchLogs(keras.callbacks.Callback):
    """Keeps what Keras hands a callback after each batch, which is the mean of the epoch so far."""

    def __init__(self) -> None:
        super().__init__()
        self.running_mean_of_loss: list[float] = []

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Keep the loss."""
        self.running_mean_of_loss.append(float((logs or {})["loss"]))


class RawStep(keras.Sequential):
    """A `train_step` that returns the loss of the batch as `compute_loss` made it, and updates no
    mean.
    """

    def train_step(self, data: Any) -> dict[str, Any]:
        """Train on one batch."""
        # These are about Keras on TensorFlow, and the others go without it
        import tensorflow as tf

        x, y = data
        with tf.GradientTape() as tape:
            loss = self.loss_of(x, y)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return {"loss": loss}

    def loss_of(self, x: Any, y: Any) -> Any:
        """The loss of a batch."""
        return self.compute_loss(x=x, y=y, y_pred=self(x, training=True))


class RawStepWithMore(RawStep):
    """The same with a further key."""

    def train_step(self, data: Any) -> dict[str, Any]:
        """Train on one batch."""
        return {**super().train_step(data), "more": 1.0}


class RawStepOfItsOwn(RawStep):
    """The same with a loss that it forms itself, of which nothing in Keras hears."""

    def loss_of(self, x: Any, y: Any) -> Any:
        """The loss of a batch."""
        return keras.ops.mean(keras.ops.abs(self(x, training=True) - y))


class EvaluateAfter(keras.callbacks.Callback):
    """Evaluates after one batch of every epoch, on ten rows whose loss is 100."""

    def __init__(self, batch: int) -> None:
        super().__init__()
        self.batch = batch

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Evaluate."""
        if batch == self.batch:
            self.model.evaluate(X, np.full_like(Y, 100.0), batch_size=10, verbose=0)


@scenario
def plain_fit(recorder: Any) -> Logs:
    """`fit` with validation on the same rows."""
    return trained(frozen(), recorder, validation_data=(X, Y), validation_batch_size=4)


@scenario
def raw_train_step(recorder: Any) -> Logs:
    """A `train_step` that returns a raw loss."""
    return trained(frozen(RawStep), recorder, [])


@scenario
def raw_train_step_with_more_keys(recorder: Any) -> Logs:
    """A `train_step` that returns a raw loss and something else."""
    return trained(frozen(RawStepWithMore), recorder, [])


@scenario
def raw_train_step_with_its_own_loss(recorder: Any) -> Logs:
    """A `train_step` whose loss Keras never sees."""
    return trained(frozen(RawStepOfItsOwn), recorder, [])


@scenario
def two_outputs(recorder: Any) -> Logs:
    """Two outputs of the same loss with weights 1 and 10."""
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
    """`evaluate` after the second of three batches."""
    return trained(frozen(), recorder, [EvaluateAfter(1), BatchLogs()])


@scenario
def evaluate_after_the_last_batch(recorder: Any) -> Logs:
    """`evaluate` in the hook of the last batch, after which Keras reads the mean of the epoch."""
    return trained(frozen(), recorder, [EvaluateAfter(2)])


@scenario
def metric_named_loss(recorder: Any) -> Logs:
    """A metric that has the name of the total."""
    return trained(frozen(metrics=[keras.metrics.MeanSquaredError(name="loss")]), recorder)


@scenario
def several_steps_per_execution(recorder: Any) -> Logs:
    """Ten batches of one row in executions of four."""
    return trained(frozen(steps_per_execution=4), recorder, [], batch_size=1)


@scenario
def unreduced_loss(recorder: Any) -> Logs:
    """A loss that is not reduced, on one device."""
    return trained(frozen(loss=keras.losses.MeanAbsoluteError(reduction="none")), recorder)


@scenario
def on_replicas(recorder: Any) -> Logs:
    """Two replicas, which share every batch evenly."""
    return trained(on_two_replicas(), recorder)


@scenario
def on_replicas_with_an_odd_row(recorder: Any) -> Logs:
    """Two replicas, of which one has no row of the last batch."""
    return trained(on_two_replicas(), recorder, x=X[:9], y=Y[:9])


@scenario
def on_replicas_unreduced(recorder: Any) -> Logs:
    """A loss that is not reduced, on two replicas."""
    return trained(on_two_replicas(keras.losses.MeanAbsoluteError(reduction="none")), recorder)


@scenario
def on_replicas_summed(recorder: Any) -> Logs:
    """A loss that is summed over the rows of a batch, on two replicas."""
    return trained(on_two_replicas(keras.losses.MeanAbsoluteError(reduction="sum")), recorder)


@scenario
def on_replicas_for_long(recorder: Any) -> Logs:
    """Two replicas, and 150 batches in an epoch."""
    return trained(
        on_two_replicas(), recorder, [], x=np.tile(X, (30, 1)), y=np.tile(Y, (30, 1)), batch_size=2
    )


@scenario
def tensorboard_every_second_batch(recorder: Any) -> Logs:
    """`TensorBoard(update_freq=2)` over four epochs of three batches; "event_file" is what it
    wrote of the epochs.
    """
    with tempfile.TemporaryDirectory() as folder:
        writer = keras.callbacks.TensorBoard(folder, update_freq=2, write_graph=False)
        logs = trained(frozen(), recorder, [writer], epochs=4)
        return {**logs, "event_file": epochs_in(Path(folder) / "train")}


def frozen(kind: type = keras.Sequential, loss: Any = "mae", **compiled: Any) -> Any:
    """A compiled model whose output is 0 and stays 0, so that a row's loss is its target."""
    dense = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    model = kind([keras.Input((1,)), dense])
    model.compile(keras.optimizers.SGD(0.0), loss, **compiled)
    return model


def trained(
    model: Any, recorder: Any, callbacks: list[Any] | None = None, **arguments: Any
) -> Logs:
    """Train two epochs in the order of the rows, and return what was logged."""
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
        warnings.filterwarnings(
            "ignore", "Your input ran out of data"
        )  # Keras 3.6 and older, of its own executions
        history = model.fit(
            **arguments, callbacks=[*others, *([recorder] if recorder else [])]
        ).history
    logs: Logs = {key: [float(value) for value in values] for key, values in history.items()}
    seen = [one.running_mean_of_loss for one in others if isinstance(one, BatchLogs)]
    return {**logs, "batches": seen[0]} if seen else logs


def use_two_replicas() -> None:
    """Make two devices of the one processor; before TensorFlow first computes anything."""
    import tensorflow as tf

    (processor,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(
        processor, [tf.config.LogicalDeviceConfiguration()] * 2
    )


def on_two_replicas(loss: Any = "mae") -> Any:
    """A frozen model on two replicas."""
    import tensorflow as tf

    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        return frozen(loss=loss)


def epochs_in(folder: Path) -> Recording:
    """The series `epoch_loss` of an event file of TensorBoard's callback."""
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
    """Steps and values of every tag of the event files in a folder, in the order in which they
    were written.
    """
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
