"""Every way in which people train with Keras, as a real training with separately computed losses.

`python -m tests.keras.setups` prints the table of docs/capture.md.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from lossaudit import Series
from lossaudit.keras import LossRecorder

ROWS, BATCH = 50, 8
X = np.random.default_rng(0).normal(size=(ROWS, 4)).astype(np.float32)
Y = (X.sum(1, keepdims=True) + np.random.default_rng(1).normal(size=(ROWS, 1))).astype(np.float32)
WEIGHTS = np.random.default_rng(2).uniform(0, 2, ROWS).astype(np.float32)
LABELS = (Y[:, 0] > 0).astype(np.int32)
WORDS = np.random.default_rng(3).integers(0, 3, (ROWS, 5))
STARTS = range(0, ROWS, BATCH)
TENSORFLOW = keras.backend.backend() == "tensorflow"

Losses = Callable[[Any, slice], float]


@dataclass(frozen=True)
class Setup:
    """One way to train.

    Args:
        name: the row of the table.
        make: makes the compiled model.
        loss: computes the loss of the rows of one batch, for a model that does not change.
        train: trains the model with some callbacks, and returns what it logged.
        reason: why nothing is captured; empty if everything is.
        rows: the weight of each batch in Keras' mean.
        only_tensorflow: whether this way exists on TensorFlow only.
    """

    name: str
    make: Callable[[], Any]
    loss: Losses
    train: Callable[[Any, list[Any]], Any] = lambda network, callbacks: fit(network, callbacks)
    reason: str = ""
    rows: tuple[int, ...] = tuple(min(BATCH, ROWS - start) for start in STARTS)
    only_tensorflow: bool = False


def fit(network: Any, callbacks: list[Any], x: Any = X, y: Any = Y, **arguments: Any) -> Any:
    """Train two epochs in the order of the data."""
    arguments = {"batch_size": BATCH, "epochs": 2, **arguments}
    return network.fit(x, y, shuffle=False, verbose=0, callbacks=callbacks, **arguments).history


def fitted(**arguments: Any) -> Callable[[Any, list[Any]], Any]:
    return lambda network, callbacks: fit(network, callbacks, **arguments)


def layers(**dense: Any) -> list[Any]:
    return [
        keras.Input((4,)),
        keras.layers.Dense(3, activation="relu", **dense),
        keras.layers.Dense(1),
    ]


def compiled(network: Any, loss: Any = "mse", optimizer: Any = None, **arguments: Any) -> Any:
    """Compile with a learning rate of 0: no batch loss depends on the batches before."""
    network.compile(optimizer or keras.optimizers.SGD(0.0), loss, **arguments)
    return network


def sequential(
    kind: type = keras.Sequential, dense: Any = None, **arguments: Any
) -> Callable[[], Any]:
    return lambda: compiled(kind(layers(**(dense or {}))), **arguments)


def functional() -> Any:
    inputs = keras.Input((4,))
    return compiled(keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Dense(3)(inputs))))


class Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.out = keras.layers.Dense(3), keras.layers.Dense(1)

    def call(self, x: Any) -> Any:
        return self.out(self.hidden(x))


def two_outputs() -> Any:
    inputs = keras.Input((4,))
    outputs = {name: keras.layers.Dense(1, name=name)(inputs) for name in "ab"}
    return compiled(
        keras.Model(inputs, outputs), {"a": "mse", "b": "mae"}, loss_weights={"a": 1.0, "b": 10.0}
    )


class Active(keras.layers.Layer):
    """A layer that calls `add_loss`."""

    def call(self, x: Any) -> Any:
        self.add_loss(0.1 * keras.ops.mean(keras.ops.square(x)))
        return x


def masked() -> Any:
    words = [keras.Input((5,)), keras.layers.Embedding(3, 4, mask_zero=True)]
    return compiled(keras.Sequential([*words, keras.layers.LSTM(1, return_sequences=True)]))


def errors(network: Any, rows: slice) -> Any:
    """The squared error of each row, in double precision."""
    return (np.asarray(network(X[rows]), np.float64) - Y[rows])[:, 0] ** 2


def mse(network: Any, rows: slice) -> float:
    return float(errors(network, rows).mean())


def of_two_outputs(network: Any, rows: slice) -> float:
    outputs = network(X[rows])
    a, b = (np.asarray(outputs[name], np.float64) - Y[rows] for name in "ab")
    return float((a**2).mean() + 10 * np.abs(b).mean())


def with_penalty(network: Any, rows: slice) -> float:
    return mse(network, rows) + 0.01 * float(
        np.sum(np.asarray(network.layers[0].kernel, np.float64) ** 2)
    )


def with_activity(network: Any, rows: slice) -> float:
    return mse(network, rows) + 0.1 * float((X[rows].astype(np.float64) ** 2).mean())


def of_words(network: Any, rows: slice) -> float:
    mask = WORDS[rows] != 0
    squares = np.asarray(network(WORDS[rows]), np.float64)[..., 0] ** 2
    return float((squares * mask).sum() / max(mask.sum(), 1))


def of_labels(network: Any, rows: slice) -> float:
    odds = np.asarray(network(X[rows]), np.float64)
    logs = odds[np.arange(len(odds)), LABELS[rows]] - np.log(np.exp(odds).sum(1))
    return float((-logs * np.where(LABELS[rows] == 1, 3.0, 0.5)).mean())


def classifier() -> Any:
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return compiled(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]), loss)


def as_tf_data(**options: Any) -> Any:
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(BATCH, **options)


def of_unknown_size() -> Any:
    import tensorflow as tf

    signature = tuple(tf.TensorSpec((None, column.shape[1]), tf.float32) for column in (X, Y))
    return tf.data.Dataset.from_generator(lambda: batches(), output_signature=signature)


def batches() -> Any:
    yield from ((X[i : i + BATCH], Y[i : i + BATCH]) for i in STARTS)


def repeated() -> Any:
    while True:
        yield from batches()


def on_data(make: Callable[[], Any], **arguments: Any) -> Callable[[Any, list[Any]], Any]:
    return lambda network, callbacks: fit(
        network, callbacks, make(), None, batch_size=None, **arguments
    )


def on_batches(network: Any, callbacks: list[Any]) -> Any:
    """A loop of `train_on_batch` that calls its callbacks itself."""
    logged = []
    for callback in callbacks:
        callback.set_model(network)
        callback.on_train_begin()
    for epoch in range(2):
        for callback in callbacks:
            callback.on_epoch_begin(epoch)
        for index, batch in enumerate(batches()):
            logged.append(float(network.train_on_batch(*batch)))
            for callback in callbacks:
                callback.on_train_batch_end(index)
        for callback in callbacks:
            callback.on_epoch_end(epoch)
    for callback in callbacks:
        callback.on_train_end()
    return logged


def evaluated(network: Any, callbacks: list[Any]) -> Any:
    """Two evaluations, whose batches are of the split "test"."""
    arguments = {"batch_size": BATCH, "verbose": 0, "callbacks": callbacks}
    return [network.evaluate(X, Y, **arguments), network.evaluate(X, Y, **arguments)]


def on_test_batches(network: Any, callbacks: list[Any]) -> Any:
    """Two loops of `test_on_batch` that call their callbacks themselves."""
    logged = []
    for callback in callbacks:
        callback.set_model(network)
    for _ in range(2):
        for callback in callbacks:
            callback.set_model(network)
            callback.on_test_begin()
        for index, batch in enumerate(batches()):
            logged.append(float(network.test_on_batch(*batch)))
            for callback in callbacks:
                callback.on_test_batch_end(index)
        for callback in callbacks:
            callback.on_test_end()
    return logged


def together_with(make: Callable[[], Any], **arguments: Any) -> Callable[[Any, list[Any]], Any]:
    """A `fit` with another callback in addition to the recorder."""
    return lambda network, callbacks: fit(network, [make(), *callbacks], **arguments)


class AtEpochEnd(keras.callbacks.Callback):
    """Does something with the model after every epoch."""

    def __init__(self, action: Callable[[Any, int], Any]) -> None:
        super().__init__()
        self.action = action

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.action(self.model, epoch)


def stop(model: Any, epoch: int) -> None:
    model.stop_training = epoch == 1


def evaluate(model: Any, epoch: int) -> None:
    model.evaluate(X[:20], Y[:20], verbose=0)


def fail(model: Any, epoch: int) -> None:
    if epoch == 1:
        raise KeyboardInterrupt


def interrupted(network: Any, callbacks: list[Any]) -> Any:
    """The logs of a training that Ctrl-C ends after two epochs."""
    with suppress(KeyboardInterrupt):
        fit(network, [*callbacks, AtEpochEnd(fail)], epochs=5)
    return network.history.history


def twice(network: Any, callbacks: list[Any]) -> Any:
    return [fit(network, callbacks, epochs=1), fit(network, callbacks, epochs=1)]


class Guided(keras.Sequential):
    """The `train_step` of the Keras guide: it updates the loss tracker without the rows."""

    def train_step(self, batch: Any) -> Any:
        import tensorflow as tf

        x, y = batch
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=y_pred)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        for metric in self.metrics:
            metric.update_state(loss) if metric.name == "loss" else metric.update_state(y, y_pred)
        return {metric.name: metric.result() for metric in self.metrics}


class OwnMean(keras.Sequential):
    """A `train_step` with its own mean."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.loss_mean = keras.metrics.Mean(name="loss")

    def train_step(self, batch: Any) -> Any:
        import tensorflow as tf

        x, y = batch
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self(x, training=True) - y) ** 2)
        self.optimizer.apply(
            tape.gradient(loss, self.trainable_variables), self.trainable_variables
        )
        self.loss_mean.update_state(loss)
        return {"loss": self.loss_mean.result()}

    @property
    def metrics(self) -> list[Any]:
        return [self.loss_mean]


