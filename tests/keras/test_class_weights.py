"""Weights of rows by class are those that Keras derives."""

from __future__ import annotations

import keras
import numpy as np
import pytest


@pytest.mark.parametrize(
    "y",
    [
        np.array([0, 1, 2, 7]),
        np.array([[0.0], [1.0], [2.0], [7.0]], np.float32),
        np.eye(8, dtype=np.float32)[[0, 1, 2, 7]],
    ],
    ids=["numbers", "column", "one-hot"],
)
def test_class_weights_are_those_of_keras_also_for_classes_without_one(y):
    from keras.src.trainers.data_adapters.data_adapter_utils import class_weight_to_sample_weights

    from lossaudit.keras.class_weights import weights_by_class

    weights = {0: 0.5, 2: 3.0}
    found = keras.ops.convert_to_numpy(weights_by_class(keras.ops.convert_to_tensor(y), weights))
    assert found.tolist() == [0.5, 1.0, 3.0, 1.0]
    assert found.tolist() == class_weight_to_sample_weights(y, weights).tolist()
