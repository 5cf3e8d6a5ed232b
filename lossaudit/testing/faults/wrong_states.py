"""Faults in resetting an accumulator, or in sharing one between splits."""

from __future__ import annotations

from lossaudit.recording.recording import Recording
from lossaudit.recording.series import Series
from lossaudit.testing.faults.fault import (
    batch_log,
    epoch_log,
    epochs_of,
    fault,
    mean,
    running_means,
)


@fault("state-not-reset")
def never_reset(recording: Recording) -> Series | None:
    total = count = 0.0
    numbers = []
    for losses, rows in epochs_of(recording):
        total, count = total + mean(losses, rows) * sum(rows), count + sum(rows)
        numbers.append(total / count)
    return epoch_log(numbers)


@fault("state-not-reset")
def never_reset_by_batch(recording: Recording) -> Series | None:
    total = count = 0.0
    numbers = []
    for losses, rows in epochs_of(recording):
        for loss, n in zip(losses, rows, strict=True):
            total, count = total + loss * n, count + n
            numbers.append(total / count)
    return batch_log(numbers, "epoch_so_far")


@fault("count-not-reset")
def iterations_not_reset(recording: Recording) -> Series | None:
    count, numbers = 0, []
    for losses, _ in epochs_of(recording):
        count += len(losses)
        numbers.append(sum(losses) / count)
    # In one epoch there is nothing to reset; the number is the mean of the batch losses.
    return epoch_log(numbers) if len(numbers) > 1 else None


@fault("total-not-reset")
def total_not_reset(recording: Recording) -> Series | None:
    total, numbers = 0.0, []
    for losses, rows in epochs_of(recording):
        total += mean(losses, rows) * sum(rows)
        numbers.append(total / sum(rows))
    return epoch_log(numbers)


@fault("state-reset-within-epoch")
def reset_by_a_callback(recording: Recording) -> Series | None:
    epochs = [(losses[4:], rows[4:]) for losses, rows in epochs_of(recording)]
    return (
        epoch_log(mean(*epoch) for epoch in epochs)
        if min(len(losses) for losses, _ in epochs) > 1
        else None
    )


@fault("state-reset-within-epoch")
def running_mean_reset_by_a_callback(recording: Recording) -> Series | None:
    numbers = []
    for losses, rows in epochs_of(recording):
        if len(losses) < 5:
            return None
        numbers += running_means([(losses[:3], rows[:3]), (losses[3:], rows[3:])])
    return batch_log(numbers, "epoch_so_far")


@fault("validation-mixed-into-train")
def one_metric_for_train(recording: Recording) -> Series | None:
    return _one_metric(recording, "train")


@fault("train-mixed-into-validation")
def one_metric_for_validation(recording: Recording) -> Series | None:
    return _one_metric(recording, "validation")


def _one_metric(recording: Recording, split: str) -> Series | None:
    pairs = list(zip(epochs_of(recording), epochs_of(recording, "validation"), strict=False))
    return epoch_log((mean(a + c, b + d) for (a, b), (c, d) in pairs), split) if pairs else None
