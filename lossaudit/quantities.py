"""What a logged number can be: each quantity is a name, a definition, and a function of the truth.

A quantity is a function of the truth that yields its predictions: one with a number for each batch, one with a number
for each epoch, or both. Its name is the quantity's name, and the first line of its docstring is the definition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from lossaudit.predictions import Prediction, each_batch, means_of_epochs, means_so_far
from lossaudit.recordings import Floats, Ints
from lossaudit.truths import Truth

Quantity = Callable[[Truth], Iterator[Prediction]]

QUANTITIES: dict[str, Quantity] = {}


def quantity(function: Quantity) -> Quantity:
    """Register a quantity under its function's name; what it yields carries that name."""
    name = function.__name__

    def predict(truth: Truth) -> Iterator[Prediction]:
        for prediction in function(truth):
            yield prediction.named(name)

    predict.__name__, predict.__doc__ = name, function.__doc__
    QUANTITIES[name] = predict
    return predict


def definition(name: str) -> str:
    """What a quantity is, as a phrase.

    >>> definition("running_mean")
    'the mean of the epoch so far, weighted by rows'
    """
    return (QUANTITIES[name].__doc__ or "").splitlines()[0].rstrip(".")


@quantity
def batch_loss(truth: Truth) -> Iterator[Prediction]:
    """the loss of each batch"""
    yield each_batch(truth.batches, truth.dtype)


@quantity
def epoch_mean(truth: Truth) -> Iterator[Prediction]:
    """the mean of the epoch, weighted by rows"""
    if truth.batches.weights_known:
        yield means_of_epochs(truth.batches, truth.dtype)


@quantity
def running_mean(truth: Truth) -> Iterator[Prediction]:
    """the mean of the epoch so far, weighted by rows"""
    if truth.batches.weights_known:
        yield means_so_far(truth.batches, truth.dtype)


@quantity
def unweighted_running_mean(truth: Truth) -> Iterator[Prediction]:
    """the mean of the batch losses of the epoch so far, every batch counted alike"""
    yield means_so_far(truth.batches.counted_alike(), truth.dtype)


@quantity
def mean_of_batch_means(truth: Truth) -> Iterator[Prediction]:
    """the mean of the epoch's batch losses, every batch counted alike"""
    yield means_of_epochs(truth.batches.counted_alike(), truth.dtype)


@quantity
def cumulative_mean(truth: Truth) -> Iterator[Prediction]:
    """the mean since the start of the run, weighted by rows, never reset"""
    batches = truth.batches
    if batches.weights_known:
        so_far = means_so_far(batches.as_one_epoch(), truth.dtype)
        yield so_far
        yield so_far.once_an_epoch(batches.ends)


@quantity
def unweighted_cumulative_mean(truth: Truth) -> Iterator[Prediction]:
    """the mean of all batch losses since the start of the run, every batch counted alike, never reset"""
    yield from cumulative_mean(truth.counted_alike())


@quantity
def sum_of_batch_losses(truth: Truth) -> Iterator[Prediction]:
    """the sum of the epoch's batch losses"""
    means = means_of_epochs(truth.batches.counted_alike(), truth.dtype)
    yield means.times(truth.batches.lengths.astype(np.float64), truth.dtype)


@quantity
def last_batch(truth: Truth) -> Iterator[Prediction]:
    """the loss of the epoch's last batch"""
    yield each_batch(truth.batches, truth.dtype).once_an_epoch(truth.batches.ends)


@quantity
def first_batch(truth: Truth) -> Iterator[Prediction]:
    """the loss of the epoch's first batch"""
    yield each_batch(truth.batches, truth.dtype).once_an_epoch(truth.batches.starts)


@quantity
def mean_without_last_batch(truth: Truth) -> Iterator[Prediction]:
    """the mean of the epoch without its last batch, weighted by rows"""
    batches = truth.batches
    kept = np.ones(len(batches), dtype=bool)
    kept[batches.ends] = False
    if batches.weights_known and np.all(batches.lengths > 1):
        yield means_of_epochs(batches.where(kept), truth.dtype)


@quantity
def unweighted_mean_without_last_batch(truth: Truth) -> Iterator[Prediction]:
    """the mean of the epoch's batch losses without the last one, every batch counted alike"""
    yield from mean_without_last_batch(truth.counted_alike())


@quantity
def batch_losses_over_rows(truth: Truth) -> Iterator[Prediction]:
    """the sum of the epoch's batch losses divided by its rows"""
    batches = truth.batches
    if batches.weights_known:
        means = means_of_epochs(batches.counted_alike(), truth.dtype)
        yield means.times(batches.lengths / _or_one(batches.rows), truth.dtype)


@quantity
def batch_losses_over_full_batches(truth: Truth) -> Iterator[Prediction]:
    """the sum of the epoch's batch losses divided by rows // batch size"""
    batches = truth.batches
    if batches.weights_known:
        full_batches = _or_one(batches.rows // _or_one(batches.full))
        yield means_of_epochs(batches.counted_alike(), truth.dtype).times(batches.lengths / full_batches, truth.dtype)


@quantity
def row_losses_over_batches(truth: Truth) -> Iterator[Prediction]:
    """the sum of the epoch's losses over all rows divided by the number of batches"""
    batches = truth.batches
    if batches.weights_known:
        yield means_of_epochs(batches, truth.dtype).times(batches.rows / batches.lengths, truth.dtype)


@quantity
def row_losses_over_full_batches_of_rows(truth: Truth) -> Iterator[Prediction]:
    """the sum of the epoch's losses over all rows divided by batches × batch size"""
    batches = truth.batches
    if batches.weights_known:
        all_full = _or_one(batches.lengths * batches.full)
        yield means_of_epochs(batches, truth.dtype).times(batches.rows / all_full, truth.dtype)


@quantity
def mean_over_train_and_validation(truth: Truth) -> Iterator[Prediction]:
    """the mean over the train and the validation batches of the epoch, weighted by rows"""
    if (both := truth.alternating()) is not None and both[0].weights_known:
        batches, ours = both
        so_far = means_so_far(batches, truth.dtype)
        if truth.split == "validation":  # train batches come first: their running means hold no validation batch
            yield so_far.take(np.flatnonzero(ours))
        yield so_far.once_an_epoch(batches.ends)


@quantity
def unweighted_mean_over_train_and_validation(truth: Truth) -> Iterator[Prediction]:
    """the mean of the epoch's train and validation batch losses, every batch counted alike"""
    yield from mean_over_train_and_validation(truth.counted_alike())


@quantity
def cumulative_mean_over_train_and_validation(truth: Truth) -> Iterator[Prediction]:
    """the mean over all train and validation batches since the start of the run, weighted by rows, never reset"""
    if (both := truth.alternating()) is not None and both[0].weights_known:
        batches, ours = both
        so_far = means_so_far(batches.as_one_epoch(), truth.dtype)
        yield so_far.take(np.flatnonzero(ours))
        yield so_far.once_an_epoch(_last_of_each_epoch(batches.epochs, ours))


def _or_one(counts: Floats) -> Floats:
    """A divisor: the mean of an epoch without rows is NaN already, whatever it is divided by."""
    return np.where(counts > 0, counts, 1.0)


def _last_of_each_epoch(epochs: Ints, ours: NDArray[np.bool_]) -> Ints:
    """Index of the last batch of the claim's own split in each epoch."""
    rows = np.flatnonzero(ours)
    return rows[np.append(np.flatnonzero(np.diff(epochs[rows])), len(rows) - 1)]
