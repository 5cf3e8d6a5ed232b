"""One function per known mistake: it predicts the numbers that the mistake would have logged.

To add a cause, write a function of the truth that yields predictions, and say with `@cause` which promise the mistake
breaks and how to mend it. Its name in kebab-case is the cause's name; its docstring continues the sentence "It is ...",
and may use {batches}, {rows}, {full} and {last} of the epoch in question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lossaudit import quantities
from lossaudit.predictions import Prediction
from lossaudit.recordings import Covers
from lossaudit.truths import Truth

_RECORD = (
    "Take the batch losses from `lossaudit.keras.LossRecorder()`: `recorder.recording.find(split={split!r}).values`."
)
_WEIGH = "Weight each batch by its rows: `mean.update_state(loss, sample_weight=len(x))`."
_RESET = "Call `reset_state()` at the start of every epoch."
_SEPARATE = "Use one metric for training and another for validation, or reset it between the two."


@dataclass(frozen=True)
class Cause:
    """A known mistake.

    Args:
        name: kebab-case, ending in what went wrong.
        breaks: what the numbers promised to cover.
        explanation: what the numbers are instead; continues "It is ...".
        remedy: what to do.
        predict: the numbers that the mistake would have logged.
    """

    name: str
    breaks: tuple[Covers, ...]
    explanation: str
    remedy: str
    predict: Callable[[Truth], Iterator[Prediction]]


CAUSES: dict[str, Cause] = {}

_Predict = Callable[[Truth], Iterator[Prediction]]


def cause(*breaks: Covers, remedy: str) -> Callable[[_Predict], _Predict]:
    """Register a cause of claims that promised to cover one of `breaks`."""

    def register(predict: _Predict) -> _Predict:
        name = predict.__name__.replace("_", "-")
        explanation = " ".join((predict.__doc__ or "").split())
        CAUSES[name] = Cause(name, breaks, explanation, remedy, predict)
        return predict

    return register


@cause("batch", remedy=_RECORD)
def running_mean_read_as_batch_loss(truth: Truth) -> Iterator[Prediction]:
    """the mean of the epoch so far, weighted by rows: Keras resets its loss metric once an epoch, so what a callback
    gets after a batch is not the loss of that batch.
    """
    yield from quantities.running_mean(truth)


@cause("batch", remedy=_RECORD)
def unweighted_running_mean_read_as_batch_loss(truth: Truth) -> Iterator[Prediction]:
    """the mean of the batch losses of the epoch so far, every batch counted alike, not the loss of the batch."""
    yield from quantities.unweighted_running_mean(truth)


@cause("epoch_so_far", remedy="Average what you show: `mean.update_state(loss, sample_weight=len(x)); mean.result()`.")
def batch_loss_read_as_running_mean(truth: Truth) -> Iterator[Prediction]:
    """the loss of each batch alone, not a mean of the epoch so far."""
    yield from quantities.batch_loss(truth)


@cause("epoch", "epoch_so_far", remedy=_WEIGH)
def short_last_batch_counted_as_full(truth: Truth) -> Iterator[Prediction]:
    """the unweighted mean of the batch losses: the last batch, {last} rows, counts as much as the full ones, {full}
    rows.
    """
    yield from quantities.mean_of_batch_means(truth)
    yield from quantities.unweighted_running_mean(truth)


@cause("epoch", remedy="Average over the epoch; the variable `loss` of the loop holds its last batch only.")
def last_batch_shown_as_epoch(truth: Truth) -> Iterator[Prediction]:
    """the loss of the last of the epoch's {batches} batches."""
    yield from quantities.last_batch(truth)


@cause("epoch", remedy="Average over the epoch, not its first batch.")
def first_batch_shown_as_epoch(truth: Truth) -> Iterator[Prediction]:
    """the loss of the first of the epoch's {batches} batches."""
    yield from quantities.first_batch(truth)


@cause(
    "epoch", remedy="Count batches with `math.ceil(rows / batch_size)`; `rows // batch_size` loses the short last one."
)
def last_batch_dropped(truth: Truth) -> Iterator[Prediction]:
    """the mean without the epoch's last batch of {last} rows."""
    yield from quantities.mean_without_last_batch(truth)
    yield from quantities.unweighted_mean_without_last_batch(truth)


@cause("epoch", "epoch_so_far", "batch", remedy=_RESET)
def state_not_reset(truth: Truth) -> Iterator[Prediction]:
    """the mean since the start of the run: the accumulator was not reset between epochs."""
    if len(truth.batches.ends) > 1:  # in a single epoch there is nothing to reset
        yield from quantities.cumulative_mean(truth)
        yield from quantities.unweighted_cumulative_mean(truth)


@cause("epoch", "epoch_so_far", "batch", remedy=_SEPARATE)
def validation_mixed_into_train(truth: Truth) -> Iterator[Prediction]:
    """the mean over train and validation batches together: one metric served both."""
    if truth.split == "train":
        yield from _over_both_splits(truth)


@cause("epoch", "epoch_so_far", "batch", remedy=_SEPARATE)
def train_mixed_into_validation(truth: Truth) -> Iterator[Prediction]:
    """the mean over train and validation batches together: one metric served both."""
    if truth.split == "validation":
        yield from _over_both_splits(truth)


def _over_both_splits(truth: Truth) -> Iterator[Prediction]:
    yield from quantities.mean_over_train_and_validation(truth)
    yield from quantities.unweighted_mean_over_train_and_validation(truth)
    yield from quantities.cumulative_mean_over_train_and_validation(truth)


@cause(
    "epoch", remedy="Divide the sum of the batch losses by the number of batches, or better, weight them by their rows."
)
def batch_losses_summed(truth: Truth) -> Iterator[Prediction]:
    """the sum of the {batches} batch losses, divided by nothing."""
    yield from quantities.sum_of_batch_losses(truth)


@cause("epoch", remedy="Divide a sum over rows by the rows ({rows}): `total += loss * len(x); rows += len(x)`.")
def sum_divided_by_wrong_count(truth: Truth) -> Iterator[Prediction]:
    """a sum divided by another count than its own: {batches} batches hold {rows} rows, {full} in a full batch."""
    yield from quantities.batch_losses_over_rows(truth)
    yield from quantities.batch_losses_over_full_batches(truth)
    yield from quantities.row_losses_over_batches(truth)
    yield from quantities.row_losses_over_full_batches_of_rows(truth)
