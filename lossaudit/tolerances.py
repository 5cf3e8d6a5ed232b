"""Proven bounds of float accumulation: how far a correct program may be from the exact mean, and hardly ever is.

u = 2^-p is the unit roundoff of a float type with p bits, h(x) half an ulp at |x|, φ the largest number that is
flushed to zero. Nothing here is tuned; each bound follows from the number of terms and their magnitudes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossaudit.accumulators import PRECISIONS

_LEAST_EXPONENT = {"float16": -14, "bfloat16": -126, "float32": -126, "float64": -1022}
_FAILURE = 1e-9
"""Probability with which a probable bound may be exceeded if rounding errors are independent of one another."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Bound:
    """How far a computed mean may be from the exact one.

    Args:
        proven: never exceeded, shape (n,).
        probable: exceeded with probability 1e-9 if rounding errors are mean-independent, shape (n,); constant losses
            break
            that, so it may only warn.
    """

    proven: Floats
    probable: Floats


def half_ulp(x: ArrayLike, dtype: str = "float32") -> Floats:
    """h(x): the most that rounding to a float type moves a number that lies as far from zero as x.

    >>> half_ulp([1.0, 0.75]).tolist() == [2**-24, 2**-25]
    True
    """
    exponents = np.frexp(np.abs(np.asarray(x, dtype=np.float64)))[1]
    least = _LEAST_EXPONENT[dtype] + 1
    half = np.ldexp(np.float64(0.5), np.maximum(exponents, least) - PRECISIONS[dtype])
    return np.where(np.isfinite(x), half, np.float64(np.inf))


def decimals_bound(decimals: int) -> float:
    """The most that rounding to so many digits after the point moves a number, the next float64 up.

    >>> decimals_bound(2) >= 0.005
    True
    """
    return math.nextafter(0.5 * 10.0**-decimals, math.inf)


def any_order_mean_bound(values: ArrayLike, weights: ArrayLike, *, dtype: str = "float32") -> Bound:
    """How far Σ w·l / Σ w of the first k pairs may be from the exact mean, for each k, in any order, fused or not.

    A sum of k terms p errs by at most k·u·Σ|p| in any order (Lange and Rump 2017, BIT 57; Rump 2012), here with the
    rounding of each product, the flushing of subnormals, the rounding of the count unless all weights are integers that
    it holds exactly, and the rounding of the quotient. The probable bound is Azuma and Hoeffding's for the sequential
    order.

    Args:
        values: batch losses, shape (n,).
        weights: their weights, shape (n,).
        dtype: the float type in which the program computed.
    """
    values, weights = np.asarray(values, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    u, terms = 2.0 ** -PRECISIONS[dtype], np.arange(1, len(values) + 1)
    with np.errstate(all="ignore"):
        products = values * weights
        sizes, totals, counts = np.cumsum(np.abs(products)), np.cumsum(products), np.cumsum(weights)
        each = u * np.abs(products) + 2.0 ** _LEAST_EXPONENT[dtype]
        summing = (terms * u * sizes + np.cumsum(each)) * _second_order(terms, u)
        steps = half_ulp(np.abs(totals) + summing, dtype) ** 2 + each**2
        probable = np.minimum(summing, math.sqrt(2 * math.log(2 / _FAILURE)) * np.sqrt(np.cumsum(steps)))
        counting = _count_error(weights, counts, terms, u)
        tail = np.abs(totals) * counting / (counts * (counts - counting))
        proven, probable = (_quotient(error, totals, counts, counting, tail, dtype) for error in (summing, probable))
        return Bound(proven, probable)


def _second_order(terms: NDArray[np.int64], u: float) -> Floats:
    """Room for products of rounding errors, and for evaluating the bound itself in float64."""
    return 1 + (terms.astype(np.float64) + 4) * (max(u, 2.0**-53) * 2)


def _count_error(weights: Floats, counts: Floats, terms: NDArray[np.int64], u: float) -> Floats:
    """Error of the summed weights: none while they are integers that the float type holds."""
    whole = np.logical_and.accumulate(weights == np.trunc(weights)) & (counts * u <= 1)
    return np.where(whole, 0.0, terms * u * counts)


def _quotient(error: Floats, totals: Floats, counts: Floats, counting: Floats, tail: Floats, dtype: str) -> Floats:
    """The error of the quotient from those of total and count."""
    mean_error = error / (counts - counting) + tail
    return mean_error + half_ulp(np.abs(totals / counts) + mean_error, dtype)
