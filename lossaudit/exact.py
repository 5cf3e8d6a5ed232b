"""ExactSum: sums of floats without rounding, whatever the order, the range, or the number of parts.

A finite float is an integer times a power of two, so a sum of weighted floats is one too. It is kept as Python integers
and rounded once, when it is asked for. (Exact superaccumulators: Neal 2015, arXiv:1505.05571; here the integer is the
accumulator.)
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Protocol, Self, TypeVar

import numpy as np

from lossaudit.errors import EmptyError, StateError

VERSION = 1
Stored = TypeVar("Stored", bound="_Stored")


class _Stored(Protocol):
    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self: ...


class ExactSum:
    """Σ w·x, exact: the state has no error, and the result is rounded once to float64.

    Laws: merging is associative and commutative, merging an empty sum changes nothing, and any split and order of the
        same
    values gives the same state, byte for byte in JSON. NaN and infinities are counted, and give what IEEE 754 says.

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
        for value, weight in pairs(values, sample_weight):
            self._add(value, weight)

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

    def to_json(self) -> str:
        """The state as canonical JSON: equal states are equal bytes."""
        return dumps(type(self), self.state())

    @classmethod
    def from_json(cls, text: str) -> Self:
        """A sum with the state that `to_json` wrote.

        Raises:
            StateError: the text is damaged, or of another class or version.
        """
        return loads(cls, text)

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


def pairs(values: Any, sample_weight: Any) -> Iterator[tuple[int | float, int | float]]:
    """Each value with its weight, as Python numbers, which hold integers and floats of any numpy type exactly."""
    array = _numbers("values", values)
    weights = _numbers("sample_weight", 1 if sample_weight is None else sample_weight)
    bad = ~(np.isfinite(weights) & (weights >= 0))
    if bad.any():
        raise ValueError(f"sample_weight={weights[bad][0]:g} must be finite and not negative")
    try:
        weights = np.broadcast_to(weights, array.shape)
    except ValueError:
        raise ValueError(
            f"sample_weight of shape {weights.shape} does not broadcast to values of shape {array.shape}"
        ) from None
    return zip(array.ravel().tolist(), weights.ravel().tolist(), strict=True)


def rounded(exact: Fraction) -> float:
    """The nearest float64; an infinity where it is too large for one."""
    try:
        return exact.numerator / exact.denominator
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def dumps(kind: type, state: dict[str, Any]) -> str:
    """Canonical JSON of a state, with its class and version."""
    return json.dumps({"class": kind.__name__, "version": VERSION, **state}, sort_keys=True, separators=(",", ":"))


def loads(kind: type[Stored], text: str) -> Stored:
    """An object of a class from the JSON text that `dumps` wrote of it.

    Raises:
        StateError: the text is damaged, or of another class or version.
    """
    try:
        state = json.loads(text)
        found = state.pop("class"), state.pop("version")
        if found == (kind.__name__, VERSION):
            return kind.from_state(state)
    except (ValueError, AttributeError, LookupError, TypeError) as error:
        raise StateError(f"text={text!r:.80} is not the saved state of a {kind.__name__}: {error}") from error
    raise StateError(
        f"text={text!r:.80} is a {found[0]} of version {found[1]}, not a {kind.__name__} of version {VERSION}"
    )


def _numbers(name: str, values: Any) -> np.ndarray[Any, Any]:
    array = np.asarray(values)
    if array.dtype.kind == "V" and np.can_cast(array.dtype, np.float64):
        array = array.astype(np.float64)  # bfloat16 and its kin
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be numbers, not {array.dtype}: {values!r:.80}")
    return array
