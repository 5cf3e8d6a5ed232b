"""Batch losses recovered from the running means of a log."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from lossaudit.arithmetic.arrays import Floats
from lossaudit.arithmetic.inversion import invert_running_mean
from lossaudit.recording.series import Series, epoch_starts


@dataclass(frozen=True, eq=False)
class Recovery:
    """Batch losses recovered from the running means of a log.

    Args:
        series: the recovered losses with the steps and epochs of the log and `covers="batch"`;
            NaN if a loss cannot be recovered.
        errors: how far each may be from the loss of its batch, shape (n,).
        rows_known: False if batches of equal rows were assumed; the loss of a short last batch is
            then further off than its error says.
    """

    series: Series
    errors: Floats
    rows_known: bool


def recovered(running: Series, *, batches: int | None = None) -> Recovery:
    """The batch losses that went into the running means of a log, each with its error.

    Args:
        running: running means that start anew in every epoch, none of them missing; with
            `weights` if the rows of the batches are known.
        batches: number of batches of an epoch, if the series has no epochs.

    Raises:
        ValueError: the epochs are unknown, or steps are missing within an epoch.

    >>> recovered(Series([1.0, 1.5, 3.0], weights=[4, 4, 2]), batches=3).series.values
    array([1., 2., 9.])
    """
    epochs = _epochs_of(running, batches)
    edges = [*np.flatnonzero(epoch_starts(epochs)).tolist(), len(epochs)]
    values, errors = np.empty(len(running)), np.empty(len(running))
    for start, end in pairwise(edges):
        part = running.take(slice(start, end))
        _refuse_gaps(part)
        found = invert_running_mean(
            part.values, part.weights, dtype=running.dtype, decimals=running.decimals
        )
        values[start:end], errors[start:end] = found.values, found.errors
    # The recovered losses have all digits; those that the log lacks are in their errors.
    series = replace(running, values=values, covers="batch", epochs=epochs, decimals=None)
    return Recovery(series, errors, running.weights is not None)


def _epochs_of(running: Series, batches: int | None) -> Any:
    if batches is not None:
        if batches < 1 or len(running) % batches:
            raise ValueError(
                f"batches={batches} must divide the {len(running)} values of {running.name}"
            )
        return np.arange(len(running)) // batches
    if running.epochs is None:
        raise ValueError(
            f"{running.name} has no epochs: give batches=, the number of batches of an epoch"
        )
    return running.epochs


def _refuse_gaps(part: Series) -> None:
    gaps = np.zeros(0) if part.steps is None else np.diff(part.steps)
    if np.any(gaps != 1):
        at = int(np.flatnonzero(gaps != 1)[0])
        steps = part.steps if part.steps is not None else np.zeros(0)
        raise ValueError(
            f"steps={steps[at]}, {steps[at + 1]} of {part.name} are not consecutive: a batch loss "
            "can be recovered only if the running means before and after it were logged"
        )
