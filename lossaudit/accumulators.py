"""SumCount, WeightedMean and KerasMean: the three means that are in use, as reference implementations.

All of them speak Keras: `update_state(values, sample_weight=None)`, `result()`, `reset_state()`,
`merge_state(other)`. An array is a stream of numbers, one update for each.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossaudit.errors import EmptyError
from lossaudit.exact import ExactSum, Stored, columns, rounded, scalars

PRECISIONS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}
"""Bits of the significand of each float type."""


class WeightedMean(Stored):
    """Σ w·l / Σ w: the mean over all rows of batches of any size. Exact, rounded once.

    Laws: those of `ExactSum`; any split of the batches over epochs, threads or replicas merges to the same bytes.

    >>> mean = WeightedMean()
    >>> mean.update_state([1.0, 2.0, 9.0], sample_weight=[4, 4, 2])
    >>> mean.result()
    3.0
    """

    def __init__(self) -> None:
        self.reset_state()

    def reset_state(self) -> None:
        """Forget everything."""
        self._total, self._weight = ExactSum(), ExactSum()

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add batch losses.

        Args:
            values: the mean loss of a batch, or an array of them.
            sample_weight: rows of each batch: None for 1, a number, or an array that broadcasts to `values`.

        Raises:
            ValueError: a weight is negative or not finite.
        """
        pair = scalars(values, sample_weight) or columns(values, sample_weight)
        self._total.update_state(*pair)
        self._weight.update_state(pair[1])

    def merge_state(self, other: WeightedMean) -> None:
        """Add what another mean holds, which stays as it is."""
        self._total.merge_state(other._total)
        self._weight.merge_state(other._weight)

    def fraction(self) -> Fraction:
        """The mean of the finite numbers, as it is.

        Raises:
            EmptyError: the total weight is zero.
        """
        weight = self._weight.fraction()
        if not weight:
            raise EmptyError("result() of nothing: no batch was added, or all weights were zero")
        return self._total.fraction() / weight

    def result(self) -> float:
        """The mean, rounded once to float64.

        Raises:
            EmptyError: nothing was added, or the total weight is zero.
        """
        mean, special = self.fraction(), self._total.non_finite()
        return rounded(mean) if special is None else special

    def state(self) -> dict[str, Any]:
        """The state as JSON values."""
        return {"total": self._total.state(), "weight": self._weight.state()}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """A mean with the state that `state` gave."""
        mean = cls()
        mean._total, mean._weight = (ExactSum.from_state(state[name]) for name in ("total", "weight"))
        return mean


