"""Models, data and callbacks of real trainings that are small enough to run by the hundred."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

WAYS = {
    "graph": {},
    "xla": {"jit_compile": True},
    "eager": {"run_eagerly": True},
    "4 steps an execution": {"steps_per_execution": 4},
}
"""Ways of compiling a model, each of which runs its step differently."""


def data(
    rows: int = 50, batch_size: int = 8, *, seed: int = 0, weighted: bool = False
) -> tf.data.Dataset:
    """Batches of a linear problem with four inputs.

    The last batch is short unless the batch size divides the rows.
    """
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 4)).astype(np.float32)
    columns = (
        x,
        x.sum(axis=1, keepdims=True)
        + np.float32(0.1) * random.normal(size=(rows, 1)).astype(np.float32),
    )
    if weighted:
        columns += (random.uniform(0, 2, size=rows).astype(np.float32),)
    return tf.data.Dataset.from_tensor_slices(columns).batch(batch_size)


def model(
    *,
    optimizer: Any = "sgd",
    loss: Any = "mse",
    regularizer: str | None = None,
    noisy: bool = False,
    seed: int = 1,
    **compiled: Any,
) -> keras.Model:
    """A compiled two-layer model with the same weights for the same seed."""
    keras.utils.set_random_seed(seed)
    layers = [
        keras.Input((4,)),
        keras.layers.Dense(8, activation="relu", kernel_regularizer=regularizer),
    ]
    if noisy:
        layers += [keras.layers.BatchNormalization(), keras.layers.Dropout(0.3)]
    network = keras.Sequential([*layers, keras.layers.Dense(1)])
    network.compile(optimizer, loss, **compiled)
    return network


class Spy(keras.callbacks.Callback):
    """Writes down every event with its logs."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[tuple[Any, ...]] = []


def _event(hook: str, *names: str) -> Any:
    def on_event(self: Spy, *args: Any, logs: dict[str, float] | None = None) -> None:
        given, logs = (args[: len(names)], args[len(names)] if len(args) > len(names) else logs)
        self.events.append((hook, *given, dict(logs or {})))

    return on_event


for _phase in ("train", "test"):
    for _moment in ("begin", "end"):
        setattr(Spy, f"on_{_phase}_{_moment}", _event(f"{_phase}_{_moment}"))
        setattr(Spy, f"on_{_phase}_batch_{_moment}", _event(f"{_phase}_batch_{_moment}", "batch"))
for _moment in ("begin", "end"):
    setattr(Spy, f"on_epoch_{_moment}", _event(f"epoch_{_moment}", "epoch"))


def same_weights(one: Any, other: Any) -> bool:
    """Whether two models, or two optimizers, have bit-identical variables."""
    pairs = zip(one.variables, other.variables, strict=True)
    return all(np.array_equal(a.numpy(), b.numpy()) for a, b in pairs)


def fit(network: keras.Model, batches: Any, **arguments: Any) -> keras.callbacks.History:
    """`fit` without a progress bar, and without shuffling, which Keras would warn about."""
    return network.fit(batches, shuffle=False, verbose=0, **arguments)
