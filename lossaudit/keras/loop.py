"""fit_loop: `model.fit` as a hand-written loop, to read, to run and to compare with `fit`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sized
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lossaudit.keras.backend import length_of, number_of_replicas
from lossaudit.keras.class_weights import ClassWeight, weights_by_class

Logs = dict[str, Any]
Step = Callable[[Any], Logs]


def fit_loop(
    model: Any,
    data: Iterable[Any],
    *,
    epochs: int = 1,
    validation_data: Iterable[Any] | None = None,
    callbacks: Any = None,
    verbose: int = 0,
    initial_epoch: int = 0,
    steps_per_epoch: int | None = None,
    class_weight: ClassWeight | None = None,
) -> Any:
    """Train a compiled model as `fit` does, with bit-identical results on a CPU.

    Losses, weights, callback events and logs are those of `fit`, with three differences. It runs
    one batch at a time, whatever `steps_per_execution` is. With data of unknown length it does not
    begin a batch after the last one. And if such data end together with an epoch of
    `steps_per_epoch`, no epoch without batches follows.

    Args:
        model: a compiled model that uses the `train_step` of Keras.
        data: batches `(x, y)` or `(x, y, sample_weight)`: a `tf.data.Dataset`, or anything that
            yields arrays and can be iterated again for every epoch.
        epochs: the epoch to stop before.
        validation_data: batches to evaluate after each epoch, of the same kinds as `data`.
        callbacks: callbacks, as in `fit`.
        verbose: 0 for no progress bar, otherwise as in `fit`.
        initial_epoch: the epoch to start with.
        steps_per_epoch: batches of an epoch. The next epoch continues in the data, and starts
            again where they end.
        class_weight: in training, the weight of the rows of each class; 1 for other classes.

    Returns:
        The History of the training, which is also `model.history`.

    Raises:
        ValueError: the model is not compiled, has nothing to train, or is on several replicas;
            `data` is an iterator, which would be empty in a second epoch; `data` has no batch; or
            both `class_weight` and sample weights are given.
    """
    _check(model)
    train = _Batches("data", data, steps_per_epoch)
    validation = None if validation_data is None else _Batches("validation_data", validation_data)
    callbacks = keras.callbacks.CallbackList(
        callbacks,
        add_history=True,
        add_progbar=verbose != 0,
        model=model,
        verbose=verbose,
        epochs=epochs,
        steps=train.number,
    )
    train_on = train.traced(model, partial(_train_step, class_weight=class_weight))
    evaluate_on = validation.traced(model, _test_step) if validation else None

    model.stop_training = False
    callbacks.on_train_begin()
    # BackupAndRestore, a callback, sets `_initial_epoch` when the training begins.
    initial_epoch = model._initial_epoch or initial_epoch
    logs: Logs = {}
    for epoch in range(initial_epoch, epochs):
        model.reset_metrics()
        callbacks.on_epoch_begin(epoch)
        logs = _train(model, train, train_on, callbacks, logs)
        if validation and evaluate_on:
            evaluated = _evaluate(model, validation, evaluate_on, callbacks)
            logs |= {f"val_{name}": value for name, value in evaluated.items()}
        callbacks.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    # An optimizer with `use_ema` puts its averages into the weights here.
    model.optimizer.finalize_variable_values(model.trainable_weights)
    callbacks.on_train_end(logs)
    return model.history


def _train_step(model: Any, batch: Any, class_weight: ClassWeight | None) -> Logs:
    """One update of the weights.

    The loss is averaged over the epoch, weighted by rows; it is computed before the update.
    """
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
    if class_weight is not None:
        if sample_weight is not None:
            raise ValueError(
                f"class_weight={dict(class_weight)!r} and sample weights cannot be given together"
            )
        sample_weight = weights_by_class(y, class_weight)
    with tf.GradientTape() as tape:
        y_pred = model(x, training=True)
        loss = _compute_loss(model, x, y, y_pred, sample_weight, training=True)
        _loss_tracker(model).update_state(loss, sample_weight=length_of(x))
        scaled_loss = model.optimizer.scale_loss(loss)
    gradients = tape.gradient(scaled_loss, model.trainable_weights)
    model.optimizer.apply_gradients(zip(gradients, model.trainable_weights, strict=True))
    return model.compute_metrics(x, y, y_pred, sample_weight)


def _test_step(model: Any, batch: Any) -> Logs:
    """The loss and the metrics of a batch; the weights do not change."""
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
    y_pred = model(x, training=False)
    loss = _compute_loss(model, x, y, y_pred, sample_weight, training=False)
    _loss_tracker(model).update_state(loss, sample_weight=length_of(x))
    return model.compute_metrics(x, y, y_pred, sample_weight)


def _train(model: Any, batches: _Batches, step: Step, callbacks: Any, logs: Logs) -> Logs:
    """Train one epoch; `logs` are those of the epoch before."""
    for index, batch in enumerate(batches):
        callbacks.on_train_batch_begin(index)
        logs = step(batch)
        callbacks.on_train_batch_end(index, logs)
        if model.stop_training:
            break
    return _epoch_logs(model, logs)


def _evaluate(model: Any, batches: _Batches, step: Step, callbacks: Any) -> Logs:
    """Evaluate the model once."""
    callbacks.on_test_begin()
    model.reset_metrics()
    logs: Logs = {}
    for index, batch in enumerate(batches):
        callbacks.on_test_batch_begin(index)
        logs = step(batch)
        callbacks.on_test_batch_end(index, logs)
    logs = _epoch_logs(model, logs)
    callbacks.on_test_end(logs)
    return logs


def _epoch_logs(model: Any, logs: Logs) -> Logs:
    """The metrics over all batches, or the logs of the last batch if their names differ.

    A custom step may report something other than the model's metrics.
    """
    result = model.get_metrics_result()
    return dict(result if result.keys() == logs.keys() else logs)


def _compute_loss(model: Any, *batch: Any, training: bool) -> Any:
    """The total loss of a batch."""
    # Older versions of Keras, and older overrides, have no argument `training`.
    if "training" in inspect.signature(model.compute_loss).parameters:
        return model.compute_loss(*batch, training=training)
    return model.compute_loss(*batch)


def _loss_tracker(model: Any) -> Any:
    """The metric that Keras reports as "loss"."""
    return next(metric for metric in model.metrics if metric.name == "loss")


def _check(model: Any) -> None:
    if not model.compiled:
        raise ValueError(f"model={model.name!r} must be compiled before it is trained")
    if model.built and not model.trainable_weights:
        raise ValueError(f"model={model.name!r} must have trainable weights")
    if (replicas := number_of_replicas(model)) > 1:
        raise ValueError(f"model={model.name!r} must be on one replica, not on {replicas}")


class _Batches:
    """Batches for several epochs, and steps on them that are traced once for every batch length.

    If the traced type had the length of a batch, a step would be traced once for full batches and
    once for the short last one, each with its own order of summation. The last bits of loss and
    weights would then differ from those of `fit`.
    """

    def __init__(self, name: str, data: Iterable[Any], steps: int | None = None) -> None:
        if steps is not None and steps < 1:
            raise ValueError(f"steps_per_epoch={steps} must be at least 1")
        if iter(data) is data:
            raise ValueError(
                f"{name}={data!r:.80} must be iterable again for every epoch, not an iterator"
            )
        self._data, self._steps = data, steps
        self._rest: Iterator[Any] | None = None
        self._spec = (
            data.element_spec
            if isinstance(data, tf.data.Dataset)
            else tf.nest.map_structure(_spec, _first(name, data))
        )

    def __iter__(self) -> Iterator[Any]:
        """The batches of one epoch: all of the data, or the next `steps` at most."""
        if self._steps is None:
            yield from self._data
            return
        self._rest = self._rest or iter(self._data)
        for number in range(self._steps):
            batch = next(self._rest, None)
            if batch is None:
                self._rest = None
                # An epoch ends with the data; only if it would be empty do they start again.
                if number:
                    return
                self._rest = iter(self._data)
                batch = next(self._rest)
            yield batch

    @property
    def number(self) -> int | None:
        """How many batches an epoch has; None if the data have no known length."""
        if self._steps is not None:
            return self._steps
        if isinstance(self._data, tf.data.Dataset):
            number = int(self._data.cardinality())
            return number if number >= 0 else None
        return len(self._data) if isinstance(self._data, Sized) else None

    def traced(self, model: Any, step: Callable[[Any, Any], Logs]) -> Step:
        """The step as a graph, compiled like the model's own steps."""

        def on_batch(batch: Any) -> Logs:
            return step(model, batch)

        if model.run_eagerly:
            return on_batch
        return tf.function(on_batch, input_signature=[self._spec], jit_compile=model.jit_compile)


def _first(name: str, data: Iterable[Any]) -> Any:
    for batch in data:
        return batch
    raise ValueError(f"{name} is empty: there is no batch to train on")


def _spec(array: Any) -> tf.TensorSpec:
    """The type of an array with any number of rows."""
    array = np.asarray(array)
    # `fit` converts 64-bit floats to the float type of Keras.
    dtype = keras.config.floatx() if array.dtype == np.float64 else array.dtype
    return tf.TensorSpec((None, *array.shape[1:]), dtype)
