"""Faults in the steps at which numbers are logged."""

from __future__ import annotations

import math

from lossaudit.recording.recording import Recording
from lossaudit.recording.series import Series
from lossaudit.testing.faults.fault import batch_log, batches_of, epochs_of, fault, has


@fault("steps-shifted")
def logged_one_step_late(recording: Recording) -> Series | None:
    return batch_log([math.nan, *batches_of(recording)[:-1]])


@fault("steps-shifted")
def steps_from_one(recording: Recording) -> Series | None:
    losses = batches_of(recording)
    return batch_log(losses, steps=range(1, len(losses) + 1))


@fault("steps-restarted")
def steps_of_each_epoch(recording: Recording) -> Series | None:
    if not has(recording, 2):
        return None
    return batch_log(
        batches_of(recording),
        steps=[k for losses, _ in epochs_of(recording) for k in range(len(losses))],
    )


@fault("executions-counted-for-batches")
def steps_of_executions(recording: Recording) -> Series | None:
    losses = batches_of(recording)[3::4]
    return batch_log(losses, steps=range(len(losses)))


@fault("epochs-counted-of-equal-length")
def steps_by_the_first_epoch(recording: Recording) -> Series | None:
    epochs = epochs_of(recording)
    if len({len(losses) for losses, _ in epochs}) == 1:
        return None
    most = max(len(losses) for losses, _ in epochs)
    return batch_log(
        batches_of(recording),
        steps=[e * most + k for e, (losses, _) in enumerate(epochs) for k in range(len(losses))],
    )
