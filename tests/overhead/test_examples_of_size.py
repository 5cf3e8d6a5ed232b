"""The example models: three sizes, each with the data of an epoch."""

from __future__ import annotations

import pytest

from lossaudit.overhead.examples_of_size import SIZES, example


def test_a_size_that_is_not_there_is_refused():
    with pytest.raises(
        ValueError, match="size='huge' must be one of 'smallest', 'small', 'large'"
    ):
        example("huge")


@pytest.mark.parametrize("size", SIZES)
def test_an_example_has_the_data_of_one_epoch_of_its_size(size):
    model, (x, y) = example(size)
    about = SIZES[size]
    assert x.shape == (about.batch_size * about.batches, about.width)
    assert y.shape == (len(x), 1)
    assert model.input_shape == (None, about.width)
    assert len(model.layers) == about.layers + 1


def test_examples_are_the_same_each_time_and_compiled_as_asked():
    one, other = (example(jit_compile=False, steps_per_execution=3) for _ in range(2))
    assert one[1][0].tobytes() == other[1][0].tobytes()
    assert (one[0].steps_per_execution, one[0].jit_compile) == (3, False)
