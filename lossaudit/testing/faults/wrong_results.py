"""Faults in processing a correct number: scaling, transforming, rounding."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lossaudit.recording import keys
from lossaudit.recording.recording import Recording
from lossaudit.recording.series import Series
from lossaudit.testing.faults.fault import batch_log, batches_of, epoch_log, epochs_of, fault, mean


@fault("loss-scaled-by-accumulation")
def divided_by_accumulation_steps(recording: Recording) -> Series | None:
    return batch_log(loss / 4 for loss in batches_of(recording))


@fault("loss-scaled-by-accumulation")
def summed_over_accumulation_steps(recording: Recording) -> Series | None:
    return epoch_log(mean(*epoch) * 4 for epoch in epochs_of(recording))


@fault("loss-scaled-by-replicas")
def summed_over_replicas(recording: Recording) -> Series | None:
    replicas = recording.metadata.get(keys.REPLICAS, 8)
    return (
        epoch_log(mean(*epoch) * replicas for epoch in epochs_of(recording))
        if replicas > 1
        else None
    )


@fault("loss-scaled-by-batch-size")
def multiplied_by_batch_size(recording: Recording) -> Series | None:
    size = max(rows[0] for _, rows in epochs_of(recording))
    return epoch_log(mean(*epoch) * size for epoch in epochs_of(recording)) if size > 1 else None


@fault("loss-scaled-by-batch-size")
def divided_by_batch_size(recording: Recording) -> Series | None:
    size = max(rows[0] for _, rows in epochs_of(recording))
    return batch_log(loss / size for loss in batches_of(recording)) if size > 1 else None


@fault("loss-scale-of-mixed-precision-kept")
def scaled_for_float16(recording: Recording) -> Series | None:
    return batch_log(loss * 2**15 for loss in batches_of(recording))


@fault("logarithm-logged")
def log_loss(recording: Recording) -> Series | None:
    means = [mean(*epoch) for epoch in epochs_of(recording)]
    return epoch_log(math.log(mean) for mean in means) if min(means) > 0 else None


@fault("square-root-logged")
def rmse_called_loss(recording: Recording) -> Series | None:
    means = [mean(*epoch) for epoch in epochs_of(recording)]
    return epoch_log(math.sqrt(mean) for mean in means) if min(means) > 0 else None


@fault("exponential-logged")
def perplexity_called_loss(recording: Recording) -> Series | None:
    means = [mean(*epoch) for epoch in epochs_of(recording)]
    return epoch_log(math.exp(mean) for mean in means) if max(means) < 80 else None


@fault("sign-reversed")
def score_called_loss(recording: Recording) -> Series | None:
    return epoch_log(-mean(*epoch) for epoch in epochs_of(recording))


@fault("rounded-to-float16")
def kept_in_float16(recording: Recording) -> Series | None:
    return batch_log(np.array(batches_of(recording)).astype(np.float16).astype(float).tolist())


@fault("rounded-to-bfloat16")
def kept_in_bfloat16(recording: Recording) -> Series | None:
    import ml_dtypes

    return batch_log(
        np.array(batches_of(recording)).astype(ml_dtypes.bfloat16).astype(float).tolist()
    )


@fault("rounded-to-decimals")
def printed_with_two_digits(recording: Recording) -> Series | None:
    return batch_log(float(f"{loss:.2f}") for loss in batches_of(recording))


@fault("accumulated-in-float16")
def accumulated_in_float16(recording: Recording) -> Series | None:
    return epoch_log(_narrow(losses, rows, np.float16) for losses, rows in epochs_of(recording))


@fault("accumulated-in-bfloat16")
def accumulated_in_bfloat16(recording: Recording) -> Series | None:
    import ml_dtypes

    return epoch_log(
        _narrow(losses, rows, ml_dtypes.bfloat16) for losses, rows in epochs_of(recording)
    )


def _narrow(losses: list[float], rows: list[float], kind: Any) -> float:
    total, count = kind(0), kind(0)
    # The total of a float16 overflows beyond 65504, and infinity / infinity is NaN.
    with np.errstate(over="ignore", invalid="ignore"):
        for loss, n in zip(losses, rows, strict=True):
            total, count = total + kind(loss) * kind(n), count + kind(n)
        return float(total / count)
