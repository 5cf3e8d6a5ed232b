"""Audit of logs alone: what they prove by themselves, where nobody recorded the truth, and what cannot be judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from lossaudit.claims import Claim, claim_named, claims_of, is_plain, name_of, promised, words_of
from lossaudit.findings import Finding, Judgement, Report, Rule, Verdict
from lossaudit.inversions import invert_running_mean
from lossaudit.logs.averages import Pair, pairs
from lossaudit.logs.axes import AXIS_CHECKS, AXIS_RULES
from lossaudit.logs.columns import about, axis_of, file_of, is_loss, place_of
from lossaudit.logs.curves import CURVE_CHECKS, CURVE_RULES
from lossaudit.logs.totals import TOTAL, check_totals
from lossaudit.recordings import Covers, Floats, Recording, Series

RUNNING = Rule(
    "LA501",
    "batch-value-is-no-running-mean",
    "The last batch value of an epoch is the loss of its last batch, not the value of the epoch.",
    "`logs['loss']` of a batch is the mean of the epoch so far, and TensorBoard writes it as `batch_loss`: its last "
    "value of each epoch is then the epoch's. So it is where a loop shows its last batch as the epoch's value.",
)
FOLLOWS = Rule(
    "LA502",
    "epoch-value-follows-from-its-batches",
    "The value of an epoch is the mean of its batch values, each weighted by its rows.",
    "Where a log holds both, with rows, each checks the other: a mean that counts every batch alike gives a short last "
    "batch too much.",
)
UNKNOWN = Rule(
    "LA514",
    "truth-stands-beside-the-log",
    "The true batch losses were recorded, so that the log can be judged.",
    "From logs alone little can be proved right: a curve that looks well may hold running means, or other losses.",
    severity="warning",
)
LOG_RULES = (RUNNING, FOLLOWS, *AXIS_RULES, *CURVE_RULES, TOTAL, UNKNOWN)

_RUNNING, _LAST = "running-mean-read-as-batch-loss", "last-batch-shown-as-epoch"
_UNJUDGED: dict[Covers | None, str] = {
    None: "what its numbers cover",
    "batch": "whether a batch value is the loss of its batch, or a mean of the epoch so far",
    "epoch_so_far": "whether a running mean counts every batch, and each by its rows",
    "epoch": "whether an epoch value is the mean of its batches, weighted by rows, with nothing lost or mixed in",
}


@dataclass(frozen=True, eq=False)
class Recovery:
    """Batch losses recovered from the running means of a log.

    Args:
        series: the recovered losses beside the steps and epochs of the log, with `covers="batch"`; NaN where nothing
            could be recovered.
        errors: how far each may be from the loss of its batch, shape (n,).
        rows_known: False where batches of equal rows were assumed; a short last batch of an epoch is then off by more.
    """

    series: Series
    errors: Floats
    rows_known: bool


def recovered(running: Series, *, batches: int | None = None) -> Recovery:
    """The batch losses that went into the running means of a log, each with its error.

    Args:
        running: running means that begin anew in every epoch, none of them missing; with `weights` where the rows of
            the batches are known.
        batches: number of batches of an epoch, where the series does not know its epochs.

    Raises:
        ValueError: the epochs are unknown, or steps are missing within one.

    >>> recovered(Series([1.0, 1.5, 3.0], weights=[4, 4, 2]), batches=3).series.values
    array([1., 2., 9.])
    """
    epochs = _epochs_of(running, batches)
    edges = np.flatnonzero(np.diff(epochs, prepend=epochs[:1] - 1, append=epochs[-1:] + 1)).tolist()
    values, errors = np.empty(len(running)), np.empty(len(running))
    for start, end in pairwise(edges):
        part = running.take(slice(start, end))
        _refuse_gaps(part)
        found = invert_running_mean(part.values, part.weights, dtype=running.dtype, decimals=running.decimals)
        values[start:end], errors[start:end] = found.values, found.errors
    series = replace(running, values=values, covers="batch", epochs=epochs, decimals=None)
    return Recovery(series, errors, running.weights is not None)


def _epochs_of(running: Series, batches: int | None) -> Any:
    if batches is not None:
        if batches < 1 or len(running) % batches:
            raise ValueError(f"batches={batches} must divide the {len(running)} values of {running.name}")
        return np.arange(len(running)) // batches
    if running.epochs is None:
        raise ValueError(f"{running.name} does not know its epochs; say batches=, the number of batches of an epoch")
    return running.epochs


def _refuse_gaps(part: Series) -> None:
    gaps = np.zeros(0) if part.steps is None else np.diff(part.steps)
    if np.any(gaps != 1):
        at = int(np.flatnonzero(gaps != 1)[0])
        steps = part.steps if part.steps is not None else np.zeros(0)
        raise ValueError(
            f"steps={steps[at]}, {steps[at + 1]} of {part.name} are not one after the other: a batch loss can be "
            "recovered only where the running mean before and after it was logged"
        )


def check_running_means(recording: Recording) -> Iterator[Finding]:
    """LA501: the batch values end in the epoch's value, and are no batch losses of which that is the mean."""
    for pair in pairs(recording):
        if pair.batches.covers == "batch" and _ends_wrongly(pair):
            yield _running(pair)


