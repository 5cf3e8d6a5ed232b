"""A replay of `keras.metrics.Mean`, bit for bit in its float type."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

PRECISIONS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}
"""Bits of the significand of each float type."""


@dataclass(frozen=True, eq=False)
class Replay:
    """The state of `keras.metrics.Mean` after each of n updates.

    Args:
        total: the weighted sum, shape (n,), float64.
        count: the sum of weights, shape (n,), float64.
        mean: the result, shape (n,), float64.
    """

    total: NDArray[np.float64]
    count: NDArray[np.float64]
    mean: NDArray[np.float64]


def replay_keras_mean(
    values: ArrayLike,
    weights: ArrayLike,
    *,
    dtype: str = "float32",
    fused: bool = False,
    start: tuple[float, float] = (0.0, 0.0),
) -> Replay:
    """The state of `keras.metrics.Mean` after each update with a value and its weight.

    Args:
        values: batch losses, shape (n,).
        weights: their weights, shape (n,).
        dtype: float type of the metric.
        fused: whether product and sum are rounded together.
        start: total and count before the first update.

    Raises:
        ValueError: the type is not in `PRECISIONS`, a weight is negative or not finite, or the
            shapes differ.

    >>> replay_keras_mean([1.0, 2.0, 9.0], [4, 4, 2]).mean
    array([1. , 1.5, 3. ])
    """
    values, weights = pairs(values, weights, dtype)
    replayed = (
        # numpy has neither a fused multiply-add nor bfloat16, so those are replayed one by one.
        None if fused or dtype == "bfloat16" else _accumulated(values, weights, dtype, start)
    )
    total, count = replayed or _one_by_one(values, weights, dtype, fused, start)
    with np.errstate(all="ignore"):
        # Keras divides with `divide_no_nan`: the mean of nothing is 0.
        mean = np.where(count == 0, 0.0, total / count)
    # Rounding twice, to float64 and to p bits, is rounding once if 53 >= 2p + 2. Source: Figueroa
    # 1995, "When is double rounding innocuous?".
    return Replay(total, count, rounded_to(mean, dtype))


def pairs(
    values: ArrayLike, weights: ArrayLike, dtype: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values and weights as float64, both of shape (n,).

    Raises:
        ValueError: the type is not in `PRECISIONS`, a weight is negative or not finite, an integer
            is beyond 2^53, or the shapes differ.
    """
    if dtype not in PRECISIONS:
        raise ValueError(f"dtype={dtype!r} must be one of {', '.join(map(repr, PRECISIONS))}")
    columns = np.asarray(values), np.asarray(weights)
    if columns[0].ndim != 1 or columns[0].shape != columns[1].shape:
        shapes = " and weights of shape ".join(str(column.shape) for column in columns)
        raise ValueError(f"values of shape {shapes} must both be of shape (n,)")
    for name, column in zip(("values", "weights"), columns, strict=True):
        if (
            column.dtype.kind in "iu"
            and column.size
            # Python integers, because the least int64 has no negative in int64.
            and max(int(column.max()), -int(column.min())) > 2**53
        ):
            raise ValueError(f"{name} has integers beyond 2^53, which are not exact as floats")
    floats = columns[0].astype(np.float64), columns[1].astype(np.float64)
    bad = ~(np.isfinite(floats[1]) & (floats[1] >= 0))
    if bad.any():
        raise ValueError(f"weights={floats[1][bad][0]:g} must be finite and not negative")
    return floats


_TINY = {"float16": 0.0, "bfloat16": 2.0**-126, "float32": 2.0**-126, "float64": 2.0**-1022}
"""The least number of each float type that is not flushed to zero; float16 keeps all."""

_SINGLE, _BITS = struct.Struct("f"), struct.Struct("I")

_Sums = tuple[NDArray[np.float64], NDArray[np.float64]]


def _accumulated(
    values: NDArray[Any], weights: NDArray[Any], dtype: str, start: tuple[float, float]
) -> _Sums | None:
    """All updates at once; None if one of them would flush a subnormal number."""
    with np.errstate(all="ignore"):
        # Keras casts both to the metric's type before it multiplies them.
        values, weights = values.astype(dtype), weights.astype(dtype)
        products = values * weights
        # np.add.accumulate adds strictly from left to right, as Keras does; np.sum adds pairwise.
        total, count = (
            # The earlier state is the first term: added at the end, it would round differently.
            np.add.accumulate(np.concatenate([[first], column]).astype(dtype), dtype=dtype)[1:]
            for first, column in zip(start, (products, weights), strict=True)
        )
    columns = (values, weights, products, total, count)
    if any(_subnormal(column, dtype).any() for column in columns):
        return None
    return total.astype(np.float64), count.astype(np.float64)


def _one_by_one(
    values: NDArray[Any],
    weights: NDArray[Any],
    dtype: str,
    fused: bool,
    start: tuple[float, float],
) -> _Sums:
    update, sums = one_update(dtype, fused), start
    states = np.empty((len(values), 2))
    for index, (value, weight) in enumerate(zip(values.tolist(), weights.tolist(), strict=True)):
        states[index] = sums = update(*sums, value, weight)
    return states[:, 0], states[:, 1]


