"""Evaluations: the numbers that Keras' TensorBoard callback logs against iterations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lossaudit.arithmetic.arrays import Ints
from lossaudit.auditing.claims import Claim
from lossaudit.predictions.truth import Batches
from lossaudit.recording.origins import Origin
from lossaudit.recording.recording import Recording
from lossaudit.recording.series import Series


def evaluations_of(claim: Claim, truth: Recording) -> list[Claim]:
    """Split a claim against iterations into validation by epoch and `evaluate`.

    `evaluation_loss_vs_iterations` has a number for each evaluation, at the number of optimizer
    steps taken so far. A number belongs to validation if a validated epoch ended there and it is
    the first number there. Any other claim is returned as it is.
    """
    series = claim.series
    epochs = _epochs(series, truth) if claim.name.is_against_iterations else None
    if epochs is None:
        return [claim]
    held_out = [
        one.epochs
        for one in truth.select(tag=series.tag, split="validation", covers="batch")
        if len(one)
    ]
    validated = held_out[0] if held_out and held_out[0] is not None else np.zeros(0, np.int64)
    # `fit` validates before `on_epoch_end`, where a callback may evaluate: validation is first.
    first = np.isin(np.arange(len(epochs)), np.unique(epochs, return_index=True)[1])
    of_fit = first & np.isin(epochs, validated)
    origin = Origin.parse(claim.origin)
    parts = [replace(series.take(of_fit), epochs=epochs[of_fit], steps=None)]
    parts += [
        replace(
            series.take(~of_fit),
            split="test",
            steps=None,
            origin=origin.renamed(f"{origin.name} (evaluate)"),
        )
    ]
    return [replace(claim, series=part) for part in parts if len(part)]


def _epochs(series: Series, truth: Recording) -> Ints | None:
    """The epoch after which each number was logged; None where no epoch ended there.

    The recording may start at another step than the optimizer, which continues after an earlier
    `fit`.
    """
    trained = truth.select(tag=series.tag, split="train", covers="batch")
    if series.steps is None or len(trained) != 1 or not len(trained[0]) or not len(series):
        return None
    batches = Batches.of(trained[0])
    # Keras logs `optimizer.iterations`, the number of steps taken: the last index plus one.
    taken = batches.steps[batches.ends] + 1
    for offset in (0, series.steps[0] - taken[0], series.steps[-1] - taken[-1]):
        # An offset is right if it moves every logged step to the end of an epoch.
        places = np.searchsorted(taken, series.steps - offset).clip(max=len(taken) - 1)
        if np.array_equal(taken[places] + offset, series.steps):
            return batches.epochs[batches.ends][places]
    return None
