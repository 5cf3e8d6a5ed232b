"""The independent loop: its losses are those of the probe."""

from __future__ import annotations

from fractions import Fraction

import keras
import pytest
from hypothesis import given
from hypothesis import strategies as st

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


@given(st.lists(st.integers(-64, 64), min_size=1, max_size=30), st.integers(1, 8))
def test_batches_are_all_rows_in_order_and_their_means_average_to_that_of_the_rows(rows, size):
    parts = true_losses.batches(rows, size)
    assert [row for part in parts for row in part] == rows
    assert all(len(part) == size for part in parts[:-1])
    losses = [Fraction(sum(part), len(part)) for part in parts]
    assert true_losses.losses(rows, size) == [float(one) for one in losses]
    mean = true_losses.so_far(losses, [len(part) for part in parts])[-1]
    assert mean == float(Fraction(sum(rows), len(rows)))


@given(st.lists(st.tuples(st.integers(-64, 64), st.integers(1, 8)), min_size=1, max_size=9))
def test_a_factor_of_1_multiplies_nothing(pairs):
    values, weights = zip(*pairs, strict=True)
    plain = true_losses.so_far(values, weights)
    assert true_losses.older_multiplied(values, weights, 1) == plain


def test_older_updates_that_are_multiplied_outweigh_later_ones():
    multiplied = true_losses.older_multiplied([1.0, 2.0, 9.0], [4, 4, 2], 2)
    assert multiplied == [
        1.0,
        float(Fraction(8 + 8, 12)),
        float(Fraction(2 * 16 + 18, 2 * 12 + 2)),
    ]


def test_values_and_weights_must_be_as_many():
    with pytest.raises(ValueError, match="zip"):
        true_losses.so_far([1.0, 2.0], [1])
