"""Checks of what Keras itself does to logs: LA406, LA407."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from lossaudit.arithmetic.arrays import Floats
from lossaudit.arithmetic.bounds import REWRITTEN, half_ulp, mean_bound
from lossaudit.auditing.claims import Claim
from lossaudit.auditing.defects import sightings
from lossaudit.predictions.mistakes import noticed
from lossaudit.predictions.mistakes.mistake import MISTAKES
from lossaudit.predictions.truth import Truth, truth_about
from lossaudit.recording import keys
from lossaudit.recording.names import Split, of_keras
from lossaudit.recording.recording import Recording
from lossaudit.recording.series import Series
from lossaudit.report.findings import Finding
from lossaudit.report.verdict import Verdict
from lossaudit.rules.callbacks import EPOCHS_WRITTEN, OUTPUTS


def check_outputs(recording: Recording, claims: Iterable[Claim]) -> Iterator[Finding]:
    """LA406: the losses of the outputs, times their weights, do not add up to the total."""
    weights = recording.metadata.get(keys.OUTPUTS) or {}
    parts_of: dict[tuple[str, Split], dict[str, Series]] = {}
    for claim in claims if weights else ():
        if claim.name.history_key and claim.name.is_of_keras:
            split, tag = of_keras(claim.name.history_key)
            parts_of.setdefault((claim.series.file, split), {})[tag] = claim.series
    for (_, split), series in parts_of.items():
        # One missing output leaves the sum open.
        if series.keys() >= weights.keys() | {keys.LOSS}:
            yield from _sums_apart(recording, split, series, weights)


def _sums_apart(
    recording: Recording, split: Split, series: Mapping[str, Series], weights: Mapping[str, float]
) -> Iterator[Finding]:
    total, prefix = series[keys.LOSS].values, "val_" if split == "validation" else ""
    truth = truth_about(recording, keys.LOSS, split, "float32")
    if (
        truth is None
        or any(len(series[name]) != len(total) for name in weights)
        or len(truth.batches.ends) != len(total)
    ):
        return
    sums = np.sum([factor * series[name].values for name, factor in weights.items()], axis=0)
    bounds = _bounds_of_sums(truth, sums, len(weights))
    apart = np.flatnonzero(np.abs(sums - total) > bounds)
    if not len(apart):
        return
    at, defect = int(apart[0]), MISTAKES["output-losses-counted-alike"]
    added = " + ".join(
        f"{factor:g}·{prefix}{name} {series[name].values[at]:.9g}"
        for name, factor in weights.items()
    )
    yield Finding(
        OUTPUTS.code,
        Verdict.WRONG,
        f"{split} loss, epoch {truth.batches.epochs[truth.batches.ends][at]}: {added} = "
        f"{sums[at]:.9g}, but the total "
        f"is {total[at]:.9g} (bound {bounds[at]:.2g}, for losses that are not negative). For each "
        "output, the logged "
        f"number is another mean. {defect.explanation} {sightings(defect, recording)}",
        split=split,
        epoch=int(truth.batches.epochs[truth.batches.ends][at]),
        observed=float(sums[at]),
        expected=float(total[at]),
        bound=float(bounds[at]),
        cause=defect.name,
        causes=(defect.name,),
        remedy=defect.remedy,
        origin=series[keys.LOSS].origin,
    )


def _bounds_of_sums(truth: Truth, sums: Floats, outputs: int) -> Floats:
    """How far a sum of rounded means may be from the rounded mean of sums of positive terms."""
    bounds = []
    for group, logged in zip(truth.batches.groups(), sums, strict=True):
        sizes = np.maximum(np.abs(truth.batches.values[group]), abs(float(logged)))
        # On TensorFlow, Keras 3.15 weights the losses of outputs by rows if eager, by 1 in a
        # graph.
        kinds = (truth.batches.weights[group], np.ones(len(sizes)))
        most = max(
            float(mean_bound(sizes, kind, roundings=REWRITTEN).proven[-1]) for kind in kinds
        )
        # The total and each output are means of their own, each rounded once more in the log.
        bounds.append((1 + outputs) * (most + float(half_ulp(sizes.max()))))
    return np.array(bounds)


def check_dropped_epochs(recording: Recording, claims: Iterable[Claim]) -> Iterator[Finding]:
    """LA407: `TensorBoard(update_freq=N)` kept only some epochs."""
    for claim in claims:
        series = claim.series
        axis = series.epochs if series.epochs is not None else series.steps
        truth = truth_about(recording, keys.LOSS, series.split, series.dtype)
        if "epoch_loss" not in claim.name.text or axis is None or truth is None or not len(axis):
            continue
        epochs = truth.batches.epochs[truth.batches.ends]
        every = frequency_of_gaps(np.isin(epochs, axis), _executions(truth, recording))
        if every is not None:
            yield _dropped(claim, recording, epochs[~np.isin(epochs, axis)].tolist(), every)


def frequency_of_gaps(present: Iterable[bool], batches: int) -> int | None:
    """Return the least `update_freq` that drops exactly the missing epochs.

    Args:
        present: whether each epoch was logged.
        batches: batches of each epoch.

    >>> frequency_of_gaps([False, True, False, True], 3), frequency_of_gaps([True, True], 3)
    (2, None)
    """
    kept = [bool(one) for one in present]
    if all(kept):
        return None
    # TensorBoard's counter goes on over epochs; only the next `fit` sets it back to 0.
    counters = [batches * (epoch + 1) for epoch in range(len(kept))]
    # Only divisors of the first kept counter keep it, and they are few.
    first = next((counter for counter, there in zip(counters, kept, strict=True) if there), 0)
    tried = _divisors(first) if first else range(2, counters[-1] + 1)
    return next(
        (every for every in tried if [counter % every == 0 for counter in counters] == kept), None
    )


def _divisors(number: int) -> list[int]:
    """The divisors of a number from 2 on, in ascending order."""
    low = [one for one in range(1, math.isqrt(number) + 1) if number % one == 0]
    return sorted({*low, *(number // one for one in low)} - {1})


def _executions(truth: Truth, recording: Recording) -> int:
    """Batch hooks in an epoch, which the counter of TensorBoard counts."""
    steps = int(recording.metadata.get(keys.STEPS_PER_EXECUTION, 1))
    # Rounded up: from Keras 3.7 on a partial execution at the end of an epoch calls its hook.
    return int(-(-int(truth.batches.lengths[0]) // steps))


def _dropped(claim: Claim, recording: Recording, missing: list[int], every: int) -> Finding:
    mistake = noticed.EPOCH_LOSS_DROPPED_BY_UPDATE_FREQ
    return Finding(
        EPOCHS_WRITTEN.code,
        Verdict.WRONG,
        f"{claim.origin}: epochs {', '.join(map(str, missing))} are missing: those after which "
        "the "
        f"batch counter is no multiple of {every}. `TensorBoard(update_freq={every})` drops them "
        f"without a word. {sightings(mistake, recording)}",
        tag=claim.series.tag,
        split=claim.series.split,
        epoch=missing[0],
        **mistake.cited(),
        causes=(mistake.name,),
        origin=claim.origin,
    )
