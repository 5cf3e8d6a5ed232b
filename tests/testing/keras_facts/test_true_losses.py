"""The independent loop: its losses are those of the probe."""

from __future__ import annotations

import keras
import pytest

from lossaudit.testing.keras_facts import true_losses

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="this is about Keras on TensorFlow"
)


def test_the_independent_loop_gives_the_numbers_of_the_probe():
    assert (true_losses.LOSSES, true_losses.SO_FAR, true_losses.ALIKE_SO_FAR) == (
        [1.0, 2.0, 9.0],
        [1.0, 1.5, 3.0],
        [1.0, 1.5, 4.0],
    )
