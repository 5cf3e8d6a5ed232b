"""Inversion of a running mean: recovers its batch losses, each with a proven error.

A running mean m_k of pairs (w, l) with the count C_k gives l_k ≈ (C_k m_k - C_{k-1} m_{k-1}) /
w_k. The error grows with k, because one batch changes a mean of many batches ever less.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossaudit.arithmetic.bounds import decimals_bound, half_ulp
from lossaudit.arithmetic.replay import PRECISIONS, pairs, replay_keras_mean

SOURCES = ("keras", "exact")

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Inversion:
    """Batch losses recovered from a running mean.

    Args:
        values: the recovered losses, shape (n,); NaN if a weight is zero or a mean is not finite.
        errors: bound of the error of each loss, shape (n,); infinite for NaN.
        recovered: the number of leading batches with a useful loss. From batch `recovered` on,
            every error is at least as large as the mean itself.
    """

    values: Floats
    errors: Floats
    recovered: int


def invert_running_mean(
    means: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    source: str = "keras",
    dtype: str = "float32",
    decimals: int | None = None,
) -> Inversion:
    """Recover batch losses from the running means of one epoch.

    With h(x) half an ulp and δ half a printed digit, the error is
    [C_k (h(m_k) + δ) + C_{k-1} (h(m_{k-1}) + δ) + step] / w_k. The step is 0 for an exact mean
    that was rounded once. For Keras' mean it is h(T_k) + h(w_k l_k), because older rounding errors
    cancel in the difference of totals. A total T_k has no error if it is the only float32 number
    whose quotient rounds to the logged mean.

    Args:
        means: the running mean after each batch, shape (n,).
        weights: rows of each batch, shape (n,); None for batches of equal size.
        source: "keras" for `keras.metrics.Mean`, as Keras logs it; "exact" for an exact mean that
            was rounded once.
        dtype: the float type of the mean.
        decimals: decimal places to which the log was printed; None if it has all digits.

    Raises:
        ValueError: the source is unknown, a weight is negative or not finite, or the shapes
            differ.

    >>> invert_running_mean([1.0, 1.5, 3.0], [4, 4, 2]).values.tolist()
    [1.0, 2.0, 9.0]
    """
    means, weights = _checked(means, weights, source, dtype)
    # The divisor that Keras used: exact up to 2^24 rows, then rounded in every update.
    replayed = replay_keras_mean(np.zeros_like(means), weights, dtype=dtype).count
    counts = replayed if source == "keras" else np.cumsum(weights)
    printing = decimals_bound(decimals)
    with np.errstate(all="ignore"):
        flushed = _flushed(dtype) if source == "keras" else 0.0
        totals, radii = (
            counts * means,
            counts * (half_ulp(np.abs(means) + printing, dtype) + printing + flushed),
        )
        # Measured on float32 logs: a total is unique in 79 to 96 % of the steps. Its error is gone
        # then, which cuts the bound to less than half.
        if source == "keras" and dtype == "float32":
            totals, radii = _snapped(totals, radii)
        # Differences of totals cancel all rounding errors of earlier updates.
        before, radii_before = np.append(0.0, totals[:-1]), np.append(0.0, radii[:-1])
        change, errors = totals - before, radii + radii_before
        if source == "keras":
            errors = errors + _step(np.abs(totals) + radii, np.abs(change) + errors, dtype)
        # Sums of weights, products and differences are evaluated in float64.
        errors = errors + (np.arange(len(means)) + 4) * 2.0**-52 * (
            np.abs(totals) + np.abs(before)
        )
        values, errors = change / weights, errors / weights
    known = np.isfinite(values) & np.isfinite(errors)
    values, errors = np.where(known, values, np.nan), np.where(known, errors, np.inf)
    # An error as large as the mean leaves even the size of a batch loss open.
    telling = np.flatnonzero(errors < np.abs(means))
    return Inversion(values, errors, int(telling[-1]) + 1 if len(telling) else 0)


def _checked(
    means: ArrayLike, weights: ArrayLike | None, source: str, dtype: str
) -> tuple[Floats, Floats]:
    if source not in SOURCES:
        raise ValueError(f"source={source!r} must be one of {', '.join(map(repr, SOURCES))}")
    return pairs(means, np.ones(np.shape(means)) if weights is None else weights, dtype)


def _snapped(totals: Floats, radii: Floats) -> tuple[Floats, Floats]:
    """Totals and their radii; the radius is 0 if only one float32 number is within it."""
    # The factor has room for evaluating the ends of the interval in float64.
    low, high = totals - radii * (1 + 2.0**-26), totals + radii * (1 + 2.0**-26)
    # The cast rounds to nearest and may fall below `low`; then the next float32 is the first
    # inside.
    nearest = low.astype(np.float32)
    first = np.where(nearest < low, np.nextafter(nearest, np.float32(np.inf)), nearest)
    second = np.nextafter(first, np.float32(np.inf))
    only = (first <= high) & (second > high)
    return np.where(only, first.astype(np.float64), totals), np.where(only, 0.0, radii)


def _step(totals: Floats, products: Floats, dtype: str) -> Floats:
    """The error of one update: of the product, of the new total, and of flushing to zero."""
    return half_ulp(totals, dtype) + half_ulp(products, dtype) + 2 * _flushed(dtype)


def _flushed(dtype: str) -> float:
    """The smallest normal number: numbers below it are flushed to zero."""
    # At zero half_ulp is half of the smallest subnormal number, 2^p below the smallest normal one.
    return float(half_ulp(0.0, dtype)) * 2.0 ** PRECISIONS[dtype]
