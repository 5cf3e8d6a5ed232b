"""audit() and diagnose(): compare claims with the truth, search for explanations, run checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, partial
from typing import Any

import numpy as np

from lossaudit.auditing.alone.judging import report_on_logs
from lossaudit.auditing.assessment import Assessment
from lossaudit.auditing.checks import order, values
from lossaudit.auditing.checks.captured import not_captured
from lossaudit.auditing.checks.keras_logs import check_dropped_epochs, check_outputs
from lossaudit.auditing.checks.training import TRAINING_CHECKS
from lossaudit.auditing.claims import Claim, claims_of
from lossaudit.auditing.defects import nothing_averaged, recognised
from lossaudit.auditing.evaluations import evaluations_of
from lossaudit.predictions.mistakes.mistake import MISTAKES
from lossaudit.predictions.prediction import GRADES, Per, Prediction
from lossaudit.predictions.quantities import QUANTITIES, definition
from lossaudit.predictions.truth import Truth, truth_about
from lossaudit.recording import keys
from lossaudit.recording.counts import counted
from lossaudit.recording.names import Covers
from lossaudit.recording.recording import Recording
from lossaudit.recording.series import Series
from lossaudit.report.findings import Diagnosis, Finding, Judgement
from lossaudit.report.report import Report
from lossaudit.report.verdict import Verdict

_SILENT = np.errstate(all="ignore")
"""NaN, infinities and empty epochs are data here; each function says how it treats them."""

CHECKS: tuple[Callable[[Assessment], Iterator[Finding]], ...] = (
    values.check_presence,
    order.check_order,
    values.check_values,
)
"""The checks of every claim."""

COVERS: tuple[Covers, ...] = ("batch", "epoch")
"""What a list without a promise may cover."""


def audit(
    truth: Recording | None,
    claims: Series | Recording | Mapping[str, Any],
    *,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
) -> Report:
    """Judge logged numbers by recorded ones.

    Args:
        truth: a recording of the true batch losses and their rows. None judges logs alone, which
            prove little: see docs/logs-alone.md.
        claims: a Series, a Recording, or a mapping of names to series or sequences of numbers. A
            name such as `"val_losses"` or `"epoch_loss"` says what its numbers promise to be.
        select: prefixes of the rule codes to look for, for example `["LA1"]`; all if empty.
        ignore: prefixes of the rule codes to leave out.

    Returns:
        A Report with a verdict for each claim and a finding for each broken expectation.

    Raises:
        TypeError: `truth` is neither a Recording nor None, or `claims` is of another type.
        ValueError: no rule has a code with one of these prefixes.

    >>> truth = Recording([Series([1.0, 2.0, 9.0], weights=[4, 4, 2], epochs=[0, 0, 0])])
    >>> audit(truth, {"epoch_loss": [4.0]}).findings[0].cause
    'short-last-batch-counted-as-full'
    """
    if truth is None:
        return report_on_logs(claims).selected(select, ignore)
    if not isinstance(truth, Recording):
        raise TypeError(f"truth must be a Recording, not {type(truth).__name__}: {truth!r:.80}")
    return report_on(truth, claims_of(claims, truth)).selected(select, ignore)


@_SILENT
def report_on(
    truth: Recording,
    claims: Iterable[Claim],
    *,
    shown: Callable[[list[Claim]], Iterable[Claim]] = iter,
) -> Report:
    """Judge claims one by one.

    A claim that promises nothing, or that may be of another loss, is judged only if its numbers
    are recognised. A tag that is not the loss and was not recorded is not audited.

    Args:
        truth: the recording that judges.
        claims: the claims.
        shown: passes the claims on while they are judged, for example with a progress bar.
    """
    judgements: list[Judgement] = []
    claims = [part for claim in claims for part in evaluations_of(claim, truth)]
    findings = [finding for check in TRAINING_CHECKS for finding in check(truth)]
    findings += [
        finding
        for check in (check_outputs, check_dropped_epochs)
        for finding in check(truth, claims)
    ]
    skipped: list[str] = []
    # Claims about one tag and split share a truth, and with it the predictions in its cache.
    about = cache(partial(truth_about, truth))
    known = {keys.LOSS} | {series.tag for series in truth.select(covers="batch") if len(series)}
    for claim in shown(claims):
        if claim.series.tag not in known:
            skipped.append(claim.origin)
            continue
        judgement, found = _judge(
            truth, claim, about(claim.series.tag, claim.series.split, claim.series.dtype)
        )
        if judgement is None:
            skipped.append(claim.origin)
        else:
            judgements.append(judgement)
            findings.extend(found)
    return Report(tuple(judgements), tuple(findings), tuple(skipped), truth.metadata)


@_SILENT
def diagnose(
    truth: Recording, values: Any, *, split: str = "train", tag: str = "loss"
) -> Diagnosis:
    """Say what a list of numbers is.

    Args:
        truth: a recording of the true batch losses and their rows.
        values: the numbers, shape (n,), or a Series.
        split: the split of the numbers.
        tag: the tag of the numbers.

    Returns:
        A Diagnosis; its `quantity` is None where nothing matches.

    Raises:
        LookupError: the recording has no batch of that tag and split.

    >>> truth = Recording([Series([1.0, 2.0, 9.0], weights=[4, 4, 2], epochs=[0, 0, 0])])
    >>> diagnose(truth, [1.0, 1.5, 3.0]).quantity
    'running_mean'
    """
    series = values if isinstance(values, Series) else Series(values, tag=tag, split=split)
    about = truth_about(truth, series.tag, series.split, series.dtype)
    if about is None:
        # It raises with a list of what there is, unless the only fault is an empty series.
        truth.find(tag=series.tag, split=series.split, covers="batch")
        raise LookupError(
            f"the recording has no batch of tag={series.tag!r}, split={series.split!r}"
        )
    assessments = [Assessment(series, covers, about) for covers in COVERS]
    return (
        _as_expected(assessments)
        or _as_quantity(series, about)
        or _as_mistake(assessments)
        or _as_nothing(series, about)
    )


def _judge(
    truth: Recording, claim: Claim, about: Truth | None
) -> tuple[Judgement | None, list[Finding]]:
    series = claim.series
    if about is None:
        return _without_truth(truth, claim)
    if claim.promises is None:
        return _unpromised(claim, about)
    assessed = Assessment(series, claim.promises, about)
    # Pairs of mistakes fit too many logs to prove that an unknown name means this loss.
    unrecognised = assessed.best is None or len(assessed.best.names) > 1
    if not claim.certain and unrecognised and not recognised(assessed, truth, []):
        return None, []
    holds = assessed.best.prediction.quantity if assessed.best else None
    judgement = Judgement(
        claim.origin,
        assessed.verdict,
        series.tag,
        series.split,
        claim.promises,
        holds,
        assessed.count,
        draw=assessed.drawing,
    )
    return judgement, recognised(
        assessed, truth, [finding for check in CHECKS for finding in check(assessed)]
    )


def _without_truth(truth: Recording, claim: Claim) -> tuple[Judgement, list[Finding]]:
    series = claim.series
    missed = truth.metadata.get(keys.NOT_CAPTURED, {}).get(series.split)
    reason = missed or f"no batch of {series.name} was recorded, so it cannot be judged"
    finding = not_captured(series.split, series.tag, claim.origin, str(reason))
    finding = nothing_averaged(truth, claim, finding)
    judgement = Judgement(
        claim.origin, finding.verdict, series.tag, series.split, claim.promises, None, 0
    )
    return judgement, [finding]


def _unpromised(claim: Claim, about: Truth) -> tuple[Judgement | None, list[Finding]]:
    """Name the quantity if it is recognised: a name without a promise cannot be wrong."""
    series = claim.series
    assessments = [Assessment(series, covers, about) for covers in COVERS]
    diagnosis = _as_expected(assessments) or _as_quantity(series, about)
    if diagnosis is None:
        return None, []
    return Judgement(
        claim.origin,
        diagnosis.verdict,
        series.tag,
        series.split,
        None,
        diagnosis.quantity,
        len(series),
    ), []


def _as_expected(assessments: list[Assessment]) -> Diagnosis | None:
    """The loss of each batch or the mean of each epoch, which are right."""
    for assessed in assessments:
        if assessed.right and assessed.expected is not None:
            return _diagnosis(assessed.claim, [assessed.expected.quantity], [], assessed.grade)
    return None


def _as_quantity(series: Series, about: Truth) -> Diagnosis | None:
    """Any other quantity that matches number by number."""
    found: dict[tuple[str, Per], int] = {}
    for name, predict in QUANTITIES.items():
        for one in predict(about, series.values):
            if _holds(series, one):
                found[name, one.per] = int(one.grade(series.values, series.decimals).max())
    if not found:
        return None
    causes = [
        cause.name
        for cause in MISTAKES.values()
        if cause.stage == "mean"
        and any(
            one.per in cause.covers and (one.quantity, one.per) in found and _holds(series, one)
            for one in cause.predicted(about, series.values)
        )
    ]
    names = list(dict.fromkeys(name for name, _ in found))
    return _diagnosis(series, names, causes, GRADES[min(found.values())])


def _holds(series: Series, prediction: Prediction) -> bool:
    """Whether a series has the predicted numbers."""
    if not len(series) or len(prediction) != len(series):
        return False
    return bool(prediction.matches(series.values, series.decimals).all())


def _as_mistake(assessments: list[Assessment]) -> Diagnosis | None:
    """A known mistake that moved the numbers or lost some."""
    for assessed in assessments:
        if assessed.explanations:
            names = [name for one in assessed.explanations for name in one.names]
            quantities = [one.prediction.quantity for one in assessed.explanations]
            return _diagnosis(
                assessed.claim,
                list(dict.fromkeys(quantities)),
                list(dict.fromkeys(names)),
                assessed.grade,
            )
    return None


def _as_nothing(series: Series, about: Truth) -> Diagnosis:
    batches = about.batches
    message = (
        f"{counted(len(series), 'number')} next to {counted(len(batches), 'batch', 'batches')} in "
        f"{counted(len(batches.ends), 'epoch')} of {series.name}: no known quantity or mistake "
        "gives them: wrong, unexplained."
    )
    return Diagnosis(None, Verdict.WRONG, message)


def _diagnosis(series: Series, names: list[str], causes: list[str], verdict: Verdict) -> Diagnosis:
    holds = ", or ".join(f"{definition(name)} ({name})" for name in names)
    message = f"{counted(len(series), 'number')}, {verdict}: {holds}."
    if causes:
        message += f" Cause: {', '.join(causes)}."
    return Diagnosis(names[0], verdict, message, tuple(names), tuple(causes))
