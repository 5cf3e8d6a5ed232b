"""Mistakes in sums and in what they are divided by."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lossaudit.arithmetic.arrays import Floats
from lossaudit.predictions import quantities
from lossaudit.predictions.means import means_of_epochs, means_so_far
from lossaudit.predictions.mistakes.mistake import mistake
from lossaudit.predictions.prediction import Prediction
from lossaudit.predictions.truth import Truth

_RESET = "Call `reset_state()` at the start of every epoch."


@mistake(
    "batch",
    "epoch_so_far",
    "epoch",
    explanation="The logged value is the sum of the {batches} batch losses, divided by nothing.",
    remedy="Weight each batch loss by its rows, and divide the sum by the rows of the epoch.",
)
def batch_losses_summed(truth: Truth) -> Iterator[Prediction]:
    yield from quantities.sum_of_batch_losses(truth)
    yield from quantities.sum_so_far(truth)


@mistake(
    "epoch",
    explanation="The logged value is the sum of the losses of all {rows} rows, divided by "
    "nothing.",
    remedy="Divide the sum over rows by the rows of the epoch: {rows}.",
)
def row_losses_summed(truth: Truth) -> Iterator[Prediction]:
    yield from quantities.sum_of_row_losses(truth)


@mistake(
    "epoch",
    explanation="The logged value is a sum divided by another count than its own: {batches} "
    "batches have {rows} rows, {full} in a full batch.",
    remedy="Divide a sum over rows by the rows ({rows}): `total += loss * len(x); rows += "
    "len(x)`.",
)
def sum_divided_by_wrong_count(truth: Truth) -> Iterator[Prediction]:
    yield from quantities.batch_losses_over_rows(truth)
    yield from quantities.batch_losses_over_full_batches(truth)
    yield from quantities.row_losses_over_batches(truth)
    yield from quantities.row_losses_over_full_batches_of_rows(truth)
    yield from quantities.batch_losses_over_other_counts(truth)


@mistake(
    "epoch",
    explanation="The logged value is a mean that was divided again, by the number of {again}.",
    remedy="Divide once.",
)
def divided_twice(truth: Truth) -> Iterator[Prediction]:
    batches = truth.batches
    means = [means_of_epochs(batches.unweighted(), truth.dtype)]
    means += [means_of_epochs(batches, truth.dtype)] if batches.weights_known else []
    for mean in means:
        for what, count in (("its batches", batches.lengths), ("its rows", batches.rows)):
            yield mean.times(1 / np.maximum(count, 1.0)).with_details(again=what)


@mistake(
    "epoch",
    explanation="The logged value is the sum of the epoch divided by the count since the start of "
    "the run: only the sum was reset.",
    remedy=_RESET,
)
def count_not_reset(truth: Truth) -> Iterator[Prediction]:
    for mean, counts in _means_and_counts(truth):
        yield mean.times(counts / np.cumsum(counts))


@mistake(
    "epoch",
    explanation="The logged value is the sum since the start of the run divided by the count of "
    "this epoch: only the count was reset.",
    remedy=_RESET,
)
def total_not_reset(truth: Truth) -> Iterator[Prediction]:
    for cumulative, counts in _means_and_counts(truth, cumulative=True):
        yield cumulative.times(np.cumsum(counts) / counts)


@mistake(
    "epoch",
    "epoch_so_far",
    explanation="The logged value is a mean weighted by {counted}, not by rows.",
    remedy="Weight each batch by the count that divided its loss: {counted}.",
)
def weighted_by_another_count(truth: Truth) -> Iterator[Prediction]:
    yield from quantities.sample_weighted_mean(truth)
    yield from quantities.sample_weighted_running_mean(truth)


@mistake(
    "epoch",
    "epoch_so_far",
    explanation="The logged value is a sum weighted by {counted} divided by the sum of {divided}.",
    remedy="Sum the losses and their divisor over the same rows or tokens.",
)
def weights_and_divisor_disagree(truth: Truth) -> Iterator[Prediction]:
    counts = {"rows": truth.batches, **dict(quantities.counted_otherwise(truth))}
    for above, batches in counts.items():
        for below, divisors in counts.items():
            if above != below and batches.weights_known and divisors.weights_known:
                means = means_of_epochs(batches, truth.dtype)
                ratio = batches.rows / np.where(divisors.rows > 0, divisors.rows, np.nan)
                yield means.times(ratio).with_details(counted=above, divided=below)


def _means_and_counts(
    truth: Truth, cumulative: bool = False
) -> Iterator[tuple[Prediction, Floats]]:
    if len(truth.batches.ends) == 1:
        return
    for batches in (truth.batches, truth.batches.unweighted()):
        if batches.weights_known and np.all(batches.rows > 0):
            whole = means_so_far(batches.as_one_epoch(), truth.dtype).per_epoch(batches.ends)
            yield whole if cumulative else means_of_epochs(batches, truth.dtype), batches.rows
