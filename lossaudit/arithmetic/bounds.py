"""Proven bounds of float accumulation: how far a correct program may be from the exact mean.

u = 2^-p is the unit roundoff of a float type with p bits, and h(x) is half an ulp at |x|. No bound
is tuned; each follows from the number of terms and their magnitudes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossaudit.arithmetic.replay import PRECISIONS, pairs, replay_keras_mean

# 2^least is the smallest normal number, and 2^most the first power of two beyond the largest.
_LEAST_EXPONENT = {"float16": -14, "bfloat16": -126, "float32": -126, "float64": -1022}
_MOST_EXPONENT = {"float16": 16, "bfloat16": 128, "float32": 128, "float64": 1024}
_FAILURE = 1e-9
"""Probability that a probable bound is exceeded, if rounding errors are independent."""
COINCIDENCE = 1e-4
"""Probability above which equal numbers in two logs count as a coincidence and prove nothing."""
REWRITTEN = 4
"""Roundings by which XLA's product of a batch's loss and rows may differ from the plain product.

XLA folds the division by the rows into the product, (Σ·1/n)·n = Σ, and so skips up to four.
"""

ORDERS = ("any", "sequential")
"""Orders of addition that `mean_bound` knows."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Bound:
    """How far a computed mean may be from the exact one.

    Args:
        proven: a bound that is never exceeded, shape (n,), or (m, n) for m means.
        probable: a bound that is exceeded with probability 1e-9 if rounding errors are
            mean-independent, shape (n,). Constant losses break that assumption, so exceeding it
            only warns.
    """

    proven: Floats
    probable: Floats


def half_ulp(x: ArrayLike, dtype: str = "float32") -> Floats:
    """h(x): the largest error of rounding a number of magnitude |x| to a float type.

    It is infinite beyond the largest number of the type.

    >>> half_ulp([1.0, 0.75]).tolist() == [2**-24, 2**-25]
    True
    """
    sizes, least = np.abs(np.asarray(x, dtype=np.float64)), _LEAST_EXPONENT[dtype] + 1
    # frexp gives exponent 0 for zero, which would mean the ulp of 1/2.
    exponents = np.where(sizes == 0, least, np.maximum(np.frexp(sizes)[1], least))
    # frexp gives x = m·2^e with 1/2 <= m < 1, so an ulp is 2^(e - p); subnormals share one ulp.
    half = np.ldexp(np.float64(0.5), exponents - PRECISIONS[dtype])
    return np.where(sizes <= _largest(dtype), half, np.float64(np.inf))


