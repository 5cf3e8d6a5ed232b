"""The predictions that most others are made of: the loss of each batch, and means of batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial, wraps

import numpy as np

from lossaudit.arithmetic.accumulators import WeightedMean
from lossaudit.arithmetic.arrays import Floats
from lossaudit.arithmetic.bounds import (
    REWRITTEN,
    group_mean_bound,
    half_ulp,
    mean_bounds,
)
from lossaudit.arithmetic.replay import PRECISIONS, replay_keras_mean, rounded_to
from lossaudit.predictions.prediction import Prediction, Way
from lossaudit.predictions.truth import Batches, Truth, remembered


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
    alone = _stored(_stored(values * weights, batches.dtype) / divisors, batches.dtype)
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
    ways = (plain, lambda: _stored(means, dtype), fused)
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
    rounded: tuple[Way, ...] = (exact, lambda: _stored(exact(), dtype))
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


def _stored(values: Floats, dtype: str) -> Floats:
    """The numbers as a program in numpy stores them."""
    # Real rounding to bfloat16 changes verdicts: logs that a program rounded to bfloat16 would
    # become "exact" that are "consistent" or "undecidable" now.
    return rounded_to(values, dtype, as_numpy=True)


def _storing(values: Floats, dtype: str) -> Floats:
    """How far the losses of a batch, or of one before it, are from what a float type keeps of
    them.
    """
    stored = np.where(_stored(values, dtype) == values, 0.0, half_ulp(values, dtype))
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
