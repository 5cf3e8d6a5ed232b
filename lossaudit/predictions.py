"""Prediction: the numbers a log would hold, their proven bounds, and their comparison with what it does hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lossaudit.accumulators import WeightedMean
from lossaudit.findings import Verdict
from lossaudit.recordings import Floats, Ints
from lossaudit.replays import PRECISIONS, replay_keras_mean
from lossaudit.tolerances import decimals_bound, half_ulp, mean_bound
from lossaudit.truths import Batches

Pace = Literal["batch", "epoch"]
"""How often a number is logged: after each batch, or after each epoch."""

GRADES = (Verdict.EXACT, Verdict.CONSISTENT, Verdict.SUSPECT, Verdict.WRONG)
"""The verdicts of a comparison, from best to worst; `Prediction.grade` gives indices into it."""

_REWRITTEN = 4
"""Roundings by which the product of a batch's loss and rows may differ from what XLA makes of it: it folds the division
by the rows into the product, as (Σ·1/n)·n = Σ, and so skips up to four."""

Way = Callable[[], Floats]

_COLUMNS = ("values", "bounds", "bands", "slack", "epochs", "steps")


@dataclass(frozen=True, eq=False)
class Prediction:
    """The numbers that a log would hold if it logged a quantity, and how far float arithmetic may move them.

    Args:
        quantity: name of the quantity.
        pace: one number for each batch, or for each epoch.
        values: the numbers in exact arithmetic, rounded to float64, shape (m,).
        bounds: proven bound of |logged - value| for a float accumulation, shape (m,).
        bands: probabilistic bound, which may only warn, shape (m,).
        slack: proven bound of the error of `values` themselves, shape (m,).
        ways: what known programs print bit for bit, each of shape (m,); computed only where it decides.
        epochs: epoch of each number, shape (m,).
        steps: step of each number, shape (m,).
    """

    quantity: str
    pace: Pace
    values: Floats
    bounds: Floats
    bands: Floats
    slack: Floats
    ways: tuple[Way, ...]
    epochs: Ints
    steps: Ints

    def __len__(self) -> int:
        return len(self.values)

    def named(self, quantity: str) -> Prediction:
        """The same numbers under another name."""
        return replace(self, quantity=quantity)

    def take(self, rows: NDArray[Any]) -> Prediction:
        """The numbers that an index or a mask picks."""
        columns = {name: getattr(self, name)[rows] for name in _COLUMNS}
        return replace(self, **columns, ways=tuple(partial(_picked, way, rows) for way in self.ways))

    def once_an_epoch(self, rows: Ints) -> Prediction:
        """The picked numbers, one of each epoch, shown as the epoch's."""
        return replace(self.take(rows), pace="epoch")

    def times(self, factors: Floats, dtype: str) -> Prediction:
        """Each number times a factor; the multiplication rounds once more."""
        values = self.values * factors
        size, rounding = np.abs(factors), 2 * half_ulp(values, dtype)
        return replace(
            self,
            values=values,
            bounds=self.bounds * size + rounding,
            bands=self.bands * size + rounding,
            slack=self.slack * size + half_ulp(values, "float64"),
            ways=(),
        )

    def grade(self, observed: Floats, decimals: int | None = None) -> Ints:
        """Index into GRADES of each observed number, shape (m,), which a log may have rounded to `decimals` digits."""
        rounding = 0.0 if decimals is None else decimals_bound(decimals)
        distance = np.abs(observed - self.values)
        near, probable = distance <= self.bounds + rounding, distance <= self.bands + rounding
        same = self._same_bits(observed, self.ways) & (np.isnan(self.values) | (decimals is None))
        return np.select([same, near & probable, near], [0, 1, 2], default=3)

    def matches(self, observed: Floats, decimals: int | None = None) -> NDArray[np.bool_]:
        """Where an observed number is the predicted one as far as can be proved, shape (m,)."""
        rounding = 0.0 if decimals is None else decimals_bound(decimals)
        near = np.abs(observed - self.values) <= self.bounds + rounding
        undefined = ~np.isfinite(self.values)
        return near | (undefined & self._same_bits(observed, self.ways)) if undefined.any() else near

    def _same_bits(self, observed: Floats, ways: tuple[Way, ...]) -> NDArray[np.bool_]:
        same = _identical(observed, self.values)
        for way in ways:
            if same.all():
                break
            same |= _identical(observed, way())
        return same

    def differs_from(self, other: Prediction) -> NDArray[np.bool_]:
        """Where the numbers of two predictions are not the same in exact arithmetic, shape (m,)."""
        with np.errstate(invalid="ignore"):
            apart = np.abs(self.values - other.values) > self.slack + other.slack
        return apart | (np.isfinite(self.values) != np.isfinite(other.values))