def decimals_bound(decimals: int | None) -> float:
    """Half a unit of the last printed digit: the largest error of printing a number.

    It is zero for None, which means that the number was not printed.

    >>> decimals_bound(2) >= 0.005, decimals_bound(None)
    (True, 0.0)
    """
    if decimals is None:
        return 0.0
    # 10^-decimals is rounded, possibly down; the next float64 is a safe bound.
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

    The bound includes the rounding of each product, fused or not, of the sum, of the quotient,
    and of the count unless all weights are integers that the float type represents. It also
    includes the flushing of subnormal numbers. The error of a sum of k terms p depends on the
    order of the additions:

    - "any": k·u·Σ|p|, for every order (Lange and Rump 2017, BIT 57; Rump 2012).
    - "sequential", one after the other, as `keras.metrics.Mean` adds: Σ h(|p_1 + … + p_i| + the
        bound for any order).

    The probable bound is the inequality of Azuma and Hoeffding for the sequential order.

    Args:
        values: batch losses, shape (n,).
        weights: their weights, shape (n,).
        order: "any" or "sequential".
        dtype: the float type in which the program computed.
        roundings: how often each value was rounded before; n if it was computed as a mean of n
            terms of one sign.

    Raises:
        ValueError: the order or the type is unknown, a weight is negative or not finite, or the
            shapes differ.
    """
    if order not in ORDERS:
        raise ValueError(f"order={order!r} must be one of {', '.join(map(repr, ORDERS))}")
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
    """The bound of m means at once, for any order of the additions.

    Args:
        values: batch losses, shape (m, n).
        weights: their weights, shape (m, n).
        dtype: the float type in which the program computed.
        roundings: see `mean_bound`.
        probable: whether to give the probable bound; else the proven one.

    Returns:
        The bound after each batch, shape (m, n).
    """
    return _bound(values, weights, "any", dtype, roundings, probable)


def _bound(
    values: Floats, weights: Floats, order: str, dtype: str, roundings: int, probable: bool
) -> Floats:
    u, terms = 2.0 ** -PRECISIONS[dtype], np.arange(1.0, values.shape[-1] + 1)
    so_far = partial(np.cumsum, axis=-1)
    with np.errstate(all="ignore"):
        # NaN and infinite losses pass through: `Prediction.matches` judges such numbers by itself.
        products = values * weights
        sizes, totals, counts = so_far(np.abs(products)), so_far(products), so_far(weights)
        # A product that underflows loses at most the smallest normal number.
        each = (roundings + 1) * u * np.abs(products) + 2.0 ** _LEAST_EXPONENT[dtype]
        # Not γ_k = k·u / (1 - k·u) (Higham 2002, section 4.2): it has no value once k·u reaches 1,
        # which float16 does after 2048 batches.
        summing = (terms * u * sizes + so_far(each)) * _second_order(terms, u)
        if order == "sequential" or probable:
            steps = half_ulp(np.abs(totals) + summing, dtype)
        if order == "sequential":
            # Errors of earlier steps change the later sums, so h is taken at the largest sum that
            # the bound for any order allows.
            summing = np.minimum(summing, so_far(steps + each) * _second_order(terms, 0.0))
        # The factor is 6.54. In 2000 simulated streams this band was exceeded 85 times, 84 of them
        # with constant losses: so it may only warn.
        likely = (
            math.sqrt(2 * math.log(2 / _FAILURE)) * np.sqrt(so_far(steps**2 + each**2))
            if probable
            else np.inf
        )
        counting = _count_error(weights, counts, terms, u)
        if order == "sequential":
            # A float32 count stops growing at 2^24 additions of 1; the replay knows it exactly.
            replayed = replay_keras_mean(np.zeros_like(weights), weights, dtype=dtype).count
            counting = np.minimum(counting, np.abs(replayed - counts) + terms * 2.0**-52 * counts)
        # |T|·|1/C - 1/W| is at most this for a computed count C within `counting` of W.
        tail = np.abs(totals) * counting / (counts * (counts - counting))
        bound = _quotient(np.minimum(summing, likely), totals, counts, counting, tail, dtype)
        # A partial sum beyond the largest number becomes infinite, and no bound holds for what
        # follows.
        may_overflow = np.maximum(sizes + summing, counts + counting) >= _largest(dtype)
        return np.where(may_overflow, np.inf, bound)


def smoothing_bound(
    values: Floats, decay: float, dtype: str = "float32", corrected: bool = False
) -> Floats:
    """How far an exponential moving average of the first k values may be from the exact one.

    One update v = β·v + (1 - β)·l, or v += (1 - β)·(l - v), rounds β and 1 - β, two products, and
    one or two sums of numbers up to 2·max|l|: at most 12·u·max|l|. Each further update multiplies
    this error by β. The correction for a start at zero divides by 1 - β^k. The power is rounded k
    times, which at most doubles the error.

    Args:
        values: the averaged numbers, shape (n,).
        decay: β, between 0 and 1.
        dtype: the float type in which the program computed.
        corrected: whether the program corrects for a start at zero.

    Returns:
        The bound for each k, shape (n,).
    """
    # An average never exceeds the largest loss so far, so that loss bounds every rounding in it.
    sizes = np.maximum.accumulate(np.abs(values))
    each = 12 * 2.0 ** -PRECISIONS[dtype] * sizes + 2.0 ** _LEAST_EXPONENT[dtype]
    powers = decay ** np.arange(1.0, len(values) + 1)
    # The last factor has room for evaluating this line in float64.
    error = each * (1 - powers) / (1 - decay) * (1 + 2.0**-10)
    return 2 * error / (1 - powers) if corrected else error


def window_bound(sizes: Floats, lengths: Floats | int, dtype: str = "float32") -> Floats:
    """How far the mean of k values may be from the exact one, in any order of the additions.

    Args:
        sizes: mean magnitude of the values of each window, shape (n,).
        lengths: k, one for all windows or one for each, shape (n,).
        dtype: the float type in which the program computed.
    """
    u = 2.0 ** -PRECISIONS[dtype]
    return (lengths + 3) * u * sizes * _second_order(
        np.asarray(lengths, np.float64), u
    ) + 2.0 ** _LEAST_EXPONENT[dtype]


def updating_bound(values: Floats, updates: int, dtype: str = "float32") -> float:
    """How far a mean that is updated number by number may be from the exact one.

    The bound is for every usual formula: sum and count, a correction m += (l - m)·w/n, or a merge
    of such means. Each update rounds at most eight numbers of at most 2·max|l|. It never increases
    an earlier error.
    """
    largest = float(np.max(np.abs(values), initial=0.0))
    errors = (
        16 * (updates + 1) * 2.0 ** -PRECISIONS[dtype] * largest + 2.0 ** _LEAST_EXPONENT[dtype]
    )
    return float(errors + half_ulp(largest + errors, dtype))


def elementary_bound(values: Floats, dtype: str = "float32") -> Floats:
    """2 ulp: the largest error of a product, root, logarithm or exponential of a library."""
    return 4 * half_ulp(values, dtype)


def regrouped_bound(sizes: Floats, dtype: str = "float32") -> Floats:
    """How far two sums of the same parts, at most five, in different orders may be apart.

    Each of the four additions of either sum has an error of at most half an ulp of Σ|part|.

    Args:
        sizes: Σ|part|, shape (m,).
        dtype: the float type in which the program computed.
    """
    return 8 * half_ulp(sizes, dtype)


def steady_bound(mean: float, dtype: str = "float32") -> float:
    """2 ulp: the largest error of a compensated mean of numbers of one sign, after any updates.

    A mean keeps this bound if it adds in a wider type or carries its rounding errors, and rounds
    the result once.
    """
    return float(4 * half_ulp(mean, dtype))


def group_mean_bound(sizes: ArrayLike, terms: ArrayLike, dtype: str = "float32") -> Floats:
    """How far the computed mean of a group may be from the exact one, in any order of additions.

    With n terms the error is n·u·Σ|p| for the sum, the same for the count, the same for evaluating
    the exact mean in float64, and eight roundings of products and the quotient. Together it is
    (3n + 8)·u·Σ|p|/Σw, rounded once more.

    Args:
        sizes: Σ|w·l| / Σw of each group, shape (m,).
        terms: number of terms of each group, shape (m,).
        dtype: the float type in which the program computed.
    """
    sizes, factors = (
        np.asarray(sizes, np.float64),
        (3 * np.asarray(terms, np.float64) + 8) * 2.0 ** -PRECISIONS[dtype],
    )
    # n·u alone bounds each sum (Lange and Rump 2017); 1 + factors is for products of the errors.
    errors = sizes * factors * (1 + factors)
    return errors + half_ulp(sizes + errors, dtype)


def _second_order(terms: Floats, u: float) -> Floats:
    """A factor for products of rounding errors and for evaluating the bound in float64."""
    return 1 + (terms + 4) * (max(u, 2.0**-53) * 2)


def _count_error(weights: Floats, counts: Floats, terms: Floats, u: float) -> Floats:
    """Error of the summed weights; zero while they are integers that the float type represents."""
    # Integers up to 2^p add without rounding. Weights with fractions need the general bound.
    whole = np.logical_and.accumulate(weights == np.trunc(weights), axis=-1) & (counts * u <= 1)
    return np.where(whole, 0.0, terms * u * counts)


def _quotient(
    error: Floats, totals: Floats, counts: Floats, counting: Floats, tail: Floats, dtype: str
) -> Floats:
    """The error of the quotient, from the errors of total and count."""
    # Divided by the smallest count that the program may have had.
    mean_error = error / (counts - counting) + tail
    bound = mean_error + half_ulp(np.abs(totals / counts) + mean_error, dtype)
    # Without rows the mean is 0/0, which is not finite and needs no bound. A count that may be
    # zero proves nothing.
    return np.where((counts == 0) | (counts > counting), bound, np.inf)


def _largest(dtype: str) -> float:
    """The largest finite number of a float type."""
    return math.ldexp(2.0 - math.ldexp(2.0, -PRECISIONS[dtype]), _MOST_EXPONENT[dtype] - 1)
