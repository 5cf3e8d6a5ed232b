"""Faults in the choice of batches: missing, repeated, of another split, not finite."""

from __future__ import annotations

import math
from collections.abc import Iterator

from lossaudit.recording import keys
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
)


@fault("last-batch-dropped")
def last_batch_left_out(recording: Recording) -> Series | None:
    if not has(recording, 2):
        return None
    return epoch_log(mean(losses[:-1], rows[:-1]) for losses, rows in epochs_of(recording))


@fault("first-batch-dropped")
def warm_up_batch_left_out(recording: Recording) -> Series | None:
    if not has(recording, 2):
        return None
    return epoch_log(mean(losses[1:], rows[1:]) for losses, rows in epochs_of(recording))


@fault("some-batches-averaged")
def every_third_batch_averaged(recording: Recording) -> Series | None:
    if not has(recording, 4):
        return None
    return epoch_log(mean(losses[::3], rows[::3]) for losses, rows in epochs_of(recording))


@fault("some-batches-averaged")
def last_of_each_execution_averaged(recording: Recording) -> Series | None:
    if not has(recording, 4):
        return None
    return epoch_log(mean(losses[3::4], rows[3::4]) for losses, rows in epochs_of(recording))


@fault("first-batch-counted-twice")
def first_batch_again(recording: Recording) -> Series | None:
    return epoch_log(
        mean(losses[:1] + losses, rows[:1] + rows) for losses, rows in epochs_of(recording)
    )


@fault("last-batch-counted-twice")
def last_batch_again(recording: Recording) -> Series | None:
    epochs = epochs_of(recording)
    # Twice half a batch weighs as much as a full one: the mistake would be another one.
    if any(2 * rows[-1] == max(rows) for _, rows in epochs):
        return None
    return epoch_log(mean(losses + losses[-1:], rows + rows[-1:]) for losses, rows in epochs)


@fault("batches-missing")
def hooks_of_executions(recording: Recording) -> Series | None:
    return batch_log(batches_of(recording)[3::4])


@fault("batches-missing")
def first_batches_not_logged(recording: Recording) -> Series | None:
    return batch_log(batches_of(recording)[2:])


@fault("batches-missing")
def last_batches_not_logged(recording: Recording) -> Series | None:
    if not has(recording, 2):
        return None
    return batch_log(loss for losses, _ in epochs_of(recording) for loss in losses[:-1])


@fault("batches-repeated")
def every_batch_logged_twice(recording: Recording) -> Series | None:
    return batch_log(loss for loss in batches_of(recording) for _ in range(2))


@fault("batches-repeated")
def csv_appended_twice(recording: Recording) -> Series | None:
    numbers = [mean(*epoch) for epoch in epochs_of(recording)] * 2
    return Series(numbers, covers="epoch", epochs=list(range(len(numbers) // 2)) * 2)


@fault("one-replica-logged-for-all")
def rank_zero_only(recording: Recording) -> Series | None:
    first = epochs_of(recording, tag=f"{keys.LOSS}{keys.REPLICA}0")
    return epoch_log(mean(*epoch) for epoch in first) if first else None


@fault("another-split-logged")
def train_loss_as_validation(recording: Recording) -> Series | None:
    numbers = [mean(*epoch) for epoch in epochs_of(recording)]
    return epoch_log(numbers, "validation") if epochs_of(recording, "validation") else None


@fault("another-split-logged")
def validation_loss_as_train(recording: Recording) -> Series | None:
    numbers = [mean(*epoch) for epoch in epochs_of(recording, "validation")]
    return epoch_log(numbers) if numbers else None


@fault("loss-after-update")
def loss_after_the_update(recording: Recording) -> Series | None:
    losses = batches_of(recording)
    if len(losses) < 4 or any(len(epoch) > 1 for epoch, _ in epochs_of(recording)):
        return None
    return batch_log([*losses[1:], losses[-1] * 0.9])


@fault("not-finite-dropped")
def nanmean(recording: Recording) -> Series | None:
    return epoch_log(_finite_means(recording)) if not is_finite(recording) else None


@fault("not-finite-replaced-by-zero")
def nan_to_num(recording: Recording) -> Series | None:
    losses = [loss if math.isfinite(loss) else 0.0 for loss in batches_of(recording)]
    return batch_log(losses) if not is_finite(recording) else None


@fault("not-finite-replaced-by-another")
def previous_loss_for_nan(recording: Recording) -> Series | None:
    losses: list[float] = []
    for loss in batches_of(recording):
        losses.append(loss if math.isfinite(loss) else losses[-1] if losses else math.nan)
    return batch_log(losses) if not is_finite(recording) and math.isfinite(losses[0]) else None


@fault("not-finite-replaced-by-another")
def mean_until_then_for_nan(recording: Recording) -> Series | None:
    if is_finite(recording) or not all(
        math.isfinite(losses[0]) for losses, _ in epochs_of(recording)
    ):
        return None
    shown: list[float] = []
    for losses, _ in epochs_of(recording):
        finite: list[float] = []
        for loss in losses:
            finite += [loss] if math.isfinite(loss) else []
            shown.append(loss if math.isfinite(loss) else sum(finite) / len(finite))
    return batch_log(shown)


def _finite_means(recording: Recording) -> Iterator[float]:
    for losses, rows in epochs_of(recording):
        finite = [(loss, n) for loss, n in zip(losses, rows, strict=True) if math.isfinite(loss)]
        yield mean([loss for loss, _ in finite], [n for _, n in finite]) if finite else math.nan
