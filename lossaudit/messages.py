"""The words of a finding: where, observed, expected, bound, and what would tell causes apart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from lossaudit.cases import Case
from lossaudit.causes import Cause
from lossaudit.claims import name_of
from lossaudit.exhibits import place_of
from lossaudit.findings import Finding, Rule, Verdict
from lossaudit.predictions import Prediction


def at_number(
    rule: Rule, case: Case, expected: Prediction, at: int, observed: float, explanation: str, **fields: Any
) -> Finding:
    """A finding at one number of the log."""
    epoch, step, bound = int(expected.epochs[at]), int(expected.steps[at]), float(expected.bounds[at])
    value = float(expected.values[at])
    message = (
        f"{name_of(case.claim)}, {_where(case, epoch, step)}: logged {_digits(observed, value)}, "
        f"but {_what(case, epoch, step).format(_digits(value, observed))} "
        f"(bound {bound:.2g}, {case.claim.dtype}{_additions(case, epoch, step)}). {explanation}"
    )
    on_step = case.covers != "epoch"
    return finding(
        rule,
        case,
        message,
        epoch=epoch,
        step=step if on_step else None,
        observed=observed,
        expected=value,
        bound=bound,
        evidence=replace(case.evidence, marked=place_of(case.truth.batches, epoch, step)),
        **fields,
    )


def finding(rule: Rule, case: Case, message: str, **fields: Any) -> Finding:
    """A finding about the claim as a whole; `wrong` unless `fields` say otherwise."""
    causes = fields.pop("causes", None) or tuple(filter(None, [fields.pop("cause", None)]))
    fields = {
        "verdict": Verdict.WRONG,
        "tag": case.claim.tag,
        "split": case.claim.split,
        "origin": case.claim.origin,
        "evidence": case.evidence,
    } | fields
    return Finding(code=rule.code, message=message, cause=causes[0] if causes else None, causes=causes, **fields)


def _where(case: Case, epoch: int, step: int) -> str:
    if case.covers == "epoch":
        return f"epoch {epoch}"
    batch = step_of_epoch(case, epoch, step)
    return f"epoch {epoch}, batch {batch} (step {step})"


def group_of(case: Case, epoch: int, step: int) -> slice:
    """The batches of the epoch with a step; of its latest session, where it was begun again after a resume."""
    batches = case.truth.batches
    row = int(np.flatnonzero((batches.epochs == epoch) & (batches.steps == step))[-1])
    number = int(np.searchsorted(batches.ends, row))
    return slice(int(batches.starts[number]), int(batches.ends[number]) + 1)


def step_of_epoch(case: Case, epoch: int, step: int) -> int:
    """Place of a step among the batches of its epoch."""
    steps = case.truth.batches.steps[group_of(case, epoch, step)]
    return int(np.flatnonzero(steps == step)[0])


def _what(case: Case, epoch: int, step: int) -> str:
    """The expectation as a sentence with a place for the expected number."""
    if case.covers == "batch":
        return "the loss of that batch is {}"
    if case.covers == "epoch":
        batches = group_of(case, epoch, step)
        return f"its {batches.stop - batches.start} batches average {{}} weighted by rows"
    return "the mean of the epoch so far is {} weighted by rows"


def _additions(case: Case, epoch: int, step: int) -> str:
    """Where the bound comes from, beside the float type."""
    if case.covers == "batch":
        return ""
    return f", {step_of_epoch(case, epoch, step) + 1} additions"


def facts(case: Case, epoch: int, step: int) -> dict[str, str]:
    """What explanations and remedies speak of: the batches and rows of the epoch in question."""
    weights = case.truth.batches.weights[group_of(case, epoch, step)]
    numbers = {"batches": len(weights), "rows": weights.sum(), "full": weights.max(), "last": weights[-1]}
    return {"split": case.claim.split, **{name: f"{value:g}" for name, value in numbers.items()}}


def telling(case: Case) -> str:
    """What would tell indistinguishable causes apart."""
    batches = case.truth.batches
    causes = [cause for reading in case.readings for cause in reading.causes]
    if causes and all(cause.stage == "number" and cause.breaks == "scale" for cause in causes):
        return "The factor is the same: only the program can tell."
    if case.claim.decimals is not None:
        return "A log with more digits would tell them apart."
    if np.all(batches.weights == batches.weights[0]):
        return "A short last batch would tell them apart."
    if len(batches.ends) == 1:
        return "A second epoch would tell them apart."
    return "More epochs, or losses that differ more from batch to batch, would tell them apart."


def _digits(value: float, other: float) -> str:
    """Nine significant digits, which tell any two float32 apart; all digits where nine would not part the two."""
    short, beside = f"{value:.9g}", f"{other:.9g}"
    return str(float(short)) if short != beside else repr(value)


def instead(case: Case, mistake: Cause | None) -> tuple[str, ...]:
    """Mistakes of the other readings that stand where this one does in the first; None is that of the alignment.

    One that has no counterpart there is said with the first mistake.
    """
    assert case.reading is not None
    stages = [cause.stage for cause in case.reading.causes]
    first, here = case.reading.causes[0] if case.reading.causes else None, mistake.stage if mistake else None
    found = []
    for reading in case.readings[1:]:
        others: list[tuple[str | None, str]] = [(cause.stage, cause.name) for cause in reading.causes]
        others += [(None, reading.alignment.cause)] if reading.alignment.cause else []
        for stage, other in others:
            has_counterpart = stage in stages or (stage is None and case.reading.alignment.cause)
            if other not in case.reading.names and (stage == here if has_counterpart else mistake is first):
                found.append(other)
    return tuple(dict.fromkeys(found))


def or_else(case: Case) -> str:
    """What else would have logged the same, and what would tell."""
    others = [" and ".join(reading.names) for reading in case.readings[1:]]
    return f" Indistinguishable on this data: {'; or '.join(others)}. {telling(case)}" if others else ""
