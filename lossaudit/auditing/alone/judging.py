"""Judging logs without a truth: what they prove by themselves, and what stays open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lossaudit.auditing.alone import (  # noqa: F401  # importing a module registers its checks
    agreement,
    copies,
    gaps,
    restarts,
    stalls,
    totals,
    vanished_nan,
)
from lossaudit.auditing.alone.log import Log
from lossaudit.auditing.alone.log_check import log_checks
from lossaudit.auditing.alone.log_claims import claims_of_log
from lossaudit.auditing.alone.proofs import Proof, proofs_of
from lossaudit.auditing.claims import Claim
from lossaudit.recording.names import Covers
from lossaudit.recording.recording import Recording
from lossaudit.recording.series import Series
from lossaudit.report.findings import Finding, Judgement
from lossaudit.report.report import Report
from lossaudit.report.verdict import Verdict
from lossaudit.rules.log_files import UNKNOWN

_OPEN: dict[Covers | None, str] = {
    None: "the log does not say what its numbers cover",
    "batch": "a batch value may be the loss of its batch or a running mean",
    "epoch_so_far": "a running mean may or may not count every batch, each weighted by its rows",
    "epoch": "an epoch value may or may not be the row-weighted mean of its batches",
}
"""What stays open about numbers, by what they cover."""


def report_on_logs(logged: Series | Recording | Mapping[str, Any]) -> Report:
    """Judge logs by themselves: what they prove, and what cannot be judged without the truth.

    A series is `wrong` or `suspect` if a finding says so, `consistent` if batch and epoch values
    prove each other, and else `undecidable`. Metrics that stay undecidable next to a loss are not
    audited. Names in a mapping, such as `"loss"` and `"val_loss"`, are those of `History`: epoch
    values.
    """
    claims = claims_of_log(logged)
    metadata = logged.metadata if isinstance(logged, Recording) else {}
    log = Log(Recording([claim.series for claim in claims], metadata=metadata))
    with np.errstate(all="ignore"):
        # Two logs of the same epochs give the same finding about the batches: keep it once.
        findings = list(
            dict.fromkeys(finding for check in log_checks() for finding in check.find(log))
        )
        proofs = proofs_of(log)
    judgements = [
        _judged(claim, findings, proofs.get(index)) for index, claim in enumerate(claims)
    ]
    metrics = _undecided_metrics(claims, judgements)
    findings += _undecided(claims, judgements, metrics)
    findings += _conditions(log, judgements, proofs)
    kept = tuple(one for index, one in enumerate(judgements) if index not in metrics)
    not_audited = tuple(claims[index].origin for index in sorted(metrics))
    return Report(kept, tuple(findings), not_audited, metadata)


def _judged(claim: Claim, findings: Sequence[Finding], proof: Proof | None) -> Judgement:
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


def _undecided_metrics(claims: Sequence[Claim], judgements: Sequence[Judgement]) -> set[int]:
    """The indices of undecidable metrics in a log that also has a loss.

    A metric need not be a mean of losses, so nothing is expected of it.
    """
    metrics = {index for index, claim in enumerate(claims) if not claim.series.is_loss}
    undecided = {index for index in metrics if judgements[index].verdict is Verdict.UNDECIDABLE}
    return undecided if len(metrics) < len(claims) else set()


def _undecided(
    claims: Sequence[Claim], judgements: Sequence[Judgement], metrics: set[int]
) -> Iterator[Finding]:
    """LA514: what cannot be judged without the truth, one finding for each kind of number."""
    for covers, question in _OPEN.items():
        found = [
            claim.series
            for index, (claim, judgement) in enumerate(zip(claims, judgements, strict=True))
            if judgement.verdict is Verdict.UNDECIDABLE
            and claim.promises == covers
            and index not in metrics
        ]
        if found:
            yield _unknown(found, f"cannot be judged without the true batch losses: {question}.")


def _conditions(
    log: Log, judgements: Sequence[Judgement], proofs: Mapping[int, Proof]
) -> Iterator[Finding]:
    """LA514: epoch values that are right on a condition that the log does not tell."""
    for index, proof in proofs.items():
        consistent = judgements[index].verdict is Verdict.CONSISTENT
        if consistent and proof.quantity == "epoch_mean" and proof.condition:
            text = f"agrees with the batch values, and is the mean over rows if {proof.condition}."
            yield _unknown([log.series[index]], text)


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
