"""Prediction: the numbers a log would hold, their proven bounds, and their comparison with what it
does hold.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial, wraps
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lossaudit.arithmetic.accumulators import WeightedMean
from lossaudit.arithmetic.arrays import Floats, Ints
from lossaudit.arithmetic.bounds import (
    REWRITTEN,
    decimals_bound,
    elementary_bound,
    group_mean_bound,
    half_ulp,
    mean_bounds,
)
from lossaudit.arithmetic.replay import PRECISIONS, replay_keras_mean
from lossaudit.predictions.truth import Batches, Truth, remembered
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


def _remembered(
    function: Callable[[Batches, str], Prediction],
) -> Callable[[Batches, str], Prediction]:
    """Computed once for the same batches: many a mistake begins with the same means."""

    @wraps(function)
    def compute(batches: Batches, dtype: str) -> Prediction:
        return remembered(batches.known, (function, dtype), lambda: function(batches, dtype))

    return compute


@_remembered
def each_batch(batches: Batches, dtype: str) -> Prediction:
    """The loss of each batch: as it is, stored as another float type, or read through a Mean that
    held it alone.
    """
    values, weights, slack = batches.values, batches.weights, _slack(batches)
    divisors = np.where(weights > 0, weights, 1.0)
    alone = _rounded(_rounded(values * weights, batches.dtype) / divisors, batches.dtype)
    rewritten = REWRITTEN * 2.0 ** -PRECISIONS[batches.dtype] * np.abs(values)
    rounding = (
        half_ulp(values, dtype) + half_ulp(values * weights, dtype) / divisors + rewritten + slack
    )
    return Prediction(
        "batch_loss",
        "batch",
        values,
        rounding,
        lambda: rounding,
        slack,
        (lambda: alone,),
        batches.epochs,
        batches.steps,
        dtype,
    )


@_remembered
def means_so_far(batches: Batches, dtype: str) -> Prediction:
    """The mean of the epoch so far, weighted by rows, after each batch."""
    columns = {name: np.empty(len(batches)) for name in ("values", "bounds", "slack")}
    for rows in batches.of_equal_length():
        for name, column in _means_side_by_side(batches.where(rows), dtype).items():
            columns[name][rows] = column
    means = columns["values"]
    plain, fused = (cache(partial(_replayed, batches, fused)) for fused in (False, True))
    ways = (plain, lambda: _rounded(means, dtype), fused)
    bounds, slack, bands = columns["bounds"], columns["slack"], partial(_bands, batches, dtype)
    return Prediction(
        "running_mean",
        "batch",
        means,
        bounds,
        bands,
        slack,
        ways,
        batches.epochs,
        batches.steps,
        dtype,
    )


@_remembered
def means_of_epochs(batches: Batches, dtype: str) -> Prediction:
    """The mean of each epoch, weighted by rows, from sums in double precision."""
    so_far = means_so_far(batches, dtype).once_an_epoch(batches.ends)

    @cache
    def by_loops() -> Floats:
        return np.array([_means_of_loops(batches.where(group)) for group in batches.groups()]).T

    loops = tuple(partial(_row, by_loops, number) for number in range(6))
    exact = cache(partial(_exact_means, batches))
    rounded: tuple[Way, ...] = (exact, lambda: _rounded(exact(), dtype))
    return replace(so_far, quantity="epoch_mean", ways=(*rounded, *loops, *so_far.ways))


@_remembered
def exact_means_of_epochs(batches: Batches, dtype: str) -> Prediction:
    """The mean of each epoch, weighted by rows, rounded once from exact sums."""
    means, exact = means_of_epochs(batches, dtype), _exact_means(batches)
    known = 0.0 if batches.slack is None else means.slack
    return replace(
        means,
        values=exact,
        slack=half_ulp(exact, "float64") + known,
        ways=(partial(np.copy, means.values), *means.ways),
    )


def of_epochs(truth: Truth, summary: Callable[..., Floats], roundings: int = 0) -> Prediction:
    """One number for each epoch: a summary of its batch losses, as `numpy.max(losses, axis=1)`
    gives it.
    """
    batches, dtype = truth.batches, truth.dtype
    losses = each_batch(batches, dtype)
    ends = losses.once_an_epoch(batches.ends)
    values, bounds, slack = (np.empty(len(ends)) for _ in range(3))
    for rows in batches.of_equal_length():
        epochs = np.searchsorted(batches.ends, rows[:, -1])
        values[epochs] = summary(batches.values[rows], axis=1)
        bounds[epochs] = losses.bounds[rows].max(axis=1)
        slack[epochs] = losses.slack[rows].max(axis=1)
    bounds = bounds + roundings * half_ulp(values, dtype)
    slack = slack + roundings * half_ulp(values, "float64")
    return replace(ends, values=values, bounds=bounds, bands=lambda: bounds, slack=slack, ways=())


def _means_side_by_side(batches: Batches, dtype: str) -> dict[str, Floats]:
    """Means of epochs of equal length, from batches whose columns are of shape (epochs, length)."""
    values, weights, slack = batches.values, batches.weights, _slack(batches)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        counts, products = np.cumsum(weights, axis=-1), values * weights
        means = np.cumsum(products, axis=-1) / counts
        sizes = np.cumsum(np.abs(products), axis=-1) / counts
        summing = group_mean_bound(sizes, np.arange(1.0, values.shape[-1] + 1), "float64")
        proven = mean_bounds(values, weights, dtype=dtype, roundings=REWRITTEN)
        known = np.cumsum(slack * weights, axis=-1) / counts if batches.slack is not None else 0.0
    return {
        "values": means,
        "bounds": proven + _storing(values, dtype) + known,
        "slack": summing + known,
    }


def _storing(values: Floats, dtype: str) -> Floats:
    """How far the losses of a batch, or of one before it, are from what a float type keeps of
    them.
    """
    stored = np.where(_rounded(values, dtype) == values, 0.0, half_ulp(values, dtype))
    return np.maximum.accumulate(stored, axis=-1)


def _bands(batches: Batches, dtype: str) -> Floats:
    """The probable bound of the mean of the epoch so far."""
    bands = np.empty(len(batches))
    for rows in batches.of_equal_length():
        part = batches.where(rows)
        likely = mean_bounds(
            part.values, part.weights, dtype=dtype, roundings=REWRITTEN, probable=True
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            known = np.cumsum(_slack(part) * part.weights, axis=-1) / np.cumsum(
                part.weights, axis=-1
            )
        bands[rows] = likely + _storing(part.values, dtype) + known
    return bands


def _slack(batches: Batches) -> Floats:
    return np.zeros(batches.values.shape) if batches.slack is None else batches.slack


def _replayed(batches: Batches, fused: bool) -> Floats:
    parts = [batches.where(group) for group in batches.groups()]
    return np.concatenate(
        [
            replay_keras_mean(part.values, part.weights, dtype=part.dtype, fused=fused).mean
            for part in parts
        ]
    )


def _row(rows: Way, number: int) -> Floats:
    return rows()[number]


def _picked(way: Way, rows: NDArray[Any]) -> Floats:
    return way()[rows]


def _exact_means(batches: Batches) -> Floats:
    return np.array([_exact_mean(batches.where(group)) for group in batches.groups()])


def _exact_mean(batches: Batches) -> float:
    if not batches.weights.any():
        return float("nan")
    mean = WeightedMean()
    mean.update_state(batches.values, sample_weight=batches.weights)
    return mean.result()


def _means_of_loops(batches: Batches) -> list[float]:
    """What loops in numpy and Python give, in double and in single precision; NaN where undefined."""
    values, weights = batches.values, batches.weights
    if not weights.astype(np.float32).any():
        return [float("nan")] * 6
    alike = bool(np.all(weights == weights[0]))
    double = np.average(values, weights=weights)
    with np.errstate(over="ignore", invalid="ignore"):
        single, rows = values.astype(np.float32), weights.astype(np.float32)
        added = np.add.accumulate(single, dtype=np.float32)[-1] / np.float32(len(values))
        return [
            float(double),
            float(np.average(single, weights=rows)),
            float(np.mean(values) if alike else double),
            float(np.mean(single) if alike else double),
            float(added if alike else double),
            float((single * rows).astype(np.float64).sum() / weights.sum()),
        ]


def _is_whole(rows: NDArray[Any], length: int) -> bool:
    """Whether an index or a mask picks everything, in order."""
    if rows.dtype == bool:
        return bool(rows.all())
    return len(rows) == length and np.array_equal(rows, np.arange(length))


def _identical(left: Floats, right: Floats) -> NDArray[np.bool_]:
    return (left == right) | (np.isnan(left) & np.isnan(right))


def _rounded(values: Floats, dtype: str) -> Floats:
    """The values rounded to a float type, as float64; bfloat16, which numpy lacks, leaves them as
    they are.
    """
    with np.errstate(over="ignore"):
        return values if dtype == "bfloat16" else values.astype(dtype).astype(np.float64)
