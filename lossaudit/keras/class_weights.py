"""Class weights: the weight of each row by the class in its target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

ClassWeight = Mapping[int, float]
"""The weight of the rows of each class; a class that it does not name has weight 1."""


def weights_by_class(y: Any, class_weight: ClassWeight) -> Any:
    """The weight of each row, as `fit` derives it from `class_weight`; inside a graph as well.

    The class of a row is the number in `y`, or the index of the largest entry of a one-hot row
    (`class_weight_to_sample_weights` in `keras/src/trainers/data_adapters/data_adapter_utils.py`).

    Args:
        y: targets, of shape (rows,), (rows, 1) or (rows, classes).
        class_weight: the weight of each class.

    Returns:
        Weights of shape (rows,), in the float type of Keras.
    """
    if len(y.shape) > 1:
        y = ops.argmax(y, axis=-1) if y.shape[-1] != 1 else ops.squeeze(y, axis=-1)
    unnamed = max(class_weight) + 1
    weights = [class_weight.get(number, 1.0) for number in range(unnamed + 1)]
    numbers = ops.cast(ops.round(y), "int32")
    is_named = ops.logical_and(numbers >= 0, numbers < unnamed)
    # The last entry is that of unnamed classes: a number outside of the table would be an error
    # on a CPU and the weight 0 on a GPU.
    table = np.array(weights, keras.config.floatx())
    return ops.take(table, ops.where(is_named, numbers, unnamed), axis=0)