class RawLoss(OwnMean):
    """A `train_step` that returns the loss of the batch and updates no mean."""

    def train_step(self, batch: Any) -> Any:
        import tensorflow as tf

        x, y = batch
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self(x, training=True) - y) ** 2)
        self.optimizer.apply(
            tape.gradient(loss, self.trainable_variables), self.trainable_variables
        )
        return {"loss": loss}


def mixed(policy: str) -> Callable[[], Any]:
    dense = {"dtype": policy}
    return lambda: compiled(
        keras.Sequential(
            [
                keras.Input((4,)),
                keras.layers.Dense(3, **dense),
                keras.layers.Dense(1, dtype="float32"),
            ]
        ),
        optimizer=keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.0))
        if policy == "mixed_float16"
        else None,
    )


def reduced(reduction: str | None) -> Callable[[], Any]:
    return sequential(loss=keras.losses.MeanSquaredError(reduction=reduction))


ONES = (1,) * 7
SETUPS = [
    Setup("Sequential", sequential(), mse),
    Setup("functional", functional, mse),
    Setup("subclassed", lambda: compiled(Subclassed()), mse),
    Setup(
        "`train_step` that calls `compute_loss`",
        sequential(Guided),
        mse,
        rows=ONES,
        only_tensorflow=True,
    ),
    Setup(
        "`train_step` with its own `Mean`",
        sequential(OwnMean),
        mse,
        rows=ONES,
        only_tensorflow=True,
    ),
    Setup(
        "`train_step` that returns a raw loss",
        sequential(RawLoss),
        mse,
        reason="the loss reaches no mean: LA401 reports it, and `RecordingMean` in the step "
        "captures it",
        only_tensorflow=True,
    ),
    Setup(
        "several outputs with `loss_weights`",
        two_outputs,
        of_two_outputs,
        fitted(y={"a": Y, "b": Y}),
    ),
    Setup(
        "`sample_weight`",
        sequential(),
        lambda network, rows: float((errors(network, rows) * WEIGHTS[rows]).mean()),
        fitted(sample_weight=WEIGHTS),
    ),
    Setup(
        "`class_weight`", classifier, of_labels, fitted(y=LABELS, class_weight={0: 0.5, 1: 3.0})
    ),
    Setup("masks", masked, of_words, fitted(x=WORDS, y=np.zeros((ROWS, 5, 1), np.float32))),
    Setup("regularizers", sequential(dense={"kernel_regularizer": "l2"}), with_penalty),
    Setup(
        "`add_loss`",
        lambda: compiled(keras.Sequential([keras.Input((4,)), Active(), *layers()[1:]])),
        with_activity,
    ),
    Setup(
        "reduction sum", reduced("sum"), lambda network, rows: float(errors(network, rows).sum())
    ),
    Setup("reduction none", reduced(None), mse, only_tensorflow=True),
    Setup(
        "reduction mean_with_sample_weight",
        reduced("mean_with_sample_weight"),
        lambda network, rows: float(
            (errors(network, rows) * WEIGHTS[rows]).sum() / WEIGHTS[rows].sum()
        ),
        fitted(sample_weight=WEIGHTS),
    ),
    *(
        Setup(
            f"`steps_per_execution={steps}`",
            sequential(steps_per_execution=steps),
            mse,
            only_tensorflow=True,
        )
        for steps in (1, 4, 16)
    ),
    *(
        Setup(f"`jit_compile={value!r}`", sequential(jit_compile=value), mse)
        for value in (False, True, "auto")
    ),
    Setup("`run_eagerly`", sequential(run_eagerly=True), mse),
    Setup("mixed_float16", mixed("mixed_float16"), mse),
    Setup("mixed_bfloat16", mixed("mixed_bfloat16"), mse),
    Setup(
        "gradient accumulation",
        lambda: compiled(
            keras.Sequential(layers()),
            optimizer=keras.optimizers.SGD(0.0, gradient_accumulation_steps=3),
        ),
        mse,
    ),
    Setup("`tf.data`", sequential(), mse, on_data(as_tf_data)),
    Setup(
        "generator",
        sequential(),
        mse,
        on_data(repeated, steps_per_epoch=7),
        rows=(8, 8, 8, 8, 8, 8, 2),
    ),
    Setup("data of unknown size", sequential(), mse, on_data(of_unknown_size)),
    Setup(
        "`steps_per_epoch` that does not divide",
        sequential(),
        mse,
        on_data(lambda: as_tf_data().repeat(), steps_per_epoch=5),
        rows=(8, 8, 8, 8, 8),
    ),
    Setup(
        "`validation_split`", sequential(), mse, fitted(validation_split=0.2), rows=(8, 8, 8, 8, 8)
    ),
    Setup(
        "`validation_freq`",
        sequential(),
        mse,
        fitted(validation_data=(X[:12], Y[:12]), validation_freq=2),
    ),
    Setup("`evaluate` alone", sequential(), mse, evaluated),
    Setup(
        "`evaluate` in a callback", sequential(), mse, together_with(lambda: AtEpochEnd(evaluate))
    ),
    Setup("`train_on_batch`", sequential(), mse, on_batches, only_tensorflow=True),
    Setup("`test_on_batch`", sequential(), mse, on_test_batches, only_tensorflow=True),
    Setup(
        "`EarlyStopping`",
        sequential(),
        mse,
        together_with(lambda: keras.callbacks.EarlyStopping("loss", patience=1), epochs=5),
    ),
    Setup("`stop_training`", sequential(), mse, together_with(lambda: AtEpochEnd(stop), epochs=5)),
    Setup("two `fit` calls", sequential(), mse, twice),
    Setup("Ctrl-C", sequential(), mse, interrupted),
]


