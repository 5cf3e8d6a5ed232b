"""Faults in averaging: wrong divisors, wrong weights, other statistics than the mean."""

from __future__ import annotations

import statistics

import numpy as np

from lossaudit.recording.recording import Recording
from lossaudit.recording.series import Series
from lossaudit.testing.faults.fault import (
    batch_log,
    batches_of,
    epoch_log,
    epochs_of,
    fault,
    has,
    is_finite,
    mean,
    running_means,
)


@fault("short-last-batch-counted-as-full")
def mean_of_batch_losses(recording: Recording) -> Series | None:
    return epoch_log(sum(losses) / len(losses) for losses, _ in epochs_of(recording))


@fault("short-last-batch-counted-as-full")
def running_mean_of_batch_losses(recording: Recording) -> Series | None:
    numbers = [
        sum(losses[: k + 1]) / (k + 1)
        for losses, _ in epochs_of(recording)
        for k in range(len(losses))
    ]
    return batch_log(numbers, "epoch_so_far")


@fault("sum-divided-by-wrong-count")
def sum_over_dataset_size(recording: Recording) -> Series | None:
    return epoch_log(sum(losses) / sum(rows) for losses, rows in epochs_of(recording))


@fault("sum-divided-by-wrong-count")
def sum_over_floor_of_batches(recording: Recording) -> Series | None:
    epochs = epochs_of(recording)
    if any(sum(rows) // rows[0] == len(rows) for _, rows in epochs):
        return None
    return epoch_log(sum(losses) / (sum(rows) // rows[0]) for losses, rows in epochs)


@fault("sum-divided-by-wrong-count")
def sum_over_batches_plus_one(recording: Recording) -> Series | None:
    return epoch_log(sum(losses) / (len(losses) + 1) for losses, _ in epochs_of(recording))


@fault("sum-divided-by-wrong-count")
def row_losses_over_batches(recording: Recording) -> Series | None:
    return epoch_log(
        mean(losses, rows) * sum(rows) / len(rows) for losses, rows in epochs_of(recording)
    )


@fault("sum-divided-by-wrong-count")
def validation_sum_over_train_batches(recording: Recording) -> Series | None:
    pairs = zip(epochs_of(recording, "validation"), epochs_of(recording), strict=False)
    numbers = [
        sum(losses) / len(train) for (losses, _), (train, _) in pairs if len(train) != len(losses)
    ]
    return epoch_log(numbers, "validation") if numbers else None


@fault("divided-twice")
def mean_divided_by_batches_again(recording: Recording) -> Series | None:
    return epoch_log(sum(losses) / len(losses) / len(losses) for losses, _ in epochs_of(recording))


@fault("batch-losses-summed")
def sum_of_batch_losses(recording: Recording) -> Series | None:
    return epoch_log(sum(losses) for losses, _ in epochs_of(recording))


@fault("batch-losses-summed")
def sum_so_far(recording: Recording) -> Series | None:
    return batch_log(
        float(total) for losses, _ in epochs_of(recording) for total in np.cumsum(losses)
    )


@fault("row-losses-summed")
def sum_of_row_losses(recording: Recording) -> Series | None:
    return epoch_log(mean(losses, rows) * sum(rows) for losses, rows in epochs_of(recording))


@fault("weighted-by-another-count")
def weighted_by_weight_sums(recording: Recording) -> Series | None:
    return _counted(recording, "weight_sum")


@fault("weighted-by-another-count")
def weighted_by_tokens(recording: Recording) -> Series | None:
    return _counted(recording, "tokens")


def _counted(recording: Recording, tag: str) -> Series | None:
    counts = epochs_of(recording, tag=tag)
    if not counts:
        return None
    return epoch_log(
        mean(losses, count)
        for (losses, _), (count, _) in zip(epochs_of(recording), counts, strict=True)
    )


@fault("weights-and-divisor-disagree")
def rows_above_tokens_below(recording: Recording) -> Series | None:
    counts = epochs_of(recording, tag="tokens")
    pairs = zip(epochs_of(recording), counts, strict=bool(counts))
    return (
        epoch_log(mean(*epoch) * sum(epoch[1]) / sum(count) for epoch, (count, _) in pairs)
        if counts
        else None
    )


@fault("running-means-averaged")
def mean_of_what_keras_shows(recording: Recording) -> Series | None:
    return epoch_log(statistics.fmean(running_means([epoch])) for epoch in epochs_of(recording))


@fault("exponential-average-read-as-loss")
def progress_bar_smoothing(recording: Recording) -> Series | None:
    return batch_log(_smoothed(batches_of(recording), 0.7))


@fault("exponential-average-read-as-loss")
def exponential_average_from_zero(recording: Recording) -> Series | None:
    return batch_log(_smoothed(batches_of(recording), 0.9, start=0.0))


@fault("exponential-average-read-as-loss")
def exponential_average_corrected(recording: Recording) -> Series | None:
    averages = _smoothed(batches_of(recording), 0.98, start=0.0)
    return batch_log(average / (1 - 0.98 ** (k + 1)) for k, average in enumerate(averages))


@fault("exponential-average-read-as-loss")
def exponential_average_as_epoch(recording: Recording) -> Series | None:
    ends = np.cumsum([len(losses) for losses, _ in epochs_of(recording)]) - 1
    return epoch_log(np.array(_smoothed(batches_of(recording), 0.9))[ends].tolist())


def _smoothed(losses: list[float], decay: float, start: float | None = None) -> list[float]:
    average, averages = losses[0] if start is None else start, []
    for loss in losses:
        average = decay * average + (1 - decay) * loss
        averages.append(average)
    return averages


@fault("window-mean-read-as-loss")
def mean_of_latest_five(recording: Recording) -> Series | None:
    losses = batches_of(recording)
    return batch_log(statistics.fmean(losses[max(0, k - 4) : k + 1]) for k in range(len(losses)))


@fault("window-mean-read-as-loss")
def mean_of_last_three_as_epoch(recording: Recording) -> Series | None:
    if not has(recording, 4):
        return None
    return epoch_log(sum(losses[-3:]) / 3 for losses, _ in epochs_of(recording))


@fault("last-batch-shown-as-epoch")
def last_batch(recording: Recording) -> Series | None:
    return epoch_log(losses[-1] for losses, _ in epochs_of(recording))


@fault("first-batch-shown-as-epoch")
def first_batch(recording: Recording) -> Series | None:
    return epoch_log(losses[0] for losses, _ in epochs_of(recording))


@fault("largest-batch-shown-as-epoch")
def largest_batch(recording: Recording) -> Series | None:
    if not is_finite(recording):
        return None
    return epoch_log(max(losses) for losses, _ in epochs_of(recording))


@fault("smallest-batch-shown-as-epoch")
def smallest_batch(recording: Recording) -> Series | None:
    if not is_finite(recording):
        return None
    return epoch_log(min(losses) for losses, _ in epochs_of(recording))


@fault("median-shown-as-epoch")
def median_batch(recording: Recording) -> Series | None:
    if not is_finite(recording):
        return None
    return epoch_log(statistics.median(losses) for losses, _ in epochs_of(recording))


@fault("running-mean-read-as-batch-loss")
def logs_of_a_batch_hook(recording: Recording) -> Series | None:
    return batch_log(running_means(epochs_of(recording)))


@fault("unweighted-running-mean-read-as-batch-loss")
def unweighted_logs_of_a_batch_hook(recording: Recording) -> Series | None:
    return batch_log(
        sum(losses[: k + 1]) / (k + 1)
        for losses, _ in epochs_of(recording)
        for k in range(len(losses))
    )


@fault("batch-loss-read-as-running-mean")
def batch_losses_called_running(recording: Recording) -> Series | None:
    return batch_log(batches_of(recording), "epoch_so_far")
