"""Sums that stand still at a power of two, and what stands still otherwise."""

from __future__ import annotations

import numpy as np
import pytest

from lossaudit import Series, audit
from tests.auditing.alone.planted import found, suspect


def stalled_sum() -> np.ndarray:
    """A float32 sum of ones, looked at now and then."""
    return np.add.accumulate(np.ones(3 * 2**23, np.float32), dtype=np.float32)[2**20 - 1 :: 2**20]


def test_a_float32_sum_that_stands_still_at_a_power_of_two_is_suspect():
    assert found(Series(stalled_sum(), steps=range(24))) == suspect(
        "LA508", "sum-stalled-at-power-of-two"
    )
    assert (
        "up to 16777216 = 2^24 at number 15"
        in audit(None, Series(stalled_sum())).findings[0].message
    )


@pytest.mark.parametrize(
    "values",
    [
        np.minimum(stalled_sum().astype(float) + 1, 2.0**24 + 1),  # no power of two
        np.full(24, 2.0),  # constant
        2 - 0.5 ** np.arange(80.0),  # approaches a limit
        np.append([3.0, 2.5, 2.2, 2.1], np.full(9, 2.0)),  # falls
    ],
)
def test_what_stands_still_at_a_power_of_two_otherwise_is_not(values):
    assert found(Series(values)) == []


def test_a_bfloat16_mean_that_falls_because_its_sum_stands_still_is_suspect():
    n = np.arange(1, 1001)
    means = np.minimum(n, 256) / n
    stalled = Series(means.astype(np.float32), covers="epoch_so_far", dtype="bfloat16")
    assert found(stalled) == suspect("LA508", "sum-stalled-at-power-of-two")
    assert found(Series(means.astype(np.float32), covers="epoch_so_far")) == []
