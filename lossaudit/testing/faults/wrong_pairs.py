"""Faults with two mistakes at once."""

from __future__ import annotations

import math

import numpy as np

from lossaudit.recording import keys
from lossaudit.recording.recording import Recording
from lossaudit.recording.series import Series
from lossaudit.testing.faults.fault import (
    batch_log,
    epoch_log,
    epochs_of,
    fault,
    has,
    is_finite,
    running_means,
)
from lossaudit.testing.faults.wrong_states import never_reset_by_batch


@fault("running-mean-read-as-batch-loss", "steps-shifted")
def running_mean_one_step_late(recording: Recording) -> Series | None:
    if not has(recording, 2):
        return None
    return batch_log([math.nan, *running_means(epochs_of(recording))[:-1]])


@fault("running-mean-read-as-batch-loss", "batches-missing")
def running_mean_by_executions(recording: Recording) -> Series | None:
    if not has(recording, 2):
        return None
    return batch_log(running_means(epochs_of(recording))[3::4])


@fault("short-last-batch-counted-as-full", "loss-scaled-by-accumulation")
def unweighted_and_scaled(recording: Recording) -> Series | None:
    if not has(recording, 2):
        return None
    return epoch_log(sum(losses) / len(losses) / 3 for losses, _ in epochs_of(recording))


@fault("last-batch-shown-as-epoch", "square-root-logged")
def root_of_the_last_batch(recording: Recording) -> Series | None:
    if not has(recording, 2):
        return None
    lasts = [losses[-1] for losses, _ in epochs_of(recording)]
    return epoch_log(math.sqrt(loss) for loss in lasts) if min(lasts) > 0 else None


@fault("running-mean-read-as-batch-loss", "rounded-to-float16")
def running_mean_in_float16(recording: Recording) -> Series | None:
    if not has(recording, 2):
        return None
    return batch_log(
        np.array(running_means(epochs_of(recording))).astype(np.float16).astype(float).tolist()
    )


@fault("another-split-logged", "short-last-batch-counted-as-full")
def unweighted_train_loss_as_validation(recording: Recording) -> Series | None:
    if not has(recording, 2):
        return None
    numbers = [sum(losses) / len(losses) for losses, _ in epochs_of(recording)]
    return epoch_log(numbers, "validation") if epochs_of(recording, "validation") else None


@fault("regularization-left-out", "short-last-batch-counted-as-full")
def unweighted_data_loss(recording: Recording) -> Series | None:
    if not has(recording, 2):
        return None
    added = epochs_of(recording, tag=keys.REGULARIZATION)
    pairs = zip(epochs_of(recording), added, strict=bool(added))
    return epoch_log((sum(a) - sum(b)) / len(a) for (a, _), (b, _) in pairs) if added else None


@fault("state-not-reset", "steps-shifted")
def never_reset_and_late(recording: Recording) -> Series | None:
    # After a NaN a running mean stays NaN, whether it is reset or not.
    if not is_finite(recording):
        return None
    log = never_reset_by_batch(recording)
    return (
        None if log is None else batch_log([math.nan, *log.values[:-1].tolist()], "epoch_so_far")
    )
