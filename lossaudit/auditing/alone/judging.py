"""Audit of logs alone: what they prove by themselves, where nobody recorded the truth, and what
cannot be judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lossaudit.auditing.alone.agreement import check_means, check_running_means
from lossaudit.auditing.alone.continuity import AXIS_CHECKS
from lossaudit.auditing.alone.pairing import pairs
from lossaudit.auditing.alone.pairs import Pair
from lossaudit.auditing.alone.shapes import CURVE_CHECKS
from lossaudit.auditing.alone.totals import check_totals
from lossaudit.auditing.claims import Claim, claim_named, claims_of
from lossaudit.recording.names import Covers, Name, of_keras
from lossaudit.recording.origins import Origin
from lossaudit.recording.recording import Recording
from lossaudit.recording.series import Series
from lossaudit.report.findings import Finding, Judgement
from lossaudit.report.report import Report
from lossaudit.report.verdict import Verdict
from lossaudit.rules.log_files import UNKNOWN

_UNJUDGED: dict[Covers | None, str] = {
    None: "what its numbers cover",
    "batch": "whether a batch value is the loss of its batch, or a mean of the epoch so far",
    "epoch_so_far": "whether a running mean counts every batch, and each by its rows",
    "epoch": "whether an epoch value is the mean of its batches, weighted by rows, with nothing lost or mixed in",
}

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
    claims: Series | Recording | Mapping[str, Any],
    *,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
) -> Report:
    """Judge logs by themselves: what they prove, and what cannot be judged without the truth.

    A series is `wrong` or `suspect` where a finding says so, `consistent` where batch and epoch
    values prove each other, and else `undecidable`; what is no loss and stands beside one is then
    not audited. Names in a mapping such as `"loss"` and `"val_loss"` are those of `History`, for
    epoch values.
    """
    every_claim = _claims(claims)
    metadata = claims.metadata if isinstance(claims, Recording) else {}
    recording = Recording([claim.series for claim in every_claim], metadata=metadata)
    with np.errstate(all="ignore"):
        # Two logs of the same epochs give the same finding about the batches beside them.
        findings = list(
            dict.fromkeys(finding for check in LOG_CHECKS for finding in check(recording))
        )
        proofs = _proofs(recording)
    judgements = [
        _judged(claim, findings, proofs.get(index)) for index, claim in enumerate(every_claim)
    ]
    beside = _beside(every_claim, judgements)
    findings += _unproved(every_claim, judgements, beside)
    findings += _conditions(recording, judgements, proofs)
    kept = tuple(one for index, one in enumerate(judgements) if index not in beside)
    not_audited = tuple(every_claim[index].origin for index in sorted(beside))
    return Report(kept, tuple(findings), not_audited, metadata).selected(select, ignore)


def _claims(claims: Series | Recording | Mapping[str, Any]) -> list[Claim]:
    return _told_apart(
        _named(claims) if isinstance(claims, Mapping) else claims_of(claims, Recording([]))
    )


def _told_apart(claims: Sequence[Claim]) -> list[Claim]:
    """The claims; those of the same name and origin are called by what they cover, and numbered,
    too.
    """
    names, seen = Counter((claim.origin, claim.series.name) for claim in claims), Counter[str]()
    told = []
    for claim in claims:
        if names[claim.origin, claim.series.name] > 1:
            called = f"{claim.origin} by {claim.series.covers}"
            seen[called] += 1
            called += f" #{seen[called]}" if seen[called] > 1 else ""
            claim = replace(claim, series=replace(claim.series, origin=Origin.parse(called)))
        told.append(claim)
    return told


def _named(claims: Mapping[str, Any]) -> list[Claim]:
    """Claims that have only their names and lengths to say what they are; `"loss"` is the value of
    each epoch.
    """
    read = {name: claim_named(name, values, Recording([])) for name, values in claims.items()}
    epochs = [
        len(read[name].series)
        for name in claims
        if "loss" in Name(name).words and _covers(Name(name), 0, 0) is None
    ]
    return [
        claim
        if isinstance(claims[name], Series)
        else _promising(Name(name), claim, min(epochs, default=0))
        for name, claim in read.items()
    ]


def _promising(name: Name, claim: Claim, epochs: int) -> Claim:
    """A claim with a tag of its own unless it is plainly the loss."""
    covers = _covers(name, len(claim.series), epochs)
    tag = "loss" if name.is_plain else of_keras(name.text)[1]
    return Claim(replace(claim.series, tag=tag, covers=covers or "batch"), covers)


def _covers(name: Name, length: int, epochs: int) -> Covers | None:
    """What numbers of a name cover in a log of so many epochs; None where neither name nor length
    tells.
    """
    said = name.promises(length, epochs, without=frozenset({"loss"}))
    if said is None and epochs and length != epochs:
        return name.promises(length, epochs)
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
    if (
        pair.batches.covers == "batch"
        and pair.follows
        and (constant or not pair.ends_in_epoch_value)
    ):
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
    return Judgement(
        claim.origin, verdict, series.tag, series.split, claim.promises, quantity, len(series)
    )


def _concerns(finding: Finding, series: Series) -> bool:
    """Whether a finding is about a series, or about the file that it is from."""
    if finding.origin and finding.origin == series.file:
        return True
    return (finding.origin, finding.tag, finding.split) == (
        series.origin,
        series.tag,
        series.split,
    )


def _beside(claims: Sequence[Claim], judgements: Sequence[Judgement]) -> set[int]:
    """The places of metrics that stand beside a loss and of which nothing can be said: they are no
    means of losses.
    """
    others = {index for index, claim in enumerate(claims) if not claim.series.is_loss}
    open_ = {index for index in others if judgements[index].verdict is Verdict.UNDECIDABLE}
    return open_ if len(others) < len(claims) else set()


def _unproved(
    claims: Sequence[Claim], judgements: Sequence[Judgement], beside: set[int]
) -> Iterator[Finding]:
    """LA514: what can be said neither right nor wrong without the truth, for each kind of number
    once.
    """
    for covers, question in _UNJUDGED.items():
        found = [
            claim.series
            for index, (claim, judgement) in enumerate(zip(claims, judgements, strict=True))
            if judgement.verdict is Verdict.UNDECIDABLE
            and claim.promises == covers
            and index not in beside
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
        f"{', '.join(one.title for one in found)}: {text}",
        severity="warning",
        tag=found[0].tag,
        split=found[0].split,
        origin=found[0].origin,
        remedy="Record the batches with `lossaudit.keras.LossRecorder()`, or "
        "`lossaudit.Recorder()` in your own loop.",
    )
