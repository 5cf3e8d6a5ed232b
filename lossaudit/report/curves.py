"""Evidence: the curves and the table that show a claim.

Curves are thinned, so that the report of a long run stays small.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lossaudit.arithmetic.arrays import Floats, Ints
from lossaudit.recording.series import Series
from lossaudit.report.verdict import Verdict

Unit = Literal["step", "batch", "epoch", "number"]
"""What places count: steps, batches of the whole run, epochs, or numbers of the log."""

MOST = 1200
"""Numbers in a curve: the lowest and the highest for each of 600 pixels."""

_ENDS = 50
"""Epochs in a table at the beginning, and as many at the end."""

_WRONG = 200
"""Wrong epochs in a table between its ends."""


@dataclass(frozen=True, eq=False)
class Curve:
    """Numbers and their places.

    Args:
        places: the place of each number, in the unit of the evidence, shape (m,).
        values: the numbers, shape (m,).
        count: how many numbers there were before thinning.
    """

    places: Floats
    values: Floats
    count: int

    @classmethod
    def of(cls, places: NDArray[np.generic], values: Floats) -> Curve:
        """The thinned curve of numbers.

        It has about `MOST` numbers at most, among them every extreme, and the first NaN, +inf and
        -inf of each stretch.

        Args:
            places: the place of each number, shape (n,).
            values: the numbers, shape (n,).
        """
        kept = thinned(values)
        return cls(places[kept].astype(np.float64), values[kept], len(values))

    def thinner(self, most: int) -> Curve:
        """The curve with about `most` numbers at most."""
        kept = thinned(self.values, most)
        return Curve(self.places[kept], self.values[kept], self.count)


@dataclass(frozen=True, eq=False)
class Band:
    """The proven bound around numbers.

    Args:
        places: the place of each bound, shape (m,).
        low: lower bound, shape (m,).
        high: upper bound, shape (m,).
    """

    places: Floats
    low: Floats
    high: Floats

    @classmethod
    def of(cls, places: NDArray[np.generic], middle: Floats, bounds: Floats) -> Band:
        """The band `middle ± bounds`, thinned: a stretch reaches from its lowest to its highest.

        Args:
            places: the place of each number, shape (n,).
            middle: the numbers, shape (n,).
            bounds: how far each may be off, shape (n,).
        """
        return cls(places.astype(np.float64), middle - bounds, middle + bounds).thinner(MOST)

    def thinner(self, most: int) -> Band:
        """The band with at most `most` stretches."""
        n = len(self.places)
        if n <= most:
            return self
        # -(-n // most) rounds up, so that there are never more than `most` stretches.
        starts = np.arange(0, n, -(-n // most))
        # fmin and fmax leave NaN out, so one NaN does not blank its whole stretch.
        low, high = np.fmin.reduceat(self.low, starts), np.fmax.reduceat(self.high, starts)
        return Band(self.places[starts], low, high)


@dataclass(frozen=True, eq=False)
class EpochRows:
    """A table of epochs: the first ones, the last ones, and wrong ones between.

    Args:
        indices: the index of each row among all epochs, shape (m,).
        epochs: the epoch of each row, shape (m,).
        logged: the logged value, shape (m,).
        expected: the value that should have been logged, shape (m,).
        bounds: the proven bound of |logged - expected|, shape (m,).
        verdicts: the verdict on each row, m of them.
        count: how many epochs there are.
        wrong: how many of them are wrong.
    """

    indices: Ints
    epochs: Ints
    logged: Floats
    expected: Floats
    bounds: Floats
    verdicts: tuple[Verdict, ...]
    count: int
    wrong: int

    @classmethod
    def of(
        cls,
        epochs: Ints,
        logged: Floats,
        expected: Floats,
        bounds: Floats,
        verdicts: NDArray[np.str_],
    ) -> EpochRows:
        """The rows that a reader needs, of all epochs; every column has shape (n,)."""
        n, wrong = len(epochs), np.flatnonzero(verdicts == Verdict.WRONG)
        # The first wrong epochs, because later ones often follow from them.
        between = wrong[(wrong >= _ENDS) & (wrong < n - _ENDS)][:_WRONG]
        ends = (
            np.arange(n)
            if n <= 2 * _ENDS
            else np.append(np.arange(_ENDS), np.arange(n - _ENDS, n))
        )
        kept = np.union1d(ends, between).astype(np.int64)
        named = tuple(Verdict(one) for one in verdicts[kept].tolist())
        return cls(
            kept, epochs[kept], logged[kept], expected[kept], bounds[kept], named, n, len(wrong)
        )

    @property
    def left_out(self) -> int:
        """How many epochs have no row."""
        return self.count - len(self.epochs)


@dataclass(frozen=True, eq=False)
class Evidence:
    """The curves and the table of a claim; a curve without data is None.

    Args:
        name: split and tag, for example "train loss".
        unit: what the places of all curves count.
        logged: the logged numbers, at the places that the log gives.
        true: the true loss of each batch.
        expected: the numbers that the log should have, if not the loss of each batch.
        band: the proven bound around the expected numbers.
        predicted: the numbers that the named mistake logs, at the places of the logged ones.
        mistake: the names of the mistakes that made the prediction; empty if there is none.
        rest: the logged numbers minus the predicted ones; minus the expected ones if no mistake
            is named.
        rest_band: the proven bound around zero, for `rest`.
        epochs: the middle of each epoch and its number, thinned evenly.
        borders: where epochs begin; empty if there are too many to draw.
        unplaced: how many logged numbers have no place, and so are not in the curve.
        rows: the epochs one by one, for a claim about epochs.
        marked: the place that a finding is about.
    """

    name: str
    unit: Unit
    logged: Curve
    true: Curve | None = None
    expected: Curve | None = None
    band: Band | None = None
    predicted: Curve | None = None
    mistake: str = ""
    rest: Curve | None = None
    rest_band: Band | None = None
    epochs: Curve | None = None
    borders: Floats | None = None
    unplaced: int = 0
    rows: EpochRows | None = None
    marked: float | None = None

    def thinner(self, most: int) -> Evidence:
        """The evidence with about `most` numbers at most in each curve."""
        columns = {
            each.name: getattr(self, each.name) for each in fields(self) if each.name != "epochs"
        }
        curves: dict[str, Any] = {
            name: one.thinner(most)
            for name, one in columns.items()
            if isinstance(one, Curve | Band)
        }
        return replace(self, **curves)


Draw = Callable[[], Evidence]
"""Computes the evidence of a claim, once a plot is asked for."""


@dataclass(frozen=True)
class Drawn:
    """A `Draw` whose evidence is already computed."""

    evidence: Evidence

    def __call__(self) -> Evidence:
        """The evidence."""
        return self.evidence


def thinned(values: Floats, most: int = MOST) -> Ints:
    """Indices of the numbers that a plot needs, in order.

    At most `most` numbers are all kept. Others are cut into `most / 2` stretches of equal length.
    Each stretch keeps its lowest and highest finite number, and its first NaN, +inf and -inf. The
    first and the last number are kept too.

    Args:
        values: the numbers, shape (n,).
        most: about how many to keep.

    >>> thinned(np.array([3.0, 1.0, 2.0, 9.0, np.nan, 4.0]), most=2)
    array([0, 1, 3, 4, 5])
    """
    n = len(values)
    if n <= most:
        return np.arange(n)
    # Two numbers of each stretch are kept, so there are half as many stretches.
    width = -(-n // max(1, most // 2))
    # NaN in the last stretch may be padding; an index that points there is dropped at the end.
    padded = np.full(-(-n // width) * width, np.nan)
    padded[:n] = values
    grid = padded.reshape(-1, width)
    finite, starts = np.isfinite(grid), np.arange(len(grid)) * width
    extremes = [
        np.argmin(np.where(finite, grid, np.inf), axis=1),
        np.argmax(np.where(finite, grid, -np.inf), axis=1),
    ]
    kept = [np.array([0, n - 1]), *(starts + one for one in extremes)]
    oddities = (np.isnan(grid), np.isposinf(grid), np.isneginf(grid))
    kept += [(starts + np.argmax(odd, axis=1))[odd.any(axis=1)] for odd in oddities]
    found = np.unique(np.concatenate(kept))
    return found[found < n].astype(np.int64)


def evidence_of_log(series: Series, at: int | None = None) -> Evidence:
    """The evidence of a log without a truth.

    Args:
        series: the logged numbers.
        at: the epoch or step that a finding is about; None for none.
    """
    axis: Ints | None = series.steps
    if series.covers == "epoch" and series.epochs is not None:
        axis = series.epochs
    unit: Unit = "number" if axis is None else "epoch" if series.covers == "epoch" else "step"
    places = np.arange(len(series)) if axis is None else axis
    return Evidence(
        series.name,
        unit,
        Curve.of(places, series.values),
        marked=None if at is None else float(at),
    )