class SumCount(WeightedMean):
    """Σ of batch values / number of updates: the mean of batch means. Exact, rounded once.

    It is what a loop reports that divides the sum of its batch losses by the number of batches: right only if all
    batches have the same number of rows. Therefore `sample_weight` is checked, and by definition does not count.

    >>> mean = SumCount()
    >>> mean.update_state([1.0, 2.0, 9.0], sample_weight=[4, 4, 2])
    >>> mean.result()
    4.0
    """

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add batch losses, each counted once.

        Args:
            values: the mean loss of a batch, or an array of them.
            sample_weight: accepted in the form that `WeightedMean` takes, and without effect.

        Raises:
            ValueError: a weight is negative or not finite.
        """
        pair = scalars(values, sample_weight) or columns(values, sample_weight)
        super().update_state(pair[0])


class KerasMean(Stored):
    """What `keras.metrics.Mean` holds after the same updates, bit for bit.

    total ← fl(total + fl(w·l)) and count ← fl(count + w) in the metric's float type; the result is fl(total / count),
    and 0 where count is 0. An update with an array is one update for each of its numbers: in which order Keras itself
    would add up an array is not specified. Subnormal numbers are flushed to zero, but for those of
    float16, as TensorFlow does on a CPU.

    Args:
        dtype: float type of the metric: "float32", "float64", "float16" or "bfloat16".
        fused: whether product and sum are rounded together, as XLA may compile them.

    >>> mean = KerasMean()
    >>> mean.update_state([0.1] * 10, sample_weight=3)
    >>> mean.result()
    0.09999999403953552
    """

    def __init__(self, dtype: str = "float32", fused: bool = False) -> None:
        if dtype not in PRECISIONS:
            raise ValueError(f"dtype={dtype!r} must be one of {', '.join(map(repr, PRECISIONS))}")
        self.dtype, self.fused = dtype, bool(fused)
        self._step = _update(dtype, self.fused)
        self.reset_state()

    def reset_state(self) -> None:
        """Forget everything."""
        self._total = self._count = 0.0
        self._updates = 0

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add numbers as so many updates of the metric would.

        Raises:
            ValueError: a weight is negative or not finite.
        """
        if (pair := scalars(values, sample_weight)) is not None:
            self._total, self._count = self._step(self._total, self._count, *pair)
            self._updates += 1
            return
        array, weights = columns(values, sample_weight)
        if len(array):
            start = (self._total, self._count)
            replay = replay_keras_mean(array, weights, dtype=self.dtype, fused=self.fused, start=start)
            self._total, self._count = float(replay.total[-1]), float(replay.count[-1])
            self._updates += len(array)

    def merge_state(self, other: KerasMean) -> None:
        """Add total and count of another metric in the metric's float type, as a sum over two replicas does.

        Raises:
            ValueError: the other metric has another float type.
        """
        if other.dtype != self.dtype:
            raise ValueError(f"other.dtype={other.dtype!r} must be {self.dtype!r}, the type of this metric")
        rounding = _rounding(self.dtype)
        self._total, self._count = rounding(self._total + other._total), rounding(self._count + other._count)
        self._updates += other._updates

    def result(self) -> float:
        """The metric's result, as float64.

        Raises:
            EmptyError: nothing was added; the metric of Keras gives 0 then.
        """
        if not self._updates:
            raise EmptyError("result() of nothing: call update_state() first")
        with np.errstate(all="ignore"):
            return _rounding(self.dtype)(float(np.float64(self._total) / self._count)) if self._count else 0.0

    def state(self) -> dict[str, Any]:
        """The state as JSON values."""
        numbers = {"total": self._total.hex(), "count": self._count.hex(), "updates": self._updates}
        return {"dtype": self.dtype, "fused": self.fused, **numbers}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """A metric with the state that `state` gave; refuses what it cannot have given."""
        mean = cls(state["dtype"], state["fused"])
        mean._total, mean._count = float.fromhex(state["total"]), float.fromhex(state["count"])
        mean._updates = int(state["updates"])
        if mean.state() != state or mean._updates < 0:
            raise ValueError("not the state of a KerasMean")
        return mean


