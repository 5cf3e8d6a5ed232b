"""ExactSum: sums of floats without rounding, in any order, range and number of parts.

A finite float is an integer times a power of two, so a sum of weighted floats is one too. The sum
is a Python integer and is rounded once, in `result`.
"""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain
from typing import Any, Self

import numpy as np

from lossaudit.arithmetic.arguments import WHOLE, Array, columns, flushes, refuse_flushing, scalars
from lossaudit.arithmetic.extraction import Dyadic, dyadic, exact_sums
from lossaudit.errors import EmptyError, PrecisionError, StateError

VERSION = 1
# Measured with a queue of this length: an update costs 1.1 times that of a naive float sum.
_FULL = 1024
"""Most numbers of one weight in the queue; then the queue is added."""
_MANY = 256
"""Most weights in the queue; more are added as one array."""
# A product of two floats has no bit below 2^-2148. A saved state with an exponent beyond 2^20
# counts as damaged, because no sum of floats has so many bits.
_LEAST_EXPONENT, _MOST_EXPONENT = -2 * 1074, 2**20

_LEAST_NORMAL = Fraction(2) ** -1022


class Stored(ABC):
    """An accumulator that saves its state as canonical JSON: equal states give equal bytes."""

    def to_json(self) -> str:
        """The state, class and version as JSON."""
        fields = {"class": type(self).__name__, "version": VERSION, **self.state()}
        return json.dumps(fields, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """An accumulator with the state that `to_json` wrote.

        Raises:
            StateError: the text is damaged, or has another class or version.
        """
        try:
            state = json.loads(text)
            found = state.pop("class"), state.pop("version")
            if found == (cls.__name__, VERSION):
                restored = cls.from_state(state)
                # States are compared by their bytes, so a second spelling of one state must not
                # exist.
                if restored.to_json() != text:
                    raise ValueError("it is not canonical JSON, as to_json writes it")
                return restored
        except (
            ValueError,
            AttributeError,
            LookupError,
            TypeError,
            ArithmeticError,
            RecursionError,
        ) as error:
            raise StateError(
                f"text={text!r:.80} is not the saved state of a {cls.__name__}: {error}"
            ) from error
        raise StateError(
            f"text={text!r:.80} is a {found[0]} of version {found[1]}, not a {cls.__name__} of "
            f"version {VERSION}"
        )

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """The state as JSON values."""

    @classmethod
    @abstractmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """An accumulator with a state that `state` returned; any other state raises ValueError."""


class Total:
    """An exact sum, numerator · 2^exponent, and the counts of NaN and infinities in it."""

    def __init__(self) -> None:
        self.numerator, self.exponent = 0, 0
        self.nan = self.positive = self.negative = 0

    def add(self, part: Dyadic | float) -> None:
        """Add a dyadic number, or a float that may be NaN or infinite."""
        if not isinstance(part, tuple):
            if not math.isfinite(part):
                self.nan += math.isnan(part)
                self.positive += part == math.inf
                self.negative += part == -math.inf
                return
            part = dyadic(part)
        numerator, exponent = part
        # The exponent only falls, because a shift to the left is exact and one to the right is
        # not.
        if exponent < self.exponent:
            self.numerator <<= self.exponent - exponent
            self.exponent = exponent
        self.numerator += numerator << (exponent - self.exponent)

    def add_products(self, values: Iterable[int | float], weight: int | float) -> None:
        """Add weight·x for each x in `values`."""
        numerator, exponent = dyadic(weight)
        for value in values:
            if isinstance(value, float) and not math.isfinite(value):
                # IEEE 754: infinity times 0 is NaN, and a positive weight keeps the sign.
                self.add(value * bool(weight))
            else:
                n, e = dyadic(value)
                self.add((n * numerator, e + exponent))

    def add_array(self, values: Array, weights: Array) -> None:
        """Add Σ w·x of arrays of one shape, or with one weight; an error changes nothing."""
        parts = Total()
        for part in exact_sums(values, weights):
            parts.add(part)
        self.merge(parts)

    def merge(self, other: Total) -> None:
        """Add another total, which does not change."""
        self.add((other.numerator, other.exponent))
        self.nan += other.nan
        self.positive += other.positive
        self.negative += other.negative

    def fraction(self) -> Fraction:
        """The exact sum of the finite numbers."""
        return self.numerator * Fraction(2) ** self.exponent

    def non_finite(self) -> float | None:
        """The sum if NaN or infinities were added: NaN or an infinity; else None."""
        if self.nan or (self.positive and self.negative):
            return math.nan
        if self.positive or self.negative:
            return math.inf if self.positive else -math.inf
        return None

    def state(self) -> dict[str, Any]:
        """The state as JSON values; the numerator is odd, so that equal sums have equal states."""
        # n & -n is the lowest set bit of n.
        zeros = (self.numerator & -self.numerator).bit_length() - 1 if self.numerator else 0
        return {
            "numerator": hex(self.numerator >> zeros),
            "exponent": self.exponent + zeros if self.numerator else 0,
            "nan": self.nan,
            "positive": self.positive,
            "negative": self.negative,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """A total with a state that `state` returned; any other state raises ValueError."""
        total = cls()
        total.numerator, total.exponent = int(state["numerator"], 16), int(state["exponent"])
        total.nan, total.positive, total.negative = (
            int(state[name]) for name in ("nan", "positive", "negative")
        )
        possible = _LEAST_EXPONENT <= total.exponent <= _MOST_EXPONENT
        if (
            not possible
            or total.state() != state
            or min(total.nan, total.positive, total.negative) < 0
        ):
            raise ValueError("not the state of a sum")
        return total


class Exact(Stored):
    """Base of the exact accumulators: queues single numbers by weight and adds many at once."""

    def __init__(self) -> None:
        self.reset_state()

    def reset_state(self) -> None:
        """Forget everything."""
        # None has a queue of its own, so that the usual call without a weight finds it
        # unconverted.
        self._waiting: dict[int | float | None, list[float]] = {}

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add numbers.

        Args:
            values: a number, or an array of any shape; anything that numpy can read.
            sample_weight: None for 1, a number, or an array that broadcasts to `values`, from the
                first axis on: one weight for each batch.

        Raises:
            ValueError: a weight is negative or not finite, or the shapes do not fit.
            TypeError: one of them has no numbers.
            PrecisionError: the thread flushes subnormal numbers to zero, and there are some.
        """
        # A loop adds floats with few different weights, so this path is kept short: it makes an
        # update about as cheap as `s += w * x`. Weights in the queue are checked already.
        if type(values) is float:
            try:
                waiting = self._waiting[sample_weight]
            except (KeyError, TypeError):
                pass
            else:
                if len(waiting) < _FULL:
                    waiting.append(values)
                    return
        self._update(values, sample_weight)

    def _update(self, values: Any, sample_weight: Any) -> None:
        """Add anything but a float whose weight has a queue already."""
        pair = scalars(values, sample_weight)
        if pair is None:
            self._add_array(*columns(values, sample_weight))
        # The queue becomes a float64 array, in which a longer integer would be rounded.
        elif not isinstance(pair[0], float) or pair[1] > WHOLE:
            self._add(pair[:1], 1, pair[1])
        else:
            weight = None if sample_weight is None else pair[1]
            if len(self._waiting.get(weight, ())) >= _FULL or len(self._waiting) >= _MANY:
                self._settle()
            self._waiting.setdefault(weight, []).append(pair[0])

    def _settle(self) -> None:
        """Add the queue: weight by weight, or as one array if there are many weights."""
        # Everything goes to a new accumulator first, so that an error leaves the queue as it was.
        weights = [1 if weight is None else weight for weight in self._waiting]
        groups, added = self._waiting.values(), type(self)()
        for numbers in (weights, *groups):
            refuse_flushing(numbers)
        # Weights that all differ would take one call of fsum each; numpy adds them in one pass.
        if len(groups) < _MANY:
            for weight, group in zip(weights, groups, strict=True):
                added._add(_few(group), len(group), weight)
        else:
            together = np.fromiter(chain.from_iterable(groups), np.float64)
            added._add_array(together, np.repeat(weights, [len(group) for group in groups]))
        if weights:
            self._become(self, added)

    def merge_state(self, other: Self) -> None:
        """Add another accumulator, which does not change.

        Raises:
            TypeError: the other has another class.
        """
        if type(other) is not type(self):
            raise TypeError(f"other={other!r:.80} must be a {type(self).__name__}")
        for one in (self, other):
            one._settle()
        self._become(self, other)

    def _become(self, *parts: Self) -> None:
        """Take the sum of the parts as the state, with an empty queue."""
        # One assignment at the end, so that a KeyboardInterrupt neither loses the queue nor adds
        # it twice.
        whole = type(self)()
        for part in parts:
            whole._absorb(part)
        vars(self).update(vars(whole))

    @abstractmethod
    def _absorb(self, other: Self) -> None:
        """Add the state of another accumulator without its queue."""

    @abstractmethod
    def _add(self, parts: Iterable[int | float], number: int, weight: int | float) -> None:
        """Add `number` numbers of one weight, given as parts with the same sum."""

    @abstractmethod
    def _add_array(self, values: Array, weights: Array) -> None:
        """Add numbers of any shape with one weight, or with a weight for each."""


class ExactSum(Exact):
    """Σ w·x, exact: the state has no error, and the result is rounded once to float64.

    Laws: merging is associative and commutative, and merging an empty sum changes nothing. Any
        split and order of the same values gives the same state, byte for byte in JSON. NaN and
        infinities are counted and give the result of IEEE 754.

    >>> total = ExactSum()
    >>> total.update_state([1e16, 1.0, -1e16])
    >>> total.result()
    1.0
    """

    def reset_state(self) -> None:
        """Forget everything."""
        super().reset_state()
        self._total, self._count = Total(), 0

    def fraction(self) -> Fraction:
        """The exact sum of the finite numbers."""
        self._settle()
        return self._total.fraction()

    def result(self) -> float:
        """The sum, rounded once.

        Raises:
            EmptyError: nothing was added.
        """
        exact, special = self.fraction(), self._total.non_finite()
        if not self._count:
            raise EmptyError("result() of nothing: call update_state() first")
        return rounded(exact) if special is None else special

    def state(self) -> dict[str, Any]:
        """The state as JSON values."""
        self._settle()
        return {**self._total.state(), "count": self._count}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """A sum with a state that `state` returned; any other state raises ValueError."""
        total = cls()
        total._total = Total.from_state(
            {name: value for name, value in state.items() if name != "count"}
        )
        total._count = int(state["count"])
        special = total._total.nan + total._total.positive + total._total.negative
        if (
            total.state() != state
            or total._count < special
            or (total._total.numerator and not total._count)
        ):
            raise ValueError("not the state of a sum")
        return total

    def _absorb(self, other: Self) -> None:
        self._total.merge(other._total)
        self._count += other._count

    def _add(self, parts: Iterable[int | float], number: int, weight: int | float) -> None:
        self._total.add_products(parts, weight)
        self._count += number

    def _add_array(self, values: Array, weights: Array) -> None:
        self._total.add_array(values, weights)
        self._count += values.size


def rounded(exact: Fraction) -> float:
    """The nearest float64; an infinity if the number is too large.

    Raises:
        PrecisionError: the result is subnormal, and the thread flushes subnormal numbers to zero.
    """
    if exact and abs(exact) < _LEAST_NORMAL and flushes():
        raise PrecisionError(
            "the result is subnormal, and this thread flushes subnormal numbers to zero: call "
            "result() in another thread"
        )
    # Python divides integers with one rounding, for integers of any length.
    try:
        return exact.numerator / exact.denominator
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def _few(values: list[float]) -> Iterator[float]:
    """A few numbers with the same sum as many.

    `math.fsum` rounds the sum once; the next number is the sum of the remainder, and so on. If the
    rounded sum of the remainder is zero, the remainder is zero. Numbers that need more than three
    rounds or are not finite are returned unchanged.
    """
    left = values.copy()
    # Losses of similar size leave nothing after two rounds, and the third finds that out.
    for _ in range(3):
        try:
            total = math.fsum(left)
        # fsum raises for 1e308 + 1e308 - 1e308, which is finite, and for inf - inf.
        except (OverflowError, ValueError):
            break
        if not math.isfinite(total):
            break
        if not total:
            return
        yield total
        left.append(-total)
    yield from left
