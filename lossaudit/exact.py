"""ExactSum: sums of floats without rounding, whatever the order, the range, or the number of parts.

A finite float is an integer times a power of two, so a sum of weighted floats is one too. It is kept as Python integers
and rounded once, when it is asked for. (Exact superaccumulators: Neal 2015, arXiv:1505.05571; here the integer is the
accumulator.)
"""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Self

import numpy as np

from lossaudit.errors import EmptyError, StateError

VERSION = 1
_CHUNK = 2**18
_FEW = 32
"""Below this many numbers, a loop is faster than array arithmetic."""

Array = np.ndarray[Any, np.dtype[Any]]


class Stored(ABC):
    """An accumulator whose state is written as canonical JSON: equal states are equal bytes."""

    def to_json(self) -> str:
        """The state, with its class and version."""
        fields = {"class": type(self).__name__, "version": VERSION, **self.state()}
        return json.dumps(fields, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """An accumulator with the state that `to_json` wrote.

        Raises:
            StateError: the text is damaged, or of another class or version.
        """
        try:
            state = json.loads(text)
            found = state.pop("class"), state.pop("version")
            if found == (cls.__name__, VERSION):
                return cls.from_state(state)
        except (ValueError, AttributeError, LookupError, TypeError) as error:
            raise StateError(f"text={text!r:.80} is not the saved state of a {cls.__name__}: {error}") from error
        raise StateError(
            f"text={text!r:.80} is a {found[0]} of version {found[1]}, not a {cls.__name__} of version {VERSION}"
        )

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """The state as JSON values."""

    @classmethod
    @abstractmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """An accumulator with the state that `state` gave; refuses what it cannot have given."""


class ExactSum(Stored):
    """Σ w·x, exact: the state has no error, and the result is rounded once to float64.

    Laws: merging is associative and commutative, merging an empty sum changes nothing, and any split and order of the
    same values gives the same state, byte for byte in JSON. NaN and infinities are counted, and give what IEEE 754
    says.

    >>> total = ExactSum()
    >>> total.update_state([1e16, 1.0, -1e16])
    >>> total.result()
    1.0
    """

    def __init__(self) -> None:
        self.reset_state()

    def reset_state(self) -> None:
        """Forget everything."""
        self._numerator, self._exponent = 0, 0
        self._count = self._nan = self._positive = self._negative = 0

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add numbers.

        Args:
            values: a number, or an array of any shape.
            sample_weight: None for 1, or a number or an array that broadcasts to `values`.

        Raises:
            ValueError: a weight is negative or not finite.
        """
        if (pair := scalars(values, sample_weight)) is not None:
            self._add(*pair)
            return
        array, weights = columns(values, sample_weight)
        for start in range(0, array.size, _CHUNK):
            self._add_chunk(array[start : start + _CHUNK], weights[start : start + _CHUNK])

    def merge_state(self, other: ExactSum) -> None:
        """Add what another sum holds, which stays as it is."""
        self._add_dyadic(other._numerator, other._exponent)
        self._count += other._count
        self._nan += other._nan
        self._positive += other._positive
        self._negative += other._negative

    def fraction(self) -> Fraction:
        """The sum of the finite numbers, as it is."""
        return self._numerator * Fraction(2) ** self._exponent

    def result(self) -> float:
        """The sum, rounded once.

        Raises:
            EmptyError: nothing was added.
        """
        if not self._count:
            raise EmptyError("result() of nothing: call update_state() first")
        special = self.non_finite()
        return rounded(self.fraction()) if special is None else special

    def non_finite(self) -> float | None:
        """What the NaN and the infinities among the numbers make of the sum; None where there are none."""
        if self._nan or (self._positive and self._negative):
            return math.nan
        if self._positive or self._negative:
            return math.inf if self._positive else -math.inf
        return None

    def state(self) -> dict[str, Any]:
        """The state as JSON values."""
        return {
            "numerator": hex(self._numerator),
            "exponent": self._exponent,
            "count": self._count,
            "nan": self._nan,
            "positive": self._positive,
            "negative": self._negative,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """A sum with the state that `state` gave; refuses what it cannot have given."""
        total = cls()
        total._numerator, total._exponent = int(state["numerator"], 16), int(state["exponent"])
        total._count, total._nan, total._positive, total._negative = (
            int(state[name]) for name in ("count", "nan", "positive", "negative")
        )
        if total.state() != state or min(total._count, total._nan, total._positive, total._negative) < 0:
            raise ValueError("not the state of a sum")
        return total

    def _add_chunk(self, values: Array, weights: Array) -> None:
        """Add many at once those whose products float64 arithmetic can split, and the others one by one."""
        together = _is_ordinary(values) & _is_ordinary(weights) & (len(values) > _FEW)
        for value, weight in zip(values[~together].tolist(), weights[~together].tolist(), strict=True):
            self._add(value, weight)
        self._count += int(together.sum())
        for part in _products(values[together].astype(np.float64), weights[together].astype(np.float64)):
            for numerator, exponent in _sums_by_exponent(part):
                self._add_dyadic(numerator, exponent)

    def _add(self, value: int | float, weight: int | float) -> None:
        self._count += 1
        if isinstance(value, float) and not math.isfinite(value):
            product = value * weight
            self._nan += math.isnan(product)
            self._positive += product == math.inf
            self._negative += product == -math.inf
            return
        (a, b), (c, d) = value.as_integer_ratio(), weight.as_integer_ratio()
        self._add_dyadic(a * c, 2 - b.bit_length() - d.bit_length())

    def _add_dyadic(self, numerator: int, exponent: int) -> None:
        """Add numerator · 2^exponent, and keep the numerator odd, so that equal sums are equal states."""
        least = min(exponent, self._exponent)
        total = (self._numerator << (self._exponent - least)) + (numerator << (exponent - least))
        zeros = (total & -total).bit_length() - 1 if total else 0
        self._numerator, self._exponent = total >> zeros, least + zeros if total else 0


def scalars(values: Any, sample_weight: Any) -> tuple[int | float, int | float] | None:
    """A Python number and its weight, which need no array; None for anything else."""
    weight = 1 if sample_weight is None else sample_weight
    if not isinstance(values, (int, float)) or not isinstance(weight, (int, float)):
        return None
    if not 0 <= weight < math.inf:
        raise ValueError(f"sample_weight={weight:g} must be finite and not negative")
    return values, weight


def columns(values: Any, sample_weight: Any) -> tuple[Array, Array]:
    """Values and their weights, each of shape (n,), in the types they came in."""
    array = _numbers("values", values)
    weights = _numbers("sample_weight", 1 if sample_weight is None else sample_weight)
    bad = ~(np.isfinite(weights) & (weights >= 0))
    if bad.any():
        raise ValueError(f"sample_weight={weights[bad][0]:g} must be finite and not negative")
    try:
        return array.ravel(), np.broadcast_to(weights, array.shape).ravel()
    except ValueError:
        raise ValueError(
            f"sample_weight of shape {weights.shape} does not broadcast to values of shape {array.shape}"
        ) from None


def rounded(exact: Fraction) -> float:
    """The nearest float64; an infinity where it is too large for one."""
    try:
        return exact.numerator / exact.denominator
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def _numbers(name: str, values: Any) -> Array:
    array = np.asarray(values)
    if array.dtype.kind == "V" and np.can_cast(array.dtype, np.float64):
        array = array.astype(np.float64)  # bfloat16 and its kin
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be numbers, not {array.dtype}: {values!r:.80}")
    return array


def _is_ordinary(numbers: Array) -> Array:
    """Zero, or so far from the ends of float64 that a product of two and its rounding error are floats too."""
    with np.errstate(invalid="ignore"):
        size = np.abs(numbers.astype(np.float64))
        return (numbers == 0) | ((size > 2.0**-400) & (size < (2.0**53 if numbers.dtype.kind in "iu" else 2.0**400)))


def _products(a: Array, b: Array) -> tuple[Array, Array]:
    """a·b as the sum of its rounded value and the rounding error, both exact (Dekker 1971, Veltkamp's splitting)."""
    product = a * b
    (a_high, a_low), (b_high, b_low) = _split(a), _split(b)
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def _split(x: Array) -> tuple[Array, Array]:
    scaled = x * (2.0**27 + 1)
    high = scaled - (scaled - x)
    return high, x - high


def _sums_by_exponent(x: Array) -> Iterator[tuple[int, int]]:
    """Sums of all numbers of one binary exponent, as integers times powers of two.

    Each significand is cut into 27 and 26 bits, so that float64 bins hold the sums of 2^26 of them exactly.
    """
    significands, exponents = np.frexp(x)
    integers = np.ldexp(significands, 53).astype(np.int64)
    found, bins = np.unique(exponents, return_inverse=True)
    high, low = (np.bincount(bins, weights=part) for part in (integers >> 26, integers & (2**26 - 1)))
    for exponent, upper, lower in zip(found.tolist(), high.tolist(), low.tolist(), strict=True):
        yield (int(upper) << 26) + int(lower), exponent - 53