def one_update(
    dtype: str, fused: bool
) -> Callable[[float, float, float, float], tuple[float, float]]:
    """One update of total and count with a value and its weight, rounded as the metric rounds."""
    rounding = rounding_to(dtype)
    exactly = _fused_exactly if dtype == "float64" else _fused(rounding)
    add_product = exactly if fused else lambda total, a, b: rounding(total + rounding(a * b))

    def update(total: float, count: float, value: float, weight: float) -> tuple[float, float]:
        narrow = rounding(weight)
        return add_product(total, rounding(value), narrow), rounding(count + narrow)

    return update


def _fused_exactly(total: float, a: float, b: float) -> float:
    """Total + a·b of float64 numbers in rational arithmetic, rounded once."""
    if not all(map(math.isfinite, (total, a, b))):
        # Fraction has no infinities and no NaN, and rounding does not change them.
        return total + a * b
    exact = Fraction(total) + Fraction(a) * Fraction(b)
    try:
        near = exact.numerator / exact.denominator
    except OverflowError:
        near = math.copysign(math.inf, exact)
    return 0.0 if abs(near) < _TINY["float64"] else near


def _fused(rounding: Callable[[float], float]) -> Callable[[float, float, float], float]:
    """Total + a·b, rounded once; a·b of two float32 is exact in float64.

    The float64 sum is first rounded to odd, so that the second rounding gives the same result as
    one rounding (Boldo and Melquiond 2008, "Emulation of a FMA and correctly rounded sums").
    """

    def add_product(total: float, a: float, b: float) -> float:
        product = a * b
        near = total + product
        # The two-sum below would turn an infinite sum into NaN.
        if not math.isfinite(near):
            return rounding(near)
        # Knuth's two-sum: the exact error of near.
        virtual = near - total
        error = (total - (near - virtual)) + (product - virtual)
        # An even last bit is made odd by a step towards the exact sum.
        if error and not int(math.frexp(near)[0] * 2**53) & 1:
            near = math.nextafter(near, math.copysign(math.inf, error))
        return rounding(near)

    return add_product


def rounding_to(dtype: str) -> Callable[[float], float]:
    """A function that rounds one float64 number to a float type; as `rounded_to`, but faster."""
    tiny = _TINY[dtype]
    if dtype == "float64":
        return lambda number: 0.0 if abs(number) < tiny else float(number)
    if dtype == "float16":
        return lambda number: float(rounded_to(np.float64(number), dtype))
    pack, unpack = _SINGLE.pack, _SINGLE.unpack
    pack_bits, unpack_bits = _BITS.pack, _BITS.unpack

    def rounding(number: float) -> float:
        try:
            # struct refuses what rounds beyond the largest float32; IEEE 754 makes it infinite.
            (narrow,) = unpack(pack(number))
        except OverflowError:
            return math.copysign(math.inf, number)
        return narrow if abs(narrow) >= tiny or narrow != narrow else 0.0

    def rounding_to_upper_half(number: float) -> float:
        narrow = rounding(number)
        # True for infinities and NaN only.
        if narrow - narrow != 0:
            return narrow
        (bits,) = unpack_bits(pack(narrow))
        # Adding 0x7FFF, or 0x8000 if the kept half is odd, rounds ties to even. A carry out of the
        # largest number gives the bits of infinity.
        (upper,) = unpack(pack_bits((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000))
        return float(upper)

    return rounding if dtype == "float32" else rounding_to_upper_half


def rounded_to(values: ArrayLike, dtype: str, *, as_numpy: bool = False) -> NDArray[np.float64]:
    """Numbers rounded to a float type, as float64 of the same shape.

    Args:
        values: the numbers.
        dtype: one of `PRECISIONS`.
        as_numpy: whether to round as numpy does: subnormal numbers stay, and bfloat16, which
            numpy lacks, leaves the numbers as they are. Else it is as TensorFlow does on a CPU:
            subnormal numbers become zero, and bfloat16 rounds like the others.

    >>> rounded_to([0.1, 1e-40], "bfloat16").tolist()
    [0.10009765625, 0.0]
    >>> rounded_to([0.1, 1e-40], "bfloat16", as_numpy=True).tolist()
    [0.1, 1e-40]
    """
    values = np.asarray(values, dtype=np.float64)
    with np.errstate(all="ignore"):
        if as_numpy:
            return values if dtype == "bfloat16" else values.astype(dtype).astype(np.float64)
        narrow = _bfloat16(values) if dtype == "bfloat16" else values.astype(dtype)
    return np.where(_subnormal(narrow, dtype), 0.0, narrow).astype(np.float64)


def _bfloat16(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Numbers rounded to nearest, ties to even, by the upper half of the bits of a float32."""
    bits = values.astype(np.float32).view(np.uint32)
    nearest = (bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)
    return np.where(np.isfinite(values), nearest.view(np.float32), values).astype(np.float64)


def _subnormal(values: NDArray[Any], dtype: str) -> NDArray[np.bool_]:
    """Mask of the numbers that TensorFlow flushes to zero on a CPU."""
    return (np.abs(values) < _TINY[dtype]) & (values != 0)
