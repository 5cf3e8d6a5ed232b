"""Prediction: the numbers that a log would have, with proven bounds, and how to compare them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial, wraps
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lossaudit.arithmetic.arrays import Floats, Ints
from lossaudit.arithmetic.bounds import decimals_bound, elementary_bound
from lossaudit.report.verdict import Verdict

Per = Literal["batch", "epoch"]
"""How often a number is logged: once for each batch, or once for each epoch."""

GRADES = (Verdict.EXACT, Verdict.CONSISTENT, Verdict.SUSPECT, Verdict.WRONG)
"""The verdicts of a comparison, best first; `Prediction.grade` returns indices into it."""

Replay = Callable[[], Floats]
"""Computes numbers on first use, because most comparisons do not need them."""

_COLUMNS = ("values", "bounds", "errors", "epochs", "steps")


@dataclass(frozen=True, eq=False)
class Prediction:
    """The numbers that a log of one quantity would have, and how far rounding may move them.

    Args:
        quantity: name of the quantity.
        per: one number for each batch, or for each epoch.
        values: the numbers in exact arithmetic, rounded to float64, shape (m,).
        bounds: proven bound of |logged - value| for a float accumulation, shape (m,).
        probable: probabilistic bound, shape (m,), which may only warn; computed if it decides.
        errors: proven bound of the error of `values` themselves, shape (m,).
        replays: the numbers that known programs give bit for bit, each of shape (m,); computed if
            they decide.
        epochs: epoch of each number, shape (m,).
        steps: step of each number, shape (m,).
        dtype: float type in which a program may have computed the numbers.
        details: words that a mistake adds to its explanation.
    """

    quantity: str
    per: Per
    values: Floats
    bounds: Floats
    probable: Replay
    errors: Floats
    replays: tuple[Replay, ...]
    epochs: Ints
    steps: Ints
    dtype: str = "float32"
    details: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.values)

    def named(self, quantity: str) -> Prediction:
        """Return the same numbers as another quantity."""
        return replace(self, quantity=quantity)

    def with_details(self, **details: str) -> Prediction:
        """Return the same numbers with more words for the explanation."""
        return replace(self, details={**self.details, **details})

    def without_replays(self) -> Prediction:
        """Return the same numbers and bounds, without what computes bits and probable bounds."""
        return replace(self, probable=partial(np.copy, self.bounds), replays=())

    def take(self, rows: NDArray[Any]) -> Prediction:
        """Return the numbers that an index or a mask selects."""
        # Most logs are in place, and the five columns of a long run need no copy then.
        if _is_whole(rows, len(self)):
            return self
        columns = {name: getattr(self, name)[rows] for name in _COLUMNS}
        replays = tuple(partial(_picked, replay, rows) for replay in self.replays)
        return replace(
            self, **columns, probable=partial(_picked, self.probable, rows), replays=replays
        )

    def per_epoch(self, rows: Ints) -> Prediction:
        """Return the selected numbers, one for each epoch, as numbers of epochs."""
        return replace(self.take(rows), per="epoch")

    def times(self, factors: NDArray[Any] | float) -> Prediction:
        """Return each number times a factor; the product is rounded once more."""
        return self.mapped(lambda values: values * factors, np.abs(factors))

    def mapped(
        self, function: Callable[[Floats], Floats], slope: NDArray[Any] | float
    ) -> Prediction:
        """Return a function of each number.

        Args:
            function: the function, of an array.
            slope: the steepest slope of the function within the bound of each number.
        """
        values = function(self.values)
        rounding = elementary_bound(values, self.dtype)
        # numpy's own error in `values`, next to the error of the program that logged.
        exact = self.errors * slope + elementary_bound(values, "float64")
        bounds, probable = self.bounds * slope + rounding, self.probable
        return replace(
            self,
            values=values,
            bounds=bounds,
            probable=lambda: probable() * slope + rounding,
            errors=exact,
            # The bits of such a number depend on how a program spells the formula: none is
            # replayed.
            replays=(),
        )

    def grade(self, observed: Floats, decimals: int | None = None) -> Ints:
        """Return an index into GRADES for each observed number, shape (m,).

        Args:
            observed: the logged numbers, shape (m,).
            decimals: number of decimals to which the log was rounded; None where it was not.
        """
        rounding = decimals_bound(decimals)
        with np.errstate(invalid="ignore"):
            distance = np.abs(observed - self.values)
        near = self.matches(observed, decimals)
        same = self._same_bits(observed, ~near)
        # Equal bits of a rounded number prove nothing: only NaN cannot have been rounded.
        same &= np.isnan(self.values) | (decimals is None)
        # The probable bound is a pass over all batches, so it waits until a number depends on it.
        certain = same | ~near | ~np.isfinite(self.values)
        probable = (
            near
            if certain.all()
            else (distance <= self.probable() + rounding) | ~np.isfinite(self.values)
        )
        return np.select([same, near & probable, near], [0, 1, 2], default=3)

    def matches(self, observed: Floats, decimals: int | None = None) -> NDArray[np.bool_]:
        """Return where an observed number may be the predicted one, shape (m,).

        An infinite sum is infinite in one order of its terms and NaN in another. 0/0 is NaN, but
        Keras returns zero. So a prediction that is not finite matches every number that is not
        finite.
        """
        rounding = decimals_bound(decimals)
        with np.errstate(invalid="ignore"):
            near = np.abs(observed - self.values) <= self.bounds + rounding
        # inf - inf is NaN, which no bound contains: such numbers are compared by their kind.
        undefined = ~np.isfinite(self.values)
        if not undefined.any():
            return near
        return np.where(undefined, ~np.isfinite(observed) | self._same_bits(observed), near)

    def _same_bits(
        self, observed: Floats, settled: NDArray[np.bool_] | bool = False
    ) -> NDArray[np.bool_]:
        """Return where a known program gives the observed bits.

        A replay is computed only if a number remains that is not settled.
        """
        same = _identical(observed, self.values)
        for replay in self.replays:
            if np.all(same | settled):
                break
            same |= _identical(observed, replay())
        return same

    def differs_from(self, other: Prediction) -> NDArray[np.bool_]:
        """Return where two predictions differ in exact arithmetic, shape (m,)."""
        with np.errstate(invalid="ignore"):
            apart = np.abs(self.values - other.values) > self.errors + other.errors
        return apart | (np.isfinite(self.values) != np.isfinite(other.values))


def of_truth_and_log(
    function: Callable[..., Iterator[Any]],
) -> Callable[[Any, Floats], Iterator[Any]]:
    """Return a function of the truth, or of truth and log, as a function of both.

    A function with a parameter that only the log can tell takes the logged numbers as well.
    """
    if len(inspect.signature(function).parameters) > 1:
        return function

    @wraps(function)
    def predict(truth: Any, logged: Floats) -> Iterator[Any]:
        return function(truth)

    return predict


def _picked(replay: Replay, rows: NDArray[Any]) -> Floats:
    return replay()[rows]


def _is_whole(rows: NDArray[Any], length: int) -> bool:
    """Whether an index or a mask selects everything, in order."""
    if rows.dtype == bool:
        return bool(rows.all())
    return len(rows) == length and np.array_equal(rows, np.arange(length))


def _identical(left: Floats, right: Floats) -> NDArray[np.bool_]:
    return (left == right) | (np.isnan(left) & np.isnan(right))