def _ends_wrongly(pair: Pair) -> bool:
    return pair.ends_in_epoch_value and pair.no_coincidence and pair.hardly_follow


def _running(pair: Pair) -> Finding:
    series, at = pair.batches, int(np.argmax(_distance(pair)))
    causes = _causes(pair)
    mean = f", but the mean of its {pair.lengths[at]} batch values is {pair.mean[at]:.9g}" if pair.complete else ""
    counted = "the only epoch" if len(pair.value) == 1 else f"each of {len(pair.value)} epochs"
    end = int(pair.ends[pair.judged][at])
    return about(
        RUNNING,
        series,
        f"the last batch value of {counted} is the value of the epoch: for example {pair.last[at]:.9g} at position "
        f"{end}{mean}. {_reading(pair, causes)}",
        epoch=_epoch(pair, at),
        observed=float(pair.last[at]),
        cause=causes[0],
        causes=causes,
        remedy="Take the batch losses from `lossaudit.keras.LossRecorder()`; `lossaudit.logs.recovered(series)` gives "
        "those that went into a running mean, with their errors.",
        **place_of(series, end),
    )


def _distance(pair: Pair) -> Floats:
    """How far the epoch's value is from the mean of its batch values."""
    return np.abs(pair.value - pair.mean) if pair.complete else np.zeros(len(pair.value))


def _causes(pair: Pair) -> tuple[str, ...]:
    """Which of the two mistakes it is; both where the numbers do not tell."""
    if pair.recovered_negative is not None:
        return (_LAST,)
    return (_RUNNING,) if pair.shrinks else (_RUNNING, _LAST)


def _reading(pair: Pair, causes: tuple[str, ...]) -> str:
    running = "the batch values are the mean of the epoch so far, not the loss of each batch"
    last = "the value of the epoch is the loss of its last batch"
    if causes == (_RUNNING,):
        return f"Their changes shrink along the epoch, as those of a mean that begins anew in each must: {running}."
    if causes == (_LAST,):
        return (
            f"As a running mean they would need a negative batch loss at position {pair.recovered_negative}, where "
            f"none is negative: {last}."
        )
    return f"Either {running}, or {last}. More batches and epochs would tell them apart."


def check_means(recording: Recording) -> Iterator[Finding]:
    """LA502: the epoch's value is the mean of its batch values in another way than it should be."""
    for pair in pairs(recording):
        if not pair.complete or not len(pair.value) or pair.ends_in_epoch_value:
            continue
        alike = np.abs(pair.plain_mean - pair.value) <= pair.bound
        if pair.batches.covers == "epoch_so_far":
            if pair.follows and not pair.leads_to_epoch_value:
                yield _raw(pair)
        elif pair.batches.weights is not None and not pair.follows and np.all(alike):
            yield _unweighted(pair)


def _unweighted(pair: Pair) -> Finding:
    at = int(np.argmax(np.abs(pair.value - pair.mean)))
    return about(
        FOLLOWS,
        pair.epochs,
        f"epoch {_epoch(pair, at)} has the value {pair.value[at]:.9g}, but its {pair.lengths[at]} batch values average "
        f"{pair.mean[at]:.9g} weighted by rows (bound {pair.bound[at]:.2g}). It is their unweighted mean.",
        epoch=_epoch(pair, at),
        observed=float(pair.value[at]),
        expected=float(pair.mean[at]),
        bound=float(pair.bound[at]),
        cause="short-last-batch-counted-as-full",
        remedy="Weight each batch by its rows: `mean.update_state(loss, sample_weight=len(x))`.",
    )


