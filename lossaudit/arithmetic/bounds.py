"""Proven bounds of float accumulation: how far a correct program may be from the exact mean, and
hardly ever is.

u = 2^-p is the unit roundoff of a float type with p bits, h(x) half an ulp at |x|, φ the largest
number that is flushed to zero. Nothing here is tuned; each bound follows from the number of terms
and their magnitudes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossaudit.arithmetic.replay import PRECISIONS, pairs, replay_keras_mean

_LEAST_EXPONENT = {"float16": -14, "bfloat16": -126, "float32": -126, "float64": -1022}
_MOST_EXPONENT = {"float16": 16, "bfloat16": 128, "float32": 128, "float64": 1024}
_FAILURE = 1e-9
"""Probability with which a probable bound may be exceeded if rounding errors are independent of
one another.
"""
COINCIDENCE = 1e-4
"""Probability above which equal numbers in two logs may be a coincidence, so that nothing follows
from them.
"""
REWRITTEN = 4
"""Roundings by which the product of a batch's loss and rows may differ from what XLA makes of it:
it folds the division by the rows into the product, as (Σ·1/n)·n = Σ, and so skips up to four."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Bound:
    """How far a computed mean may be from the exact one.

    Args:
        proven: never exceeded, shape (n,), or (m, n) for m means side by side.
        probable: exceeded with probability 1e-9 if rounding errors are mean-independent, shape
            (n,); constant losses break that, so it may only warn.
    """

    proven: Floats
    probable: Floats


def half_ulp(x: ArrayLike, dtype: str = "float32") -> Floats:
    """h(x): the most that rounding to a float type moves a number that lies as far from zero as x.

    Infinite beyond the largest number of the type.

    >>> half_ulp([1.0, 0.75]).tolist() == [2**-24, 2**-25]
    True
    """
    sizes, least = np.abs(np.asarray(x, dtype=np.float64)), _LEAST_EXPONENT[dtype] + 1
    exponents = np.where(sizes == 0, least, np.maximum(np.frexp(sizes)[1], least))
    half = np.ldexp(np.float64(0.5), exponents - PRECISIONS[dtype])
    return np.where(sizes <= _largest(dtype), half, np.float64(np.inf))


def decimals_bound(decimals: int | None) -> float:
    """Half of the last printed digit: the most that printing so many decimals moves a number, the
    next float64 up.

    Zero for None: a number that was not printed.

    >>> decimals_bound(2) >= 0.005, decimals_bound(None)
    (True, 0.0)
    """
    if decimals is None:
        return 0.0
    return math.nextafter(0.5 * 10.0**-decimals, math.inf)


def mean_bound(
    values: ArrayLike,
    weights: ArrayLike,
    *,
    order: str = "any",
    dtype: str = "float32",
    roundings: int = 0,
) -> Bound:
    """How far Σ w·l / Σ w of the first k pairs may be from the exact mean, for each k.

    With the rounding of each product, fused or not, the flushing of subnormals, the rounding of
    the count unless all weights are integers that it holds exactly, and the rounding of the
    quotient. How a sum of k terms p errs depends on the order in which they are added:

    - "any": k·u·Σ|p|, whatever the order (Lange and Rump 2017, BIT 57; Rump 2012).
    - "sequential": one after the other, as `keras.metrics.Mean` does: Σ h(|p_1 + … + p_i| + the
        bound of any order).
    - "pairwise": as `numpy.sum` does on contiguous numbers: d·u·Σ|p|, d additions deep.

    The probable bound is Azuma and Hoeffding's for the sequential order.

    Args:
        values: batch losses, shape (n,).
        weights: their weights, shape (n,).
        order: "any", "sequential" or "pairwise".
        dtype: the float type in which the program computed.
        roundings: how often each value was rounded before; n where it was computed as a mean of n
            terms of one sign.

    Raises:
        ValueError: the order or the type is none of these, a weight is negative or not finite, or
            the shapes differ.
    """
    if order not in _DEPTHS:
        raise ValueError(f"order={order!r} must be one of {', '.join(map(repr, _DEPTHS))}")
    columns = pairs(values, weights, dtype)
    return Bound(
        *(_bound(*columns, order, dtype, roundings, probable) for probable in (False, True))
    )


