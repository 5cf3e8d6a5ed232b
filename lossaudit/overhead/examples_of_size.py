"""Example models of three sizes, for measuring what callbacks cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class ModelSize:
    """A dense network and its data.

    Args:
        width: inputs, and units of each hidden layer.
        layers: how many hidden layers.
        batch_size: rows of a batch.
        batches: batches of an epoch.
    """

    width: int
    layers: int
    batch_size: int
    batches: int


SIZES: Mapping[str, ModelSize] = {
    "smallest": ModelSize(10, 0, 32, 256),
    "small": ModelSize(256, 3, 128, 96),
    "large": ModelSize(1024, 3, 128, 16),
}
"""Their steps take about 1, 3 and 30 ms on two cores of a server."""


def example(size: str = "smallest", **compiled: Any) -> tuple[Any, tuple[Any, Any]]:
    """A compiled model of one of the `SIZES`, and (x, y) for an epoch.

    Args:
        size: a name in `SIZES`.
        compiled: further arguments of `compile`, such as `jit_compile`.

    Raises:
        ValueError: `size` is not in `SIZES`.
    """
    import keras

    if size not in SIZES:
        raise ValueError(f"size={size!r} must be one of {', '.join(map(repr, SIZES))}")
    width, layers, batch_size, batches = vars(SIZES[size]).values()
    hidden = [keras.layers.Dense(width, activation="relu") for _ in range(layers)]
    model = keras.Sequential([keras.Input((width,)), *hidden, keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.01), "mse", **compiled)
    x = np.random.default_rng(0).normal(size=(batch_size * batches, width)).astype(np.float32)
    return model, (x, x[:, :1])
