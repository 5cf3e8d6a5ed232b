"""The basic predictions: the loss of each batch, and means of batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial, wraps

import numpy as np

from lossaudit.arithmetic.accumulators import WeightedMean
from lossaudit.arithmetic.arrays import Floats
from lossaudit.arithmetic.bounds import REWRITTEN, group_mean_bound, half_ulp, mean_bounds
from lossaudit.arithmetic.replay import PRECISIONS, replay_keras_mean, rounded_to
from lossaudit.predictions.prediction import Prediction, Replay
from lossaudit.predictions.truth import Batches, Truth, cached


def _cached(
    function: Callable[[Batches, str], Prediction],
) -> Callable[[Batches, str], Prediction]:
    """Compute a prediction once for the same batches, because many mistakes start from it."""

    @wraps(function)
    def compute(batches: Batches, dtype: str) -> Prediction:
        return cached(batches.cache, (function, dtype), lambda: function(batches, dtype))

    return compute


@_cached
def each_batch(batches: Batches, dtype: str) -> Prediction:
    """Predict the loss of each batch: as it is, rounded, or read from a Mean of one batch."""
    values, weights, errors = batches.values, batches.weights, _errors(batches)
    # A batch without rows would put 0/0 into its bound; any divisor does, because its product is
    # 0.
    divisors = np.where(weights > 0, weights, 1.0)
    # A Mean that is reset before each batch returns (l·w)/w, which may differ from l by one bit.
    alone = _stored(_stored(values * weights, batches.dtype) / divisors, batches.dtype)
    rewritten = REWRITTEN * 2.0 ** -PRECISIONS[batches.dtype] * np.abs(values)
    # Half an ulp for the log itself; the other two are for the product and quotient of a Mean.
    rounding = (
        half_ulp(values, dtype) + half_ulp(values * weights, dtype) / divisors + rewritten + errors
    )
    return Prediction(
        "batch_loss",
        "batch",
        values,
        rounding,
        lambda: rounding,
        errors,
        (lambda: alone,),
        batches.epochs,
        batches.steps,
        dtype,
    )


@_cached
def means_so_far(batches: Batches, dtype: str) -> Prediction:
    """Predict the mean of the epoch so far, weighted by rows, after each batch."""
    columns = {name: np.empty(len(batches)) for name in ("values", "bounds", "errors")}
    for rows in batches.of_equal_length():
        for name, column in _means_side_by_side(batches.where(rows), dtype).items():
            columns[name][rows] = column
    means = columns["values"]
    plain, fused = (cache(partial(_replayed, batches, fused)) for fused in (False, True))
    # The likeliest first: TensorFlow's float32, then a numpy program, then XLA's fused product.
    replays = (plain, lambda: _stored(means, dtype), fused)
    bounds, errors, probable = (
        columns["bounds"],
        columns["errors"],
        partial(_probable, batches, dtype),
    )
    return Prediction(
        "running_mean",
        "batch",
        means,
        bounds,
        probable,
        errors,
        replays,
        batches.epochs,
        batches.steps,
        dtype,
    )


@_cached
def means_of_epochs(batches: Batches, dtype: str) -> Prediction:
    """Predict the mean of each epoch, weighted by rows, from sums in double precision."""
    so_far = means_so_far(batches, dtype).per_epoch(batches.ends)

    # One pass over the epochs gives all six replays, and most audits need none of them.
    @cache
    def by_loops() -> Floats:
        return np.array([_means_of_loops(batches.where(group)) for group in batches.groups()]).T

    loops = tuple(partial(_row, by_loops, number) for number in range(6))
    exact = cache(partial(_exact_means, batches))
    rounded: tuple[Replay, ...] = (exact, lambda: _stored(exact(), dtype))
    return replace(so_far, quantity="epoch_mean", replays=(*rounded, *loops, *so_far.replays))


@_cached
def exact_means_of_epochs(batches: Batches, dtype: str) -> Prediction:
    """Predict the mean of each epoch, weighted by rows, from exact sums rounded once."""
    means, exact = means_of_epochs(batches, dtype), _exact_means(batches)
    # means.errors includes the error of float64 sums, which exact sums do not have.
    known = 0.0 if batches.errors is None else means.errors
    return replace(
        means,
        values=exact,
        errors=half_ulp(exact, "float64") + known,
        replays=(partial(np.copy, means.values), *means.replays),
    )


def of_epochs(truth: Truth, summary: Callable[..., Floats], roundings: int = 0) -> Prediction:
    """Predict one number for each epoch: a summary of its batch losses.

    Args:
        truth: the recorded batches.
        summary: a function of losses of shape (epochs, length) and `axis`, such as `numpy.max`.
        roundings: how often the summary rounds.
    """
    batches, dtype = truth.batches, truth.dtype
    losses = each_batch(batches, dtype)
    ends = losses.per_epoch(batches.ends)
    values, bounds, errors = (np.empty(len(ends)) for _ in range(3))
    for rows in batches.of_equal_length():
        epochs = np.searchsorted(batches.ends, rows[:, -1])
        values[epochs] = summary(batches.values[rows], axis=1)
        # A minimum, maximum or median moves by no more than the loss that moves most.
        bounds[epochs] = losses.bounds[rows].max(axis=1)
        errors[epochs] = losses.errors[rows].max(axis=1)
    bounds = bounds + roundings * half_ulp(values, dtype)
    errors = errors + roundings * half_ulp(values, "float64")
    return replace(
        ends, values=values, bounds=bounds, probable=lambda: bounds, errors=errors, replays=()
    )


def _means_side_by_side(batches: Batches, dtype: str) -> dict[str, Floats]:
    """Means of epochs of equal length, from columns of shape (epochs, length)."""
    values, weights, errors = batches.values, batches.weights, _errors(batches)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        counts, products = np.cumsum(weights, axis=-1), values * weights
        means = np.cumsum(products, axis=-1) / counts
        sizes = np.cumsum(np.abs(products), axis=-1) / counts
        summing = group_mean_bound(sizes, np.arange(1.0, values.shape[-1] + 1), "float64")
        proven = mean_bounds(values, weights, dtype=dtype, roundings=REWRITTEN)
        known = (
            np.cumsum(errors * weights, axis=-1) / counts if batches.errors is not None else 0.0
        )
    return {
        "values": means,
        "bounds": proven + _storing(values, dtype) + known,
        "errors": summing + known,
    }


def _stored(values: Floats, dtype: str) -> Floats:
    """The numbers as a program in numpy stores them."""
    # Real rounding to bfloat16 changes verdicts: logs that a program rounded to bfloat16 would
    # become "exact" that are "consistent" or "undecidable" now.
    return rounded_to(values, dtype, as_numpy=True)


def _storing(values: Floats, dtype: str) -> Floats:
    """The largest error of storing the losses so far in a float type."""
    stored = np.where(_stored(values, dtype) == values, 0.0, half_ulp(values, dtype))
    return np.maximum.accumulate(stored, axis=-1)


def _probable(batches: Batches, dtype: str) -> Floats:
    """The probable bound of the mean of the epoch so far."""
    probable = np.empty(len(batches))
    for rows in batches.of_equal_length():
        part = batches.where(rows)
        likely = mean_bounds(
            part.values, part.weights, dtype=dtype, roundings=REWRITTEN, probable=True
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            known = np.cumsum(_errors(part) * part.weights, axis=-1) / np.cumsum(
                part.weights, axis=-1
            )
        probable[rows] = likely + _storing(part.values, dtype) + known
    return probable


def _errors(batches: Batches) -> Floats:
    return np.zeros(batches.values.shape) if batches.errors is None else batches.errors


def _replayed(batches: Batches, fused: bool) -> Floats:
    parts = [batches.where(group) for group in batches.groups()]
    return np.concatenate(
        [
            replay_keras_mean(part.values, part.weights, dtype=part.dtype, fused=fused).mean
            for part in parts
        ]
    )


def _row(rows: Replay, number: int) -> Floats:
    return rows()[number]


def _exact_means(batches: Batches) -> Floats:
    return np.array([_exact_mean(batches.where(group)) for group in batches.groups()])


def _exact_mean(batches: Batches) -> float:
    # WeightedMean raises in this case, but a log has a number for such an epoch all the same.
    if not batches.weights.any():
        return float("nan")
    mean = WeightedMean()
    mean.update_state(batches.values, sample_weight=batches.weights)
    return mean.result()


def _means_of_loops(batches: Batches) -> list[float]:
    """The means that usual numpy and Python loops give, in double and in single precision."""
    values, weights = batches.values, batches.weights
    # In float32, where a tiny weight becomes 0: np.average raises if the weights sum to 0.
    if not weights.astype(np.float32).any():
        return [float("nan")] * 6
    alike = bool(np.all(weights == weights[0]))
    double = np.average(values, weights=weights)
    # numpy adds pairwise, a loop from left to right: the last bits differ, so both are tried.
    with np.errstate(over="ignore", invalid="ignore"):
        single, rows = values.astype(np.float32), weights.astype(np.float32)
        added = np.add.accumulate(single, dtype=np.float32)[-1] / np.float32(len(values))
        return [
            float(double),
            float(np.average(single, weights=rows)),
            float(np.mean(values) if alike else double),
            float(np.mean(single) if alike else double),
            float(added if alike else double),
            # `loss * len(x)` is a float32 tensor, and `.item()` makes a float of it before the
            # sum.
            float((single * rows).astype(np.float64).sum() / weights.sum()),
        ]