def _raw(pair: Pair) -> Finding:
    at = int(np.argmax(np.abs(pair.value - pair.last)))
    return about(
        FOLLOWS,
        pair.batches,
        f"the last running mean of epoch {_epoch(pair, at)} is {pair.last[at]:.9g}, but the epoch's value is "
        f"{pair.value[at]:.9g}, which is the mean of its {pair.lengths[at]} values: they are losses of batches.",
        epoch=_epoch(pair, at),
        observed=float(pair.last[at]),
        expected=float(pair.value[at]),
        bound=float(pair.bound[at]),
        cause="batch-loss-read-as-running-mean",
        remedy="Average what you show: `mean.update_state(loss, sample_weight=len(x)); mean.result()`.",
    )


def _epoch(pair: Pair, at: int) -> int:
    """The number of the judged epoch at a place among them."""
    row, axis = int(np.flatnonzero(pair.judged)[at]), axis_of(pair.epochs)
    return row if axis is None or pair.epochs.epochs is None else int(axis[row])


LOG_CHECKS: tuple[Callable[[Recording], Iterator[Finding]], ...] = (
    check_running_means,
    check_means,
    *AXIS_CHECKS,
    *CURVE_CHECKS,
    check_totals,
)


@dataclass(frozen=True)
class _Proof:
    """What a series holds if batch and epoch values prove each other, and on what condition."""

    quantity: str
    condition: str


def report_on_logs(
    claims: Series | Recording | Mapping[str, Any], *, select: Iterable[str] = (), ignore: Iterable[str] = ()
) -> Report:
    """Judge logs by themselves: what they prove, and what cannot be judged without the truth.

    A series is `wrong` or `suspect` where a finding says so, `consistent` where batch and epoch values prove each
    other, and else `undecidable`; what is no loss and stands beside one is then not audited.
    Names in a mapping such as `"loss"` and `"val_loss"` are those of `History`, for epoch values.
    """
    every_claim = _claims(claims)
    metadata = claims.metadata if isinstance(claims, Recording) else {}
    recording = Recording([claim.series for claim in every_claim], metadata=metadata)
    with np.errstate(all="ignore"):
        # Two logs of the same epochs give the same finding about the batches beside them.
        findings = list(dict.fromkeys(finding for check in LOG_CHECKS for finding in check(recording)))
        proofs = _proofs(recording)
    judgements = [_judged(claim, findings, proofs.get(index)) for index, claim in enumerate(every_claim)]
    beside = _beside(every_claim, judgements)
    findings += _unproved(every_claim, judgements, beside)
    findings += _conditions(recording, judgements, proofs)
    kept = tuple(one for index, one in enumerate(judgements) if index not in beside)
    not_audited = tuple(every_claim[index].origin for index in sorted(beside))
    return Report(kept, tuple(findings), not_audited, metadata).selected(select, ignore)


def _claims(claims: Series | Recording | Mapping[str, Any]) -> list[Claim]:
    return _told_apart(_named(claims) if isinstance(claims, Mapping) else claims_of(claims, Recording([])))


def _told_apart(claims: Sequence[Claim]) -> list[Claim]:
    """The claims; those of the same name and origin are called by what they cover, and numbered, too."""
    names, seen = Counter((claim.origin, claim.series.name) for claim in claims), Counter[str]()
    told = []
    for claim in claims:
        if names[claim.origin, claim.series.name] > 1:
            called = f"{claim.origin} by {claim.series.covers}"
            seen[called] += 1
            called += f" #{seen[called]}" if seen[called] > 1 else ""
            claim = replace(claim, series=replace(claim.series, origin=called))
        told.append(claim)
    return told


def _named(claims: Mapping[str, Any]) -> list[Claim]:
    """Claims that have only their names and lengths to say what they are; `"loss"` is the value of each epoch."""
    read = {name: claim_named(name, values, Recording([])) for name, values in claims.items()}
    epochs = [len(read[name].series) for name in claims if "loss" in words_of(name) and _covers(name, 0, 0) is None]
    return [
        claim if isinstance(claims[name], Series) else _promising(name, claim, min(epochs, default=0))
        for name, claim in read.items()
    ]


def _promising(name: str, claim: Claim, epochs: int) -> Claim:
    """A claim with a tag of its own unless it is plainly the loss."""
    covers = _covers(name, len(claim.series), epochs)
    tag = "loss" if is_plain(name) else name.removeprefix("val_")
    return Claim(replace(claim.series, tag=tag, covers=covers or "batch"), covers)


