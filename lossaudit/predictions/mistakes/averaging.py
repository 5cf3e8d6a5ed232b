"""Mistakes in how the batches of an epoch are averaged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from lossaudit.arithmetic.arrays import Floats
from lossaudit.arithmetic.replay import replay_keras_mean, rounded_to
from lossaudit.predictions import quantities
from lossaudit.predictions.means import means_so_far
from lossaudit.predictions.mistakes.mistake import mistake
from lossaudit.predictions.prediction import Prediction
from lossaudit.predictions.truth import Batches, Truth

_RECORD = (
    "Take the batch losses from `lossaudit.keras.LossRecorder()`: "
    "`recorder.recording.find(split={split!r}).values`."
)
_WEIGH = "Weight each batch by its rows: `mean.update_state(loss, sample_weight=len(x))`."
_AVERAGE = (
    "Average over the epoch: `mean.update_state(loss, sample_weight=len(x))` after each batch."
)
_RESET = "Call `reset_state()` at the start of every epoch."
_SEPARATE = "Use one metric for training and another for validation, or reset it between the two."


@mistake(
    "batch",
    explanation="The logged value is the mean of the epoch so far, weighted by rows: Keras resets "
    "its loss metric once an epoch, so what a callback gets after a batch is not the loss of that "
    "batch.",
    remedy=_RECORD,
    rules=("LA501",),
)
def running_mean_read_as_batch_loss(truth: Truth) -> Iterator[Prediction]:
    yield from quantities.running_mean(truth)


@mistake(
    "batch",
    explanation="The logged value is the mean of the batch losses of the epoch so far, every "
    "batch counted alike, not the loss of the batch.",
    remedy=_RECORD,
)
def unweighted_running_mean_read_as_batch_loss(truth: Truth) -> Iterator[Prediction]:
    yield from quantities.unweighted_running_mean(truth)


@mistake(
    "epoch_so_far",
    explanation="The logged value is the loss of each batch alone, not a mean of the epoch so "
    "far.",
    remedy="Average what you show: `mean.update_state(loss, sample_weight=len(x)); "
    "mean.result()`.",
    rules=("LA502",),
)
def batch_loss_read_as_running_mean(truth: Truth) -> Iterator[Prediction]:
    yield from quantities.batch_loss(truth)


@mistake(
    "epoch",
    "epoch_so_far",
    explanation="The logged value is the unweighted mean of the batch losses: the last batch, "
    "{last} rows, counts as much as the full ones, {full} rows.",
    remedy=_WEIGH,
    rules=("LA502",),
)
def short_last_batch_counted_as_full(truth: Truth) -> Iterator[Prediction]:
    yield from quantities.mean_of_batch_means(truth)
    yield from quantities.unweighted_running_mean(truth)


@mistake(
    "epoch",
    explanation="The logged value is the loss of the last of the epoch's {batches} batches.",
    remedy="Average over the epoch: after the loop, its variable `loss` is that of the last "
    "batch.",
    rules=("LA501",),
)
def last_batch_shown_as_epoch(truth: Truth) -> Iterator[Prediction]:
    yield from quantities.last_batch(truth)


@mistake(
    "epoch",
    explanation="The logged value is the loss of the first of the epoch's {batches} batches.",
    remedy="Average over the epoch, not its first batch.",
)
def first_batch_shown_as_epoch(truth: Truth) -> Iterator[Prediction]:
    yield from quantities.first_batch(truth)


@mistake(
    "epoch",
    explanation="The logged value is the largest of the losses of the epoch's {batches} batches.",
    remedy=_AVERAGE,
)
def largest_batch_shown_as_epoch(truth: Truth) -> Iterator[Prediction]:
    yield from quantities.largest_batch_loss(truth)


@mistake(
    "epoch",
    explanation="The logged value is the smallest of the losses of the epoch's {batches} batches.",
    remedy=_AVERAGE,
)
def smallest_batch_shown_as_epoch(truth: Truth) -> Iterator[Prediction]:
    yield from quantities.smallest_batch_loss(truth)


@mistake(
    "epoch",
    explanation="The logged value is the median of the losses of the epoch's {batches} batches.",
    remedy=_AVERAGE,
)
def median_shown_as_epoch(truth: Truth) -> Iterator[Prediction]:
    yield from quantities.median_batch_loss(truth)


@mistake(
    "epoch",
    explanation="The logged value is the mean of the epoch's running means, which count early "
    "batches more than late ones.",
    remedy="Average the losses of the batches. What Keras shows after a batch is a mean already.",
)
def running_means_averaged(truth: Truth) -> Iterator[Prediction]:
    yield from quantities.mean_of_running_means(truth)


@mistake(
    "batch",
    "epoch_so_far",
    "epoch",
    explanation="The logged value is an exponential moving average with decay {decay}, which lags "
    "behind the loss.",
    remedy="Log the loss itself; smooth a curve where it is drawn.",
)
def exponential_average_read_as_loss(truth: Truth, logged: Floats) -> Iterator[Prediction]:
    yield from quantities.moving_average(truth, logged)


@mistake(
    "batch",
    "epoch_so_far",
    "epoch",
    explanation="The logged value is the mean of the latest {window} batches.",
    remedy="Log the loss itself, or name the length of the window.",
)
def window_mean_read_as_loss(truth: Truth, logged: Floats) -> Iterator[Prediction]:
    yield from quantities.window_mean(truth, logged)


@mistake(
    "epoch",
    "epoch_so_far",
    "batch",
    explanation="The logged value is the mean since the start of the run: the accumulator was not "
    "reset between epochs.",
    remedy=_RESET,
    rules=("LA111",),
)
def state_not_reset(truth: Truth) -> Iterator[Prediction]:
    # In a single epoch there is nothing to reset.
    if len(truth.batches.ends) > 1:
        yield from quantities.cumulative_mean(truth)
        yield from quantities.unweighted_cumulative_mean(truth)


@mistake(
    "epoch",
    "epoch_so_far",
    "batch",
    explanation="The logged value is the mean over train and validation batches together: one "
    "metric served both.",
    remedy=_SEPARATE,
)
def validation_mixed_into_train(truth: Truth) -> Iterator[Prediction]:
    if truth.split == "train":
        yield from _over_both_splits(truth)


@mistake(
    "epoch",
    "epoch_so_far",
    "batch",
    explanation="The logged value is the mean over train and validation batches together: one "
    "metric served both.",
    remedy=_SEPARATE,
)
def train_mixed_into_validation(truth: Truth) -> Iterator[Prediction]:
    if truth.split == "validation":
        yield from _over_both_splits(truth)


def _over_both_splits(truth: Truth) -> Iterator[Prediction]:
    yield from quantities.mean_over_train_and_validation(truth)
    yield from quantities.unweighted_mean_over_train_and_validation(truth)
    yield from quantities.cumulative_mean_over_train_and_validation(truth)


@mistake(
    "batch",
    "epoch_so_far",
    "epoch",
    explanation="The logged value is a mean that was reset at batch {reset} of the epoch.",
    remedy=_RESET,
)
def state_reset_within_epoch(truth: Truth, logged: Floats) -> Iterator[Prediction]:
    for batches in (truth.batches, truth.batches.unweighted()):
        for place in _resets(batches, logged, truth.dtype) if batches.weights_known else ():
            again = batches.restarted_at(place)
            if len(logged) == len(batches):
                yield means_so_far(again, truth.dtype).with_details(reset=str(place))
            else:
                yield (
                    means_so_far(again, truth.dtype)
                    .per_epoch(batches.ends)
                    .with_details(reset=str(place))
                )


@mistake(
    "epoch",
    "epoch_so_far",
    explanation="The logged value is a mean accumulated in float16, which stops growing and loses "
    "digits.",
    breaks="precision",
    remedy="Accumulate in float32 or wider.",
)
def accumulated_in_float16(truth: Truth, logged: Floats) -> Iterator[Prediction]:
    yield from _accumulated_in("float16", truth, logged)


@mistake(
    "epoch",
    "epoch_so_far",
    explanation="The logged value is a mean accumulated in bfloat16, which stops growing and "
    "loses digits.",
    breaks="precision",
    remedy="Accumulate in float32 or wider.",
)
def accumulated_in_bfloat16(truth: Truth, logged: Floats) -> Iterator[Prediction]:
    yield from _accumulated_in("bfloat16", truth, logged)


def _accumulated_in(dtype: str, truth: Truth, logged: Floats) -> Iterator[Prediction]:
    """Replay the arithmetic of a narrow type step by step: the result needs no bound."""
    known = logged[np.isfinite(logged)]
    if not np.array_equal(rounded_to(known, dtype), known):
        return
    for batches in (truth.batches, truth.batches.unweighted()):
        if batches.weights_known and truth.batches.dtype != dtype and truth.dtype != dtype:
            so_far = means_so_far(batches, truth.dtype)
            parts = [batches.where(group) for group in batches.groups()]
            values = np.concatenate(
                [replay_keras_mean(part.values, part.weights, dtype=dtype).mean for part in parts]
            )
            zero = np.zeros(len(values))
            narrow = replace(
                so_far,
                values=values,
                bounds=zero,
                probable=partial(np.copy, zero),
                errors=zero,
                replays=(),
            )
            for shown, wide in (
                (narrow, so_far),
                (narrow.per_epoch(batches.ends), so_far.take(batches.ends)),
            ):
                # Numbers within the bound of the wide type have lost nothing.
                if not wide.matches(shown.values).all():
                    yield shown


def _resets(batches: Batches, logged: Floats, dtype: str) -> list[int]:
    """Places in the epoch at which a mean may have started to give the first wrong number."""
    so_far = means_so_far(batches, dtype)
    if len(logged) == len(batches):
        wrong = np.flatnonzero(~so_far.matches(logged) & np.isfinite(logged))
        return (
            [int(wrong[0] - batches.starts[batches.starts <= wrong[0]][-1])] if len(wrong) else []
        )
    known = np.flatnonzero(np.isfinite(logged))
    # One number does not tell where its mean started.
    if len(known) < 2:
        return []
    epoch = int(known[np.argmin(batches.lengths[known])])
    group = slice(batches.starts[epoch], batches.ends[epoch] + 1)
    values, weights = batches.values[group][::-1], batches.weights[group][::-1]
    with np.errstate(all="ignore"):
        means = (np.cumsum(values * weights) / np.cumsum(weights))[::-1]
    near = np.abs(means - logged[epoch]) <= so_far.bounds[batches.ends[epoch]]
    return [place for place in np.flatnonzero(near).tolist() if 0 < place < len(values) - 1][:8]