@dataclass(frozen=True, eq=False)
class Replay:
    """The state of `keras.metrics.Mean` after each of n updates.

    Args:
        total: the weighted sum, shape (n,), float64.
        count: the sum of weights, shape (n,), float64.
        mean: what `result()` gives, shape (n,), float64.
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
    """What `keras.metrics.Mean` holds after each update with a value and its weight.

    Args:
        values: batch losses, shape (n,).
        weights: their weights, shape (n,).
        dtype: float type of the metric.
        fused: whether product and sum are rounded together.
        start: total and count before the first update.

    >>> replay_keras_mean([1.0, 2.0, 9.0], [4, 4, 2]).mean
    array([1. , 1.5, 3. ])
    """
    values, weights = np.asarray(values, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    replayed = None if fused or dtype == "bfloat16" else _accumulated(values, weights, dtype, start)
    total, count = replayed or _one_by_one(values, weights, dtype, fused, start)
    with np.errstate(all="ignore"):
        mean = np.where(count == 0, 0.0, total / count)
    return Replay(total, count, _rounded(mean, dtype))


_TINY = {"float16": 0.0, "bfloat16": 2.0**-126, "float32": 2.0**-126, "float64": 2.0**-1022}
"""The least number of each float type that is not flushed to zero: all of float16 is kept."""

_SINGLE = struct.Struct("f")

_Sums = tuple[NDArray[np.float64], NDArray[np.float64]]


def _accumulated(values: NDArray[Any], weights: NDArray[Any], dtype: str, start: tuple[float, float]) -> _Sums | None:
    """All updates at once; None where a subnormal number would have been flushed on the way."""
    with np.errstate(all="ignore"):
        values, weights = values.astype(dtype), weights.astype(dtype)
        products = values * weights
        total, count = (
            np.add.accumulate(np.concatenate([[first], column]).astype(dtype), dtype=dtype)[1:]
            for first, column in zip(start, (products, weights), strict=True)
        )
    columns = (values, weights, products, total, count)
    if any(_subnormal(column, dtype).any() for column in columns):
        return None
    return total.astype(np.float64), count.astype(np.float64)


def _one_by_one(
    values: NDArray[Any], weights: NDArray[Any], dtype: str, fused: bool, start: tuple[float, float]
) -> _Sums:
    update, sums = _update(dtype, fused), start
    states = np.empty((len(values), 2))
    for index, (value, weight) in enumerate(zip(values.tolist(), weights.tolist(), strict=True)):
        states[index] = sums = update(*sums, value, weight)
    return states[:, 0], states[:, 1]


def _update(dtype: str, fused: bool) -> Callable[[float, float, float, float], tuple[float, float]]:
    """One update of total and count with a value and its weight, rounded as the metric rounds."""
    rounding = _rounding(dtype)
    add_product = _fused(rounding) if fused else lambda total, a, b: rounding(total + rounding(a * b))

    def update(total: float, count: float, value: float, weight: float) -> tuple[float, float]:
        narrow = rounding(weight)
        return add_product(total, rounding(value), narrow), rounding(count + narrow)

    return update


def _fused(rounding: Callable[[float], float]) -> Callable[[float, float, float], float]:
    """Total + a·b, rounded once: the float64 sum is first rounded to odd, which makes the second rounding harmless.

    Boldo and Melquiond 2008, "Emulation of a FMA and correctly rounded sums"; a·b of two float32 is exact in float64.
    """

    def add_product(total: float, a: float, b: float) -> float:
        product = a * b
        near = total + product
        if not math.isfinite(near):
            return rounding(near)
        virtual = near - total
        error = (total - (near - virtual)) + (product - virtual)
        if error and not int(math.frexp(near)[0] * 2**53) & 1:
            near = math.nextafter(near, math.copysign(math.inf, error))
        return rounding(near)

    return add_product


def _rounding(dtype: str) -> Callable[[float], float]:
    """Rounding of one float64 number to a float type."""
    tiny = _TINY[dtype]
    if dtype == "float64":
        return lambda number: 0.0 if abs(number) < tiny else float(number)
    if dtype != "float32":
        return lambda number: float(_rounded(np.float64(number), dtype))
    pack, unpack = _SINGLE.pack, _SINGLE.unpack

    def rounding(number: float) -> float:
        try:
            (narrow,) = unpack(pack(number))
        except OverflowError:
            return math.copysign(math.inf, number)
        return narrow if abs(narrow) >= tiny or narrow != narrow else 0.0

    return rounding


def _rounded(values: Any, dtype: str) -> NDArray[np.float64]:
    """float64 numbers rounded to a float type, subnormal ones flushed to zero; still float64."""
    values = np.asarray(values, dtype=np.float64)
    with np.errstate(all="ignore"):
        narrow = _bfloat16(values) if dtype == "bfloat16" else values.astype(dtype)
    return np.where(_subnormal(narrow, dtype), 0.0, narrow).astype(np.float64)


def _bfloat16(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rounded to nearest, ties to even, by the upper half of the bits of a float32."""
    bits = values.astype(np.float32).view(np.uint32)
    nearest = (bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)
    return np.where(np.isfinite(values), nearest.view(np.float32), values).astype(np.float64)


def _subnormal(values: NDArray[Any], dtype: str) -> NDArray[np.bool_]:
    """Which numbers TensorFlow flushes to zero on a CPU."""
    return (np.abs(values) < _TINY[dtype]) & (values != 0)
