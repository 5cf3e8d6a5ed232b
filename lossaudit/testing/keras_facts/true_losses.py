"""The independent loop: computes the losses of the probe in plain Python, with exact arithmetic.

It uses neither Keras nor lossaudit. The output of the probe is 0, so the loss of a row is its
target.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

TARGETS = (0.5, 0.5, 1.5, 1.5, 1.5, 1.5, 2.5, 2.5, 8.0, 10.0)
"""The targets of the ten rows; in batches of four their mean losses are 1, 2 and 9."""


def batches(rows: Sequence[float] = TARGETS, size: int = 4) -> list[Sequence[float]]:
    """Split rows into batches; the last one may be short."""
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def losses(rows: Sequence[float] = TARGETS, size: int = 4) -> list[float]:
    """Return the mean loss of each batch.

    >>> losses()
    [1.0, 2.0, 9.0]
    """
    return [float(sum(map(Fraction, batch)) / len(batch)) for batch in batches(rows, size)]


def so_far(values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Return the weighted mean of the first k values, for each k.

    >>> so_far([1.0, 2.0, 9.0], [4, 4, 2]), so_far([1.0, 2.0, 9.0], [1, 1, 1])
    ([1.0, 1.5, 3.0], [1.0, 1.5, 4.0])
    """
    total = count = Fraction(0)
    means = []
    for value, weight in zip(values, weights, strict=True):
        total, count = total + Fraction(value) * Fraction(weight), count + Fraction(weight)
        means.append(float(total / count))
    return means


def older_multiplied(
    values: Sequence[float], weights: Sequence[float], factor: int
) -> list[float]:
    """Return such means if each update first multiplies all older updates by a factor.

    >>> older_multiplied([1.0, 2.0], [4, 4], 2)
    [1.0, 1.3333333333333333]
    """
    total = count = Fraction(0)
    means = []
    for value, weight in zip(values, weights, strict=True):
        total, count = (
            factor * total + Fraction(value) * Fraction(weight),
            factor * count + Fraction(weight),
        )
        means.append(float(total / count))
    return means


ROWS = [4, 4, 2]
LOSSES = losses()
SO_FAR = so_far(LOSSES, ROWS)
MEAN = SO_FAR[-1]
ALIKE_SO_FAR = so_far(LOSSES, [1, 1, 1])
ALIKE = ALIKE_SO_FAR[-1]
"""The unweighted mean of the batch losses."""