@dataclass(frozen=True)
class Result:
    """Whether a recorder captured a training, and whether the training is the same without it."""

    captured: bool
    identical: bool


def tried(setup: Setup) -> Result:
    """Train with and without a recorder, and compare its losses with computed ones."""
    (plain, plain_logs), (recorded, logs) = (
        _trained(setup, 0.005, callbacks) for callbacks in ([], [LossRecorder()])
    )
    weights = [[np.asarray(one) for one in network.get_weights()] for network in (plain, recorded)]
    same = all(np.array_equal(one, other) for one, other in zip(*weights, strict=True))
    recorder = LossRecorder()
    network, _ = _trained(setup, 0.0, [recorder])
    return Result(_is_captured(setup, network, recorder), same and repr(plain_logs) == repr(logs))


def _trained(setup: Setup, rate: float, callbacks: list[Any]) -> tuple[Any, Any]:
    keras.utils.set_random_seed(7)
    network = setup.make()
    network.optimizer.learning_rate = rate
    return network, setup.train(network, callbacks)


def _is_captured(setup: Setup, network: Any, recorder: Any) -> bool:
    split = "test" if setup.train in (evaluated, on_test_batches) else "train"
    series = [
        one
        for recording in recorder.recordings
        for one in recording.select(tag="loss", split=split)
    ]
    if not series or "not_captured" in recorder.recording.metadata:
        return False
    starts = [start for _ in range(2) for start in STARTS[: len(setup.rows)]]
    # The second epoch continues where the first one ended.
    if "steps_per_epoch" in setup.name:
        starts = [STARTS[i % 7] for i in range(2 * len(setup.rows))]
    places, losses = [slice(start, start + BATCH) for start in starts], Series.joined(series)
    expected = [setup.loss(network, place) for place in places]
    precision = 2.0**-6 if "mixed" in setup.name else 2.0**-18
    rows = [ROWS - place.start if place.stop > ROWS else BATCH for place in places]
    averaged = rows if setup.rows != ONES else [1] * len(places)
    return (
        len(losses) == len(expected)
        and np.allclose(losses.values, expected, rtol=precision, atol=precision)
        and losses.weights.tolist() == averaged
    )


def row(name: str, captured: bool, identical: bool, reason: str) -> str:
    """A row of the table."""
    return (
        f"| {name} | {'yes' if captured else 'no'} | {'yes' if identical else 'no'} | {reason} |"
    )


if __name__ == "__main__":
    for one in SETUPS:
        result = tried(one)
        print(row(one.name, result.captured, result.identical, one.reason), flush=True)