def each_batch(batches: Batches, dtype: str) -> Prediction:
    """The loss of each batch: as it is, stored as another float type, or read through a Mean that held it alone."""
    values, weights = batches.values, batches.weights
    divisors = np.where(weights > 0, weights, 1.0)
    alone = _rounded(_rounded(values * weights, batches.dtype) / divisors, batches.dtype)
    rewritten = _REWRITTEN * 2.0 ** -PRECISIONS[batches.dtype] * np.abs(values)
    rounding = half_ulp(values, dtype) + half_ulp(values * weights, dtype) / divisors + rewritten
    exact = np.zeros(len(values))
    return Prediction(
        "batch_loss", "batch", values, rounding, rounding, exact, (lambda: alone,), batches.epochs, batches.steps
    )


def means_so_far(batches: Batches, dtype: str) -> Prediction:
    """The mean of the epoch so far, weighted by rows, after each batch."""
    parts = [_means_of_one_epoch(batches.where(group), dtype) for group in batches.groups()]
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS}
    ways = tuple(partial(_joined, ways) for ways in zip(*(part.ways for part in parts), strict=True))
    return Prediction("running_mean", "batch", **columns, ways=ways)


def means_of_epochs(batches: Batches, dtype: str) -> Prediction:
    """The mean of each epoch, weighted by rows, rounded once from exact sums."""
    so_far = means_so_far(batches, dtype).once_an_epoch(batches.ends)
    groups = [batches.where(group) for group in batches.groups()]
    exact = np.array([_exact_mean(group) for group in groups])
    numpy_means = np.array([_numpy_means(group) for group in groups]).T
    return replace(
        so_far,
        quantity="epoch_mean",
        values=exact,
        slack=half_ulp(exact, "float64"),
        ways=(lambda: _rounded(exact, dtype), *(partial(np.copy, way) for way in numpy_means), *so_far.ways),
    )


def _means_of_one_epoch(batches: Batches, dtype: str) -> Prediction:
    """Replays of Keras' Mean, plain and fused, and of a loop that sums Python floats."""
    values, weights = batches.values, batches.weights
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        means = np.cumsum(values * weights) / np.cumsum(weights)
        single, double = (mean_bound(values, weights, dtype=kind, roundings=_REWRITTEN) for kind in (dtype, "float64"))
    stored = np.where(_rounded(values, dtype) == values, 0.0, half_ulp(values, dtype))
    storing = np.maximum.accumulate(stored)
    plain, fused = (cache(partial(_replayed, batches, fused)) for fused in (False, True))
    return Prediction(
        "running_mean",
        "batch",
        means,
        single.proven + storing,
        single.probable + storing,
        double.proven,
        (plain, lambda: _rounded(means, dtype), fused),
        batches.epochs,
        batches.steps,
    )


def _replayed(batches: Batches, fused: bool) -> Floats:
    return replay_keras_mean(batches.values, batches.weights, dtype=batches.dtype, fused=fused).mean


def _joined(ways: tuple[Way, ...]) -> Floats:
    return np.concatenate([way() for way in ways])


def _picked(way: Way, rows: NDArray[Any]) -> Floats:
    return way()[rows]


def _exact_mean(batches: Batches) -> float:
    if not batches.weights.any():
        return float("nan")
    mean = WeightedMean()
    mean.update_state(batches.values, sample_weight=batches.weights)
    return mean.result()


def _numpy_means(batches: Batches) -> tuple[float, float, float]:
    """What `np.average` and `np.mean` give in double and `np.average` in single precision; NaN where undefined."""
    values, weights = batches.values, batches.weights
    if not weights.any():
        return (float("nan"),) * 3
    double = np.average(values, weights=weights)
    with np.errstate(over="ignore", invalid="ignore"):
        single = np.average(values.astype(np.float32), weights=weights.astype(np.float32))
    plain = np.mean(values) if np.all(weights == weights[0]) else double
    return float(double), float(single), float(plain)


def _identical(left: Floats, right: Floats) -> NDArray[np.bool_]:
    return (left == right) | (np.isnan(left) & np.isnan(right))


def _rounded(values: Floats, dtype: str) -> Floats:
    """The values rounded to a float type, as float64; bfloat16, which numpy lacks, leaves them as they are."""
    with np.errstate(over="ignore"):
        return values if dtype == "bfloat16" else values.astype(dtype).astype(np.float64)
