"""Recognition: findings whose numbers are Keras' own doing say so, with the version and the way out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from lossaudit.cases import Case
from lossaudit.checks.captures import CAPTURED
from lossaudit.checks.values import VALUE_RULES
from lossaudit.claims import Claim
from lossaudit.defects import DEFECTS, Defect, recognised_defects
from lossaudit.findings import Finding, Verdict
from lossaudit.messages import at_number, telling
from lossaudit.recordings import Floats, Recording, Series
from lossaudit.tolerances import REWRITTEN, half_ulp, mean_bound
from lossaudit.trainings import EPOCHS, OUTPUTS
from lossaudit.truths import Truth, truth_about

_OWN = re.compile(r"^((History|CSVLogger|TensorBoard)\b.*|(val_)?\w*loss)$")
"""What a claim is called whose numbers Keras itself wrote: its callbacks, and the keys of a History."""
_KEY = re.compile(r"^(?:.*\[')?(val_)?(\w*loss)(?:'\])?$")
"""The key of a History, plain or as one speaks of it."""


def recognised(case: Case, recording: Recording, found: list[Finding]) -> list[Finding]:
    """The findings about a case, where a defect of Keras gives its numbers as one finding that names it."""
    defects = recognised_defects(case, recording)
    if not defects or case.expected is None:
        return found
    is_own = _OWN.match(case.claim.origin or "") is not None
    mistakes = () if is_own else tuple(dict.fromkeys(name for one in case.readings for name in one.names))
    at = int(np.flatnonzero(~case.expected.matches(case.claim.values, case.claim.decimals))[0])
    explanations = [f"{one.explanation} {sightings(one, recording)}" for one in defects]
    explanations += [f"a mistake with the same numbers, {one}." for one in mistakes]
    several = len(explanations) > 1
    more = f" Indistinguishable on this data. {telling(case)}" if several else ""
    return [
        at_number(
            VALUE_RULES[case.covers],
            case,
            case.expected,
            at,
            float(case.claim.values[at]),
            f"It is {' Or it is '.join(explanations)}{more}",
            causes=(*(one.name for one in defects), *mistakes),
            remedy=defects[0].remedy,
        )
    ]


def sightings(defect: Defect, recording: Recording) -> str:
    """Which Keras does it, as a sentence.

    >>> sightings(DEFECTS["batches-counted-alike"], Recording([], metadata={"keras": "3.1.1"}))
    'Your Keras 3.1.1 does this (seen in Keras 3.0.0 to 3.1.1; keras-team/keras#19363).'
    """
    seen = f"Keras {defect.seen[0]} to {defect.seen[1]}"
    thread = f"; {defect.thread}" if defect.thread else ""
    version = recording.metadata.get("keras")
    if version is None:
        return f"It was seen in {seen}{thread}."
    if defect.was_seen_in(str(version)):
        return f"Your Keras {version} does this (seen in {seen}{thread})."
    return f"It was seen in {seen}{thread}; yours is {version}."


def nothing_averaged(recording: Recording, claim: Claim, found: Finding) -> Finding:
    """The finding about a claim without truth, where it is all zeros of a tracker that nothing updated.

    It stays undecidable: the true losses are not known.
    """
    series, defect = claim.series, DEFECTS["untouched-tracker-shown-as-epoch"]
    is_unheard = series.split in recording.metadata.get("not_captured", {})
    is_own = _OWN.match(claim.origin) is not None
    if found.code != CAPTURED.code or not (is_unheard and is_own and len(series)) or np.any(series.values):
        return found
    message = f"{found.message} What is logged is {defect.explanation} {sightings(defect, recording)}"
    return replace(found, message=message, cause=defect.name, causes=(defect.name,), remedy=defect.remedy)


def check_outputs(recording: Recording, claims: Iterable[Claim]) -> Iterator[Finding]:
    """LA406: the losses of the outputs, times their weights, are not the total of their epoch."""
    weights = recording.metadata.get("outputs") or {}
    parts_of: dict[tuple[str, str], dict[str, Series]] = {}
    for claim in claims if weights else ():
        file, _, own = claim.origin.rpartition(": ")
        if (key := _KEY.match(own)) and _OWN.match(own):
            parts_of.setdefault((file, key[1] or ""), {})[key[2]] = claim.series
    for (_, prefix), series in parts_of.items():
        if series.keys() >= weights.keys() | {"loss"}:
            yield from _sums_apart(recording, prefix, series, weights)


def _sums_apart(
    recording: Recording, prefix: str, series: Mapping[str, Series], weights: Mapping[str, float]
) -> Iterator[Finding]:
    total, split = series["loss"].values, "validation" if prefix else "train"
    truth = truth_about(recording, "loss", split, "float32")
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
    at, defect = int(apart[0]), DEFECTS["output-losses-counted-alike"]
    added = " + ".join(f"{factor:g}·{prefix}{name} {series[name].values[at]:.9g}" for name, factor in weights.items())
    yield Finding(
        OUTPUTS.code,
        Verdict.WRONG,
        f"{split} loss, epoch {truth.batches.epochs[truth.batches.ends][at]}: {added} = {sums[at]:.9g}, but the total "
        f"is {total[at]:.9g} (bound {bounds[at]:.2g}, for losses that are not negative). The losses of outputs are "
        f"{defect.explanation} {sightings(defect, recording)}",
        split=split,
        epoch=int(truth.batches.epochs[truth.batches.ends][at]),
        observed=float(sums[at]),
        expected=float(total[at]),
        bound=float(bounds[at]),
        cause=defect.name,
        causes=(defect.name,),
        remedy=defect.remedy,
        origin=series["loss"].origin,
    )


def _bounds_of_sums(truth: Truth, sums: Floats, outputs: int) -> Floats:
    """How far the sum of rounded means may be from the rounded mean of sums, where no term is negative."""
    bounds = []
    for group, logged in zip(truth.batches.groups(), sums, strict=True):
        sizes = np.maximum(np.abs(truth.batches.values[group]), abs(float(logged)))
        kinds = (truth.batches.weights[group], np.ones(len(sizes)))
        most = max(float(mean_bound(sizes, kind, roundings=REWRITTEN).proven[-1]) for kind in kinds)
        bounds.append((1 + outputs) * (most + float(half_ulp(sizes.max()))))
    return np.array(bounds)


def check_dropped_epochs(recording: Recording, claims: Iterable[Claim]) -> Iterator[Finding]:
    """LA407: `TensorBoard(update_freq=N)` kept the epochs after whose last batch its counter was divisible by N."""
    for claim in claims:
        series = claim.series
        axis = series.epochs if series.epochs is not None else series.steps
        truth = truth_about(recording, "loss", series.split, series.dtype)
        if "epoch_loss" not in claim.origin.rpartition(": ")[2] or axis is None or truth is None or not len(axis):
            continue
        epochs = truth.batches.epochs[truth.batches.ends]
        every = frequency_of_gaps(np.isin(epochs, axis), _executions(truth, recording))
        if every is not None:
            yield _dropped(claim, recording, epochs[~np.isin(epochs, axis)].tolist(), every)


def frequency_of_gaps(present: Iterable[bool], batches: int) -> int | None:
    """The least `update_freq` that would have dropped just the epochs that are missing, of so many batches each.

    >>> frequency_of_gaps([False, True, False, True], 3), frequency_of_gaps([True, True], 3)
    (2, None)
    """
    kept = [bool(one) for one in present]
    if all(kept):
        return None
    counters = [batches * (epoch + 1) for epoch in range(len(kept))]
    tried = range(2, counters[-1] + 1)
    return next((every for every in tried if [counter % every == 0 for counter in counters] == kept), None)


def _executions(truth: Truth, recording: Recording) -> int:
    """Batch hooks in an epoch, which is what the counter of TensorBoard counts."""
    steps = int(recording.metadata.get("steps_per_execution", 1))
    return int(-(-int(truth.batches.lengths[0]) // steps))


def _dropped(claim: Claim, recording: Recording, missing: list[int], every: int) -> Finding:
    first, last = "3.15.0", "3.15.1"
    version = recording.metadata.get("keras")
    yours = f"yours is Keras {version}" if version else "which Keras wrote it is not known"
    return Finding(
        EPOCHS.code,
        Verdict.WRONG,
        f"{claim.origin}: epochs {', '.join(map(str, missing))} are missing, just those after which the batch counter "
        f"is no multiple of {every}. `TensorBoard(update_freq={every})` drops them without a word (seen in Keras "
        f"{first} to {last}; keras-team/keras#22357; {yours}).",
        tag=claim.series.tag,
        split=claim.series.split,
        epoch=missing[0],
        cause="epoch-loss-dropped-by-update-freq",
        causes=("epoch-loss-dropped-by-update-freq",),
        remedy="Write with `update_freq='epoch'` or `'batch'`, or use `lossaudit.keras.Summaries`.",
        origin=claim.origin,
    )
