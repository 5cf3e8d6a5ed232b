"""Prediction: the numbers a log would hold, their proven bounds, and their comparison with what it
does hold.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial, wraps
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lossaudit.arithmetic.arrays import Floats, Ints
from lossaudit.arithmetic.bounds import (
    decimals_bound,
    elementary_bound,
)
from lossaudit.report.verdict import Verdict

Pace = Literal["batch", "epoch"]
"""How often a number is logged: after each batch, or after each epoch."""

GRADES = (Verdict.EXACT, Verdict.CONSISTENT, Verdict.SUSPECT, Verdict.WRONG)
"""The verdicts of a comparison, from best to worst; `Prediction.grade` gives indices into it."""

Way = Callable[[], Floats]

_COLUMNS = ("values", "bounds", "slack", "epochs", "steps")


@dataclass(frozen=True, eq=False)
class Prediction:
    """The numbers that a log would hold if it logged a quantity, and how far float arithmetic may
    move them.

    Args:
        quantity: name of the quantity.
        pace: one number for each batch, or for each epoch.
        values: the numbers in exact arithmetic, rounded to float64, shape (m,).
        bounds: proven bound of |logged - value| for a float accumulation, shape (m,).
        bands: probabilistic bound, which may only warn, shape (m,); computed only where it
            decides.
        slack: proven bound of the error of `values` themselves, shape (m,).
        ways: what known programs print bit for bit, each of shape (m,); computed only where it
            decides.
        epochs: epoch of each number, shape (m,).
        steps: step of each number, shape (m,).
        dtype: the float type in which a program may have computed them.
        words: what a mistake says of itself, for the sentence that explains it.
    """

    quantity: str
    pace: Pace
    values: Floats
    bounds: Floats
    bands: Way
    slack: Floats
    ways: tuple[Way, ...]
    epochs: Ints
    steps: Ints
    dtype: str = "float32"
    words: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.values)

    def named(self, quantity: str) -> Prediction:
        """The same numbers under another name."""
        return replace(self, quantity=quantity)

    def saying(self, **words: str) -> Prediction:
        """The same numbers, with more to say of them."""
        return replace(self, words={**self.words, **words})

    def take(self, rows: NDArray[Any]) -> Prediction:
        """The numbers that an index or a mask picks."""
        if _is_whole(rows, len(self)):
            return self
        columns = {name: getattr(self, name)[rows] for name in _COLUMNS}
        ways = tuple(partial(_picked, way, rows) for way in self.ways)
        return replace(self, **columns, bands=partial(_picked, self.bands, rows), ways=ways)

    def once_an_epoch(self, rows: Ints) -> Prediction:
        """The picked numbers, one of each epoch, shown as the epoch's."""
        return replace(self.take(rows), pace="epoch")

    def times(self, factors: NDArray[Any] | float) -> Prediction:
        """Each number times a factor; the multiplication rounds once more."""
        return self.mapped(lambda values: values * factors, np.abs(factors))

    def mapped(
        self, function: Callable[[Floats], Floats], slope: NDArray[Any] | float
    ) -> Prediction:
        """A function of each number, which grows no faster than `slope` around it."""
        values = function(self.values)
        rounding = elementary_bound(values, self.dtype)
        exact = self.slack * slope + elementary_bound(values, "float64")
        bounds, bands = self.bounds * slope + rounding, self.bands
        return replace(
            self,
            values=values,
            bounds=bounds,
            bands=lambda: bands() * slope + rounding,
            slack=exact,
            ways=(),
        )

    def grade(self, observed: Floats, decimals: int | None = None) -> Ints:
        """Index into GRADES of each observed number, shape (m,), which a log may have rounded to
        `decimals` digits.
        """
        rounding = decimals_bound(decimals)
        with np.errstate(invalid="ignore"):
            distance = np.abs(observed - self.values)
        near = self.matches(observed, decimals)
        same = self._same_bits(observed, ~near)
        same &= np.isnan(self.values) | (decimals is None)
        certain = same | ~near | ~np.isfinite(self.values)
        probable = (
            near
            if certain.all()
            else (distance <= self.bands() + rounding) | ~np.isfinite(self.values)
        )
        return np.select([same, near & probable, near], [0, 1, 2], default=3)

    def matches(self, observed: Floats, decimals: int | None = None) -> NDArray[np.bool_]:
        """Where an observed number is the predicted one as far as can be proved, shape (m,).

        An infinite sum is infinite in one order of its terms and NaN in another, and 0/0 is NaN,
        or zero in Keras.
        """
        rounding = decimals_bound(decimals)
        with np.errstate(invalid="ignore"):
            near = np.abs(observed - self.values) <= self.bounds + rounding
        undefined = ~np.isfinite(self.values)
        if not undefined.any():
            return near
        return np.where(undefined, ~np.isfinite(observed) | self._same_bits(observed), near)

    def _same_bits(
        self, observed: Floats, settled: NDArray[np.bool_] | bool = False
    ) -> NDArray[np.bool_]:
        """Where a known program prints what was observed; nothing is computed for numbers that are
        settled.
        """
        same = _identical(observed, self.values)
        for way in self.ways:
            if np.all(same | settled):
                break
            same |= _identical(observed, way())
        return same

    def differs_from(self, other: Prediction) -> NDArray[np.bool_]:
        """Where the numbers of two predictions are not the same in exact arithmetic, shape (m,)."""
        with np.errstate(invalid="ignore"):
            apart = np.abs(self.values - other.values) > self.slack + other.slack
        return apart | (np.isfinite(self.values) != np.isfinite(other.values))


def beside_the_log(
    function: Callable[..., Iterator[Any]],
) -> Callable[[Any, Floats], Iterator[Any]]:
    """A function of the truth, or of it and of the logged numbers, where one of them says a
    parameter, as of both.
    """
    if len(inspect.signature(function).parameters) > 1:
        return function

    @wraps(function)
    def predict(truth: Any, logged: Floats) -> Iterator[Any]:
        return function(truth)

    return predict


def _picked(way: Way, rows: NDArray[Any]) -> Floats:
    return way()[rows]


def _is_whole(rows: NDArray[Any], length: int) -> bool:
    """Whether an index or a mask picks everything, in order."""
    if rows.dtype == bool:
        return bool(rows.all())
    return len(rows) == length and np.array_equal(rows, np.arange(length))


def _identical(left: Floats, right: Floats) -> NDArray[np.bool_]:
    return (left == right) | (np.isnan(left) & np.isnan(right))