def mean_bounds(
    values: Floats,
    weights: Floats,
    *,
    dtype: str = "float32",
    roundings: int = 0,
    probable: bool = False,
) -> Floats:
    """The proven or the probable bound of m means side by side, whatever the order: all arrays of
    shape (m, n).
    """
    return _bound(values, weights, "any", dtype, roundings, probable)


def _bound(
    values: Floats, weights: Floats, order: str, dtype: str, roundings: int, probable: bool
) -> Floats:
    u, terms = 2.0 ** -PRECISIONS[dtype], np.arange(1.0, values.shape[-1] + 1)
    depths, so_far = _DEPTHS[order](terms), partial(np.cumsum, axis=-1)
    with np.errstate(all="ignore"):
        products = values * weights
        sizes, totals, counts = so_far(np.abs(products)), so_far(products), so_far(weights)
        each = (roundings + 1) * u * np.abs(products) + 2.0 ** _LEAST_EXPONENT[dtype]
        summing = (depths * u * sizes + so_far(each)) * _second_order(terms, u)
        if order == "sequential" or probable:
            steps = half_ulp(np.abs(totals) + summing, dtype)
        if order == "sequential":
            summing = np.minimum(summing, so_far(steps + each) * _second_order(terms, 0.0))
        likely = (
            math.sqrt(2 * math.log(2 / _FAILURE)) * np.sqrt(so_far(steps**2 + each**2))
            if probable
            else np.inf
        )
        counting = _count_error(weights, counts, depths, u)
        if order == "sequential":
            replayed = replay_keras_mean(np.zeros_like(weights), weights, dtype=dtype).count
            counting = np.minimum(counting, np.abs(replayed - counts) + terms * 2.0**-52 * counts)
        tail = np.abs(totals) * counting / (counts * (counts - counting))
        bound = _quotient(np.minimum(summing, likely), totals, counts, counting, tail, dtype)
        may_overflow = np.maximum(sizes + summing, counts + counting) >= _largest(dtype)
        return np.where(may_overflow, np.inf, bound)


def smoothing_bound(
    values: Floats, decay: float, dtype: str = "float32", corrected: bool = False
) -> Floats:
    """How far an exponential moving average of the first k values may be from the exact one, for
    each k.

    One update v = β·v + (1 - β)·l, or v += (1 - β)·(l - v), rounds β and 1 - β, two products, and
    one or two sums of numbers no larger than 2·max|l|: at most 12·u·max|l|, of which β is left
    after each further update. The correction for a start at zero divides by 1 - β^k, whose power,
    rounded k times, adds no more than as much again.
    """
    sizes = np.maximum.accumulate(np.abs(values))
    each = 12 * 2.0 ** -PRECISIONS[dtype] * sizes + 2.0 ** _LEAST_EXPONENT[dtype]
    powers = decay ** np.arange(1.0, len(values) + 1)
    error = each * (1 - powers) / (1 - decay) * (1 + 2.0**-10)
    return 2 * error / (1 - powers) if corrected else error


def window_bound(sizes: Floats, lengths: Floats | int, dtype: str = "float32") -> Floats:
    """How far the mean of k values, of magnitudes whose mean is `sizes`, may be from the exact
    one, in any order.
    """
    u = 2.0 ** -PRECISIONS[dtype]
    return (lengths + 3) * u * sizes * _second_order(
        np.asarray(lengths, np.float64), u
    ) + 2.0 ** _LEAST_EXPONENT[dtype]


def updating_bound(values: Floats, updates: int, dtype: str = "float32") -> float:
    """How far a mean that is updated number by number may be from the exact one, by any of the
    usual formulas.

    By sum and count, or by a correction of the mean, m += (l - m)·w/n, or by merging such means:
    each update rounds at most eight times numbers no larger than 2·max|l|, weighs as much as its
    weight, and never adds to an earlier error.
    """
    largest = float(np.max(np.abs(values), initial=0.0))
    errors = (
        16 * (updates + 1) * 2.0 ** -PRECISIONS[dtype] * largest + 2.0 ** _LEAST_EXPONENT[dtype]
    )
    return float(errors + half_ulp(largest + errors, dtype))