def _covers(name: str, length: int, epochs: int) -> Covers | None:
    """What numbers of a name cover in a log of so many epochs; None where neither name nor length tells."""
    words = words_of(name)
    said = promised(words - {"loss"}, length, epochs)
    if said is None and epochs and length != epochs:
        return promised(words, length, epochs)
    return "epoch" if said is None and epochs else said


def _proofs(recording: Recording) -> dict[int, _Proof]:
    """Which series, by their place, are proved by one another."""
    proofs: dict[int, _Proof] = {}
    for index, batches in enumerate(recording.series):
        for other, epochs in enumerate(recording.series):
            if batches.covers == "epoch" or epochs.covers != "epoch":
                continue
            found = {_proof(pair) for pair in pairs(Recording([batches, epochs]))}
            if len(found) == 1 and (proof := found.pop()):
                proofs[index], proofs[other] = proof, replace(proof, quantity="epoch_mean")
    return proofs


def _proof(pair: Pair) -> _Proof | None:
    if pair.leads_to_epoch_value and pair.batches.covers == "epoch_so_far":
        return _Proof("running_mean", "each batch was weighted by its rows")
    constant = pair.ends_in_epoch_value and np.array_equal(pair.mean, pair.last)
    if pair.batches.covers == "batch" and pair.follows and (constant or not pair.ends_in_epoch_value):
        return _Proof("batch_loss", _share(pair))
    return None


def _share(pair: Pair) -> str:
    """The rows that make the epoch's value the mean of its batches; empty where they are known."""
    low, high = pair.short_last or (1.0, 1.0)
    if pair.batches.weights is not None:
        return ""
    if low == 1:
        return "all batches have the same rows"
    return f"the last batch of each epoch has {(low + high) / 2:.2g} times the rows of the others"


def _judged(claim: Claim, findings: Sequence[Finding], proof: _Proof | None) -> Judgement:
    series = claim.series
    found = {finding.verdict for finding in findings if _concerns(finding, series)}
    proved = Verdict.CONSISTENT if proof else Verdict.UNDECIDABLE
    verdict = next((one for one in (Verdict.WRONG, Verdict.SUSPECT) if one in found), proved)
    quantity = proof.quantity if proof and verdict is Verdict.CONSISTENT else None
    return Judgement(claim.origin, verdict, series.tag, series.split, claim.promises, quantity, len(series))


def _concerns(finding: Finding, series: Series) -> bool:
    """Whether a finding is about a series, or about the file that it is from."""
    if finding.origin and finding.origin == file_of(series.origin):
        return True
    return (finding.origin, finding.tag, finding.split) == (series.origin, series.tag, series.split)


def _beside(claims: Sequence[Claim], judgements: Sequence[Judgement]) -> set[int]:
    """The places of metrics that stand beside a loss and of which nothing can be said: they are no means of losses."""
    others = {index for index, claim in enumerate(claims) if not is_loss(claim.series)}
    open_ = {index for index in others if judgements[index].verdict is Verdict.UNDECIDABLE}
    return open_ if len(others) < len(claims) else set()


def _unproved(claims: Sequence[Claim], judgements: Sequence[Judgement], beside: set[int]) -> Iterator[Finding]:
    """LA514: what can be said neither right nor wrong without the truth, for each kind of number once."""
    for covers, question in _UNJUDGED.items():
        found = [
            claim.series
            for index, (claim, judgement) in enumerate(zip(claims, judgements, strict=True))
            if judgement.verdict is Verdict.UNDECIDABLE and claim.promises == covers and index not in beside
        ]
        if found:
            yield _unknown(found, f"without the true batch losses it cannot be said {question}.")


def _conditions(
    recording: Recording, judgements: Sequence[Judgement], proofs: Mapping[int, _Proof]
) -> Iterator[Finding]:
    """LA514: what agrees with one another is right on a condition, which the log does not tell."""
    for index, proof in proofs.items():
        consistent = judgements[index].verdict is Verdict.CONSISTENT
        if consistent and proof.quantity == "epoch_mean" and proof.condition:
            text = f"it agrees with the batch values, and is the mean over the rows if {proof.condition}."
            yield _unknown([recording.series[index]], text)


def _unknown(found: Sequence[Series], text: str) -> Finding:
    return Finding(
        UNKNOWN.code,
        Verdict.UNDECIDABLE,
        f"{', '.join(map(name_of, found))}: {text}",
        severity="warning",
        tag=found[0].tag,
        split=found[0].split,
        origin=found[0].origin,
        remedy="Record the batches with `lossaudit.keras.LossRecorder()`, or `lossaudit.Recorder()` in your own loop.",
    )
