"""What a logged number can be: each quantity is a name, a definition and a function of the truth.

A quantity yields predictions: one with a number for each batch, one with a number for each epoch,
or both. Some quantities have a parameter that only the log can tell, such as the length of a
window. They also take the logged numbers, one for each batch or epoch with NaN for missing ones.
The name of the function is the name of the quantity; the decorator carries the definition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from lossaudit.arithmetic.arrays import Floats, Ints
from lossaudit.predictions.means import (
    each_batch,
    exact_means_of_epochs,
    means_of_epochs,
    means_so_far,
    of_epochs,
)
from lossaudit.predictions.prediction import Per, Prediction, of_truth_and_log
from lossaudit.predictions.smoothing import exponential_averages, window_averages
from lossaudit.predictions.truth import Batches, Truth, cached
from lossaudit.recording.names import Covers, Name
from lossaudit.recording.series import epoch_ends

Quantity = Callable[[Truth, Floats], Iterator[Prediction]]

QUANTITIES: dict[str, Quantity] = {}
_DEFINITIONS: dict[str, str] = {}

_COUNTS = {"rows", "samples", "tokens", "weight", "weights"}
"""Words in the tag of a series of counts."""

_Function = TypeVar("_Function", bound=Callable[..., Iterator[Prediction]])


def quantity(definition: str) -> Callable[[_Function], _Function]:
    """Register a quantity under the name of its function; its predictions carry that name.

    Args:
        definition: what the quantity is, as a phrase.
    """

    def register(function: _Function) -> _Function:
        name = function.__name__

        @wraps(function)
        def predict(*arguments: Any) -> Iterator[Prediction]:
            for prediction in function(*arguments):
                yield prediction.named(name)

        QUANTITIES[name], _DEFINITIONS[name] = of_truth_and_log(predict), definition
        return cast(_Function, predict)

    return register


def definition(name: str) -> str:
    """Return the definition of a quantity, as a phrase.

    >>> definition("batch_loss")
    'the loss of each batch'
    """
    return _DEFINITIONS[name]


@quantity("the loss of each batch")
def batch_loss(truth: Truth) -> Iterator[Prediction]:
    yield each_batch(truth.batches, truth.dtype)


@quantity("the mean of the epoch, weighted by rows")
def epoch_mean(truth: Truth) -> Iterator[Prediction]:
    if truth.batches.weights_known:
        yield exact_means_of_epochs(truth.batches, truth.dtype)


@quantity("the mean of the epoch so far, weighted by rows")
def running_mean(truth: Truth) -> Iterator[Prediction]:
    if truth.batches.weights_known:
        yield means_so_far(truth.batches, truth.dtype)


@quantity("the mean of the batch losses of the epoch so far, every batch counted alike")
def unweighted_running_mean(truth: Truth) -> Iterator[Prediction]:
    yield means_so_far(truth.batches.unweighted(), truth.dtype)


@quantity("the mean of the epoch's batch losses, every batch counted alike")
def mean_of_batch_means(truth: Truth) -> Iterator[Prediction]:
    yield means_of_epochs(truth.batches.unweighted(), truth.dtype)


@quantity("the mean since the start of the run, weighted by rows, never reset")
def cumulative_mean(truth: Truth) -> Iterator[Prediction]:
    batches = truth.batches
    if batches.weights_known:
        so_far = means_so_far(batches.as_one_epoch(), truth.dtype)
        yield so_far
        yield so_far.per_epoch(batches.ends)


@quantity(
    "the mean of all batch losses since the start of the run, every batch counted alike, "
    "never reset"
)
def unweighted_cumulative_mean(truth: Truth) -> Iterator[Prediction]:
    yield from cumulative_mean(truth.unweighted())


@quantity("the sum of the epoch's batch losses")
def sum_of_batch_losses(truth: Truth) -> Iterator[Prediction]:
    means = means_of_epochs(truth.batches.unweighted(), truth.dtype)
    yield means.times(truth.batches.lengths)


@quantity("the loss of the epoch's last batch")
def last_batch(truth: Truth) -> Iterator[Prediction]:
    yield each_batch(truth.batches, truth.dtype).per_epoch(truth.batches.ends)


@quantity("the loss of the epoch's first batch")
def first_batch(truth: Truth) -> Iterator[Prediction]:
    yield each_batch(truth.batches, truth.dtype).per_epoch(truth.batches.starts)


@quantity("the largest of the epoch's batch losses")
def largest_batch_loss(truth: Truth) -> Iterator[Prediction]:
    yield of_epochs(truth, np.max)


@quantity("the smallest of the epoch's batch losses")
def smallest_batch_loss(truth: Truth) -> Iterator[Prediction]:
    yield of_epochs(truth, np.min)


@quantity("the median of the epoch's batch losses")
def median_batch_loss(truth: Truth) -> Iterator[Prediction]:
    # The median of an even number of losses rounds the sum of the two middle ones, and its half.
    yield of_epochs(truth, np.median, roundings=2)


@quantity("the mean of the epoch's running means, every batch counted alike")
def mean_of_running_means(truth: Truth) -> Iterator[Prediction]:
    for batches in (truth.batches, truth.batches.unweighted()):
        if batches.weights_known:
            running = means_so_far(batches, truth.dtype)
            # The program averaged its own rounded running means, so their bound is an error of the
            # values.
            yield means_of_epochs(
                batches.with_values(running.values, running.bounds).unweighted(), truth.dtype
            )


@quantity("an exponential moving average of the batch losses")
def moving_average(truth: Truth, logged: Floats) -> Iterator[Prediction]:
    yield from exponential_averages(truth, logged)


@quantity("the mean of the latest few batch losses")
def window_mean(truth: Truth, logged: Floats) -> Iterator[Prediction]:
    yield from window_averages(truth, logged)


@quantity("the mean of the epoch, weighted by another count than rows: sample weights or tokens")
def sample_weighted_mean(truth: Truth) -> Iterator[Prediction]:
    for tag, batches in counted_otherwise(truth):
        yield means_of_epochs(batches, truth.dtype).with_details(counted=tag)


@quantity(
    "the mean of the epoch so far, weighted by another count than rows: sample weights or tokens"
)
def sample_weighted_running_mean(truth: Truth) -> Iterator[Prediction]:
    for tag, batches in counted_otherwise(truth):
        yield means_so_far(batches, truth.dtype).with_details(counted=tag)


@quantity("the sum of the losses of all rows of the epoch")
def sum_of_row_losses(truth: Truth) -> Iterator[Prediction]:
    if truth.batches.weights_known:
        yield means_of_epochs(truth.batches, truth.dtype).times(truth.batches.rows)


@quantity("the sum of the batch losses of the epoch so far")
def sum_so_far(truth: Truth) -> Iterator[Prediction]:
    batches = truth.batches.unweighted()
    yield means_so_far(batches, truth.dtype).times(batches.places + 1.0)


@quantity("the sum of the epoch's batch losses divided by its rows")
def batch_losses_over_rows(truth: Truth) -> Iterator[Prediction]:
    batches = truth.batches
    if batches.weights_known:
        means = means_of_epochs(batches.unweighted(), truth.dtype)
        yield means.times(batches.lengths / _or_one(batches.rows))


@quantity("the sum of the epoch's batch losses divided by rows // batch size")
def batch_losses_over_full_batches(truth: Truth) -> Iterator[Prediction]:
    batches = truth.batches
    if batches.weights_known:
        # This is the usual `len(dataset) // batch_size`, which leaves out a short last batch.
        full_batches = _or_one(batches.rows // _or_one(batches.batch_sizes))
        yield means_of_epochs(batches.unweighted(), truth.dtype).times(
            batches.lengths / full_batches
        )


@quantity(
    "the sum of the epoch's batch losses divided by one more or less than its batches, or by "
    "another split's"
)
def batch_losses_over_other_counts(truth: Truth) -> Iterator[Prediction]:
    batches = truth.batches
    means, lengths = means_of_epochs(batches.unweighted(), truth.dtype), batches.lengths
    others = [
        one
        for split, one in truth.splits.items()
        if split != truth.split and len(one.ends) == len(batches.ends)
    ]
    # After `for i, batch in enumerate(data)` the divisor i is one too small, and i + 2 one too
    # large.
    counts = [lengths + 1, np.maximum(lengths - 1, 1)]
    counts += [
        count
        for one in others
        for count in (one.lengths, _or_one(one.rows), lengths + one.lengths)
    ]
    for count in counts:
        yield means.times(lengths / count)
    for one in others:
        if batches.weights_known and one.weights_known:
            rows = means_of_epochs(batches, truth.dtype)
            for count in (one.rows, one.rows + batches.rows):
                yield rows.times(batches.rows / _or_one(count))


@quantity("the sum of the epoch's losses over all rows divided by the number of batches")
def row_losses_over_batches(truth: Truth) -> Iterator[Prediction]:
    batches = truth.batches
    if batches.weights_known:
        yield means_of_epochs(batches, truth.dtype).times(batches.rows / batches.lengths)


@quantity("the sum of the epoch's losses over all rows divided by batches × batch size")
def row_losses_over_full_batches_of_rows(truth: Truth) -> Iterator[Prediction]:
    batches = truth.batches
    if batches.weights_known:
        all_full = _or_one(batches.lengths * batches.batch_sizes)
        yield means_of_epochs(batches, truth.dtype).times(batches.rows / all_full)


@quantity("the mean over the train and the validation batches of the epoch, weighted by rows")
def mean_over_train_and_validation(truth: Truth) -> Iterator[Prediction]:
    if (both := truth.in_order_of_training()) is not None and both[0].weights_known:
        batches, ours = both
        so_far = means_so_far(batches, truth.dtype)
        # Train batches come first in an epoch: their running means contain no validation batch.
        if truth.split == "validation":
            yield so_far.take(np.flatnonzero(ours))
        yield so_far.per_epoch(batches.ends)


@quantity("the mean of the epoch's train and validation batch losses, every batch counted alike")
def unweighted_mean_over_train_and_validation(truth: Truth) -> Iterator[Prediction]:
    yield from mean_over_train_and_validation(truth.unweighted())


@quantity(
    "the mean over all train and validation batches since the start of the run, weighted by "
    "rows, never reset"
)
def cumulative_mean_over_train_and_validation(truth: Truth) -> Iterator[Prediction]:
    if (both := truth.in_order_of_training()) is not None and both[0].weights_known:
        batches, ours = both
        so_far = means_so_far(batches.as_one_epoch(), truth.dtype)
        yield so_far.take(np.flatnonzero(ours))
        # A train loss is logged before the validation of its epoch moves the mean further.
        yield so_far.per_epoch(_last_of_each_epoch(batches.epochs, ours))


def counted_otherwise(truth: Truth) -> Iterator[tuple[str, Batches]]:
    """Yield the batches weighted by each other count that was recorded, with its tag."""
    for tag, counted in truth.others.items():
        counts = counted.values
        # Any metric may be finite and positive; only its tag makes it a count.
        says_so = _COUNTS & Name(tag).words
        if says_so and np.all(np.isfinite(counts) & (counts >= 0)) and counts.any():
            yield tag, truth.batches.with_weights(counts)


def _or_one(counts: Floats) -> Floats:
    """Return a divisor without zeros: the mean of an epoch without rows is NaN anyway."""
    return np.where(counts > 0, counts, 1.0)


def _last_of_each_epoch(epochs: Ints, ours: NDArray[np.bool_]) -> Ints:
    """Index of the last batch of the claim's own split in each epoch."""
    rows = np.flatnonzero(ours)
    return rows[epoch_ends(epochs[rows])]


PER: dict[Covers, Per] = {"batch": "batch", "epoch_so_far": "batch", "epoch": "epoch"}

EXPECTED: dict[Covers, Callable[[Truth], Iterator[Prediction]]] = {
    "batch": batch_loss,
    "epoch_so_far": running_mean,
    "epoch": epoch_mean,
}
"""The quantity expected for each `covers`."""


def expected_of(truth: Truth, covers: Covers) -> Prediction | None:
    """Return the expected numbers; None where the truth does not suffice to compute them."""
    return cached(truth.cache, covers, lambda: next(EXPECTED[covers](truth), None))