def elementary_bound(values: Floats, dtype: str = "float32") -> Floats:
    """2 ulp: how far a product, root, logarithm or exponential of a numerical library may be from
    the exact one.
    """
    return 4 * half_ulp(values, dtype)


def regrouped_bound(sizes: Floats, dtype: str = "float32") -> Floats:
    """How far two sums of the same parts, five at most, may be apart that were added in another
    order.

    Each of the four additions of either sum rounds by half an ulp of a number no larger than the
    sum of the magnitudes.

    Args:
        sizes: Σ|part|, shape (m,).
        dtype: the float type in which the program computed.
    """
    return 8 * half_ulp(sizes, dtype)


def steady_bound(mean: float, dtype: str = "float32") -> float:
    """2 ulp: how far a mean of numbers of one sign may be from the exact one after any number of
    updates.

    It is kept by what adds in a wider type, or carries its rounding errors, and rounds the result.
    """
    return float(4 * half_ulp(mean, dtype))


def group_mean_bound(sizes: ArrayLike, terms: ArrayLike, dtype: str = "float32") -> Floats:
    """How far a computed mean of each of many groups may be from the exact one, in whatever order
    it was added.

    With n terms, n·u·Σ|p| for the sum, as much for the count, once more for evaluating the exact
    mean in float64, and eight roundings of products and quotient: (3n + 8)·u·Σ|p|/Σw, rounded once
    more.

    Args:
        sizes: Σ|w·l| / Σw of each group, shape (m,).
        terms: number of terms of each group, shape (m,).
        dtype: the float type in which the program computed.
    """
    sizes, factors = (
        np.asarray(sizes, np.float64),
        (3 * np.asarray(terms, np.float64) + 8) * 2.0 ** -PRECISIONS[dtype],
    )
    errors = sizes * factors * (1 + factors)
    return errors + half_ulp(sizes + errors, dtype)


def _pairwise_depth(terms: Floats) -> Floats:
    """Additions that a term goes through in `numpy.sum` of contiguous numbers.

    A block of at most 128 is added in eight lanes, 15 deep, which 3 additions join and up to 7
    leftovers follow; one more joins it to the start value, and one each level of a tree whose
    halves differ by at most 16 terms.
    """
    return np.minimum(terms, 26 + np.ceil(np.log2(np.maximum(terms / 112, 1))))


_DEPTHS: dict[str, Callable[[Floats], Floats]] = {
    "any": lambda terms: terms,
    "sequential": lambda terms: terms,
    "pairwise": _pairwise_depth,
}


def _second_order(terms: Floats, u: float) -> Floats:
    """Room for products of rounding errors, and for evaluating the bound itself in float64."""
    return 1 + (terms + 4) * (max(u, 2.0**-53) * 2)


def _count_error(weights: Floats, counts: Floats, depths: Floats, u: float) -> Floats:
    """Error of the summed weights: none while they are integers that the float type holds."""
    whole = np.logical_and.accumulate(weights == np.trunc(weights), axis=-1) & (counts * u <= 1)
    return np.where(whole, 0.0, depths * u * counts)


def _quotient(
    error: Floats, totals: Floats, counts: Floats, counting: Floats, tail: Floats, dtype: str
) -> Floats:
    """The error of the quotient from those of total and count."""
    mean_error = error / (counts - counting) + tail
    bound = mean_error + half_ulp(np.abs(totals / counts) + mean_error, dtype)
    return np.where((counts == 0) | (counts > counting), bound, np.inf)


def _largest(dtype: str) -> float:
    """The largest finite number of a float type."""
    return math.ldexp(2.0 - math.ldexp(2.0, -PRECISIONS[dtype]), _MOST_EXPONENT[dtype] - 1)
