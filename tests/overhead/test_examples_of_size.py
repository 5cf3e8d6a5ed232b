"""The example models: three sizes, each with the data of an epoch."""

from __future__ import annotations

import pytest

from lossaudit.overhead.examples_of_size import example


def test_a_size_that_is_not_there_is_refused():
    with pytest.raises(
        ValueError, match="size='huge' must be one of 'smallest', 'small', 'large'"
    ):
        example("huge")
