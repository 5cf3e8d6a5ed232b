"""Faults in the parts of the loss: regularization, outputs, loss weights."""

from __future__ import annotations

from collections.abc import Callable

from lossaudit.recording import keys
from lossaudit.recording.recording import Recording
from lossaudit.recording.series import Series
from lossaudit.testing.faults.fault import batch_log, epoch_log, epochs_of, fault, mean


@fault("regularization-left-out")
def data_loss_only(recording: Recording) -> Series | None:
    return _with_regularization(recording, -1)


@fault("regularization-counted-twice")
def regularization_added_again(recording: Recording) -> Series | None:
    return _with_regularization(recording, 1)


def _with_regularization(recording: Recording, times: int) -> Series | None:
    added = epochs_of(recording, tag=keys.REGULARIZATION)
    pairs = zip(epochs_of(recording), added, strict=bool(added))
    return (
        epoch_log(mean(*epoch) + times * mean(*extra) for epoch, extra in pairs) if added else None
    )


@fault("component-logged-as-total")
def one_output_as_total(recording: Recording) -> Series | None:
    parts = [
        one.tag
        for one in recording.series
        if one.tag.endswith(keys.OUTPUT_LOSS)
        and one.split == "train"
        and one.tag != keys.OPTIMISED_LOSS
    ]
    return (
        epoch_log(mean(*epoch) for epoch in epochs_of(recording, tag=parts[0])) if parts else None
    )


@fault("loss-weights-applied-twice")
def loss_weights_twice(recording: Recording) -> Series | None:
    return _weighted_again(recording, lambda weight: weight - 1)


@fault("loss-weights-left-out")
def loss_weights_forgotten(recording: Recording) -> Series | None:
    return _weighted_again(recording, lambda weight: 1 / weight - 1)


def _weighted_again(recording: Recording, change: Callable[[float], float]) -> Series | None:
    weighted = {
        one.tag: one.values
        for one in recording.series
        if one.tag.endswith(keys.WEIGHTED) and one.split == "train"
    }
    if not weighted:
        return None
    total = recording.find(tag=keys.LOSS, split="train", covers="batch").values.copy()
    for tag, values in weighted.items():
        plain = recording.find(
            tag=tag.removesuffix(keys.WEIGHTED), split="train", covers="batch"
        ).values
        total += values * change(round(float(values[0] / plain[0]), 4))
    return batch_log(total.tolist())
