"""fit_loop: `model.fit` as a hand-written loop, to read, to run, and to check `fit` against."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sized
from typing import Any

import keras
import numpy as np
import tensorflow as tf

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
) -> Any:
    """Train a compiled model as `fit` does: the same losses, weights, callback events and logs, bit for bit on a CPU.

    Args:
        model: a compiled model that uses the `train_step` of Keras.
        data: batches `(x, y)` or `(x, y, sample_weight)`: a `tf.data.Dataset`, or anything that yields arrays and can
            be iterated anew for every epoch.
        epochs: the epoch to stop before.
        validation_data: batches to evaluate after each epoch, of the same kinds as `data`.
        callbacks: callbacks, as `fit` takes them.
        verbose: 0 for no progress bar, otherwise as `fit` takes it.
        initial_epoch: the epoch to start with.

    Returns:
        The History of the training, which is also `model.history`.

    Raises:
        ValueError: the model is not compiled, has nothing to train or several replicas; or `data` is an iterator, which
            a second epoch would find empty, or has no batch.

    Unlike `fit` it runs one batch at a time whatever `steps_per_execution` is, and does not announce, after the last
    batch of a data set of unknown length, one more that does not come.
    """
    _check(model)
    train = _Batches("data", data)
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
    train_on = train.traced(model, _train_step)
    evaluate_on = validation.traced(model, _test_step) if validation else None

    model.stop_training = False
    callbacks.on_train_begin()
    initial_epoch = model._initial_epoch or initial_epoch  # set by BackupAndRestore
    logs: Logs = {}
    for epoch in range(initial_epoch, epochs):
        model.reset_metrics()
        callbacks.on_epoch_begin(epoch)
        for index, batch in enumerate(train):
            callbacks.on_train_batch_begin(index)
            logs = train_on(batch)
            callbacks.on_train_batch_end(index, logs)
            if model.stop_training:
                break
        logs = _epoch_logs(model, logs)
        if validation and evaluate_on:
            evaluated = _evaluate(model, validation, evaluate_on, callbacks)
            logs |= {f"val_{name}": value for name, value in evaluated.items()}
        callbacks.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    model.optimizer.finalize_variable_values(model.trainable_weights)
    callbacks.on_train_end(logs)
    return model.history


def _train_step(model: Any, batch: Any) -> Logs:
    """One update of the weights. The loss is averaged over the epoch by rows, and read before the weights change."""
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
    with tf.GradientTape() as tape:
        y_pred = model(x, training=True)
        loss = _compute_loss(model, x, y, y_pred, sample_weight, training=True)
        _loss_tracker(model).update_state(loss, sample_weight=_rows(x))
        scaled_loss = model.optimizer.scale_loss(loss)
    gradients = tape.gradient(scaled_loss, model.trainable_weights)
    model.optimizer.apply_gradients(zip(gradients, model.trainable_weights, strict=True))
    return model.compute_metrics(x, y, y_pred, sample_weight)


def _test_step(model: Any, batch: Any) -> Logs:
    """The loss and the metrics of a batch, with the weights as they are."""
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
    y_pred = model(x, training=False)
    loss = _compute_loss(model, x, y, y_pred, sample_weight, training=False)
    _loss_tracker(model).update_state(loss, sample_weight=_rows(x))
    return model.compute_metrics(x, y, y_pred, sample_weight)


def _evaluate(model: Any, batches: _Batches, step: Step, callbacks: Any) -> Logs:
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
    """The metrics over all batches; the logs of the last batch if its step reports others than the model's metrics."""
    result = model.get_metrics_result()
    return dict(result if result.keys() == logs.keys() else logs)


def _compute_loss(model: Any, *batch: Any, training: bool) -> Any:
    """The total loss, by a `compute_loss` that may be older than its argument `training`."""
    if "training" in inspect.signature(model.compute_loss).parameters:
        return model.compute_loss(*batch, training=training)
    return model.compute_loss(*batch)


def _loss_tracker(model: Any) -> Any:
    """The metric that Keras shows as "loss": the first one, unless the model has no loss."""
    return next(metric for metric in model.metrics if metric.name == "loss")


def _rows(x: Any) -> Any:
    return tf.shape(next(array for array in tf.nest.flatten(x) if array is not None))[0]


def _check(model: Any) -> None:
    if not model.compiled:
        raise ValueError(f"model={model.name!r} must be compiled before it is trained")
    if model.built and not model.trainable_weights:
        raise ValueError(f"model={model.name!r} must have trainable weights")
    if (replicas := model.distribute_strategy.num_replicas_in_sync) > 1:
        raise ValueError(f"model={model.name!r} must be on one replica, not on {replicas}")


class _Batches:
    """Batches for several epochs, of which any length of the first dimension is to be traced as one.

    With the length of a batch in its type, a step would be traced once for full batches and once for the short last
    one, and each time with another order of summation: the last bits of loss and weights would differ from those of
    `fit`.
    """

    def __init__(self, name: str, data: Iterable[Any]) -> None:
        if iter(data) is data:
            raise ValueError(f"{name}={data!r:.80} must be iterable anew for every epoch, not an iterator")
        self._data = data
        self._spec = (
            data.element_spec if isinstance(data, tf.data.Dataset) else tf.nest.map_structure(_spec, _first(name, data))
        )

    def __iter__(self) -> Any:
        return iter(self._data)

    @property
    def number(self) -> int | None:
        """How many batches there are; None where only iterating would tell."""
        if isinstance(self._data, tf.data.Dataset):
            number = int(self._data.cardinality())
            return number if number >= 0 else None
        return len(self._data) if isinstance(self._data, Sized) else None

    def traced(self, model: Any, step: Callable[[Any, Any], Logs]) -> Step:
        """The step as a graph, compiled as the model says."""

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
    """An array of any number of rows; 64-bit floats become the float type of Keras, as `fit` makes them."""
    array = np.asarray(array)
    dtype = keras.config.floatx() if array.dtype == np.float64 else array.dtype
    return tf.TensorSpec((None, *array.shape[1:]), dtype)
