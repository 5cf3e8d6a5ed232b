"""The message of a finding: where, observed, expected, bound, and what tells causes apart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from lossaudit.auditing.assessment import Assessment
from lossaudit.predictions.mistakes.mistake import Mistake
from lossaudit.predictions.prediction import Prediction
from lossaudit.recording.counts import counted
from lossaudit.report.findings import Finding
from lossaudit.report.verdict import Verdict
from lossaudit.rules.rule import Rule


def at_number(
    rule: Rule,
    assessed: Assessment,
    expected: Prediction,
    at: int,
    observed: float,
    explanation: str,
    **fields: Any,
) -> Finding:
    """Return a finding at one number of the log.

    Args:
        rule: the broken rule.
        assessed: the claim.
        expected: the expected numbers, one for each aligned number.
        at: index of the number among them.
        observed: the logged number.
        explanation: what the number is instead, as a sentence.
        fields: further fields of the finding.
    """
    epoch, step, bound = (
        int(expected.epochs[at]),
        int(expected.steps[at]),
        float(expected.bounds[at]),
    )
    value = float(expected.values[at])
    message = (
        f"{assessed.claim.title}, {_where(assessed, epoch, step)}: logged "
        f"{_digits(observed, value)}, "
        f"but {_what(assessed, epoch, step).format(_digits(value, observed))} "
        f"(bound {bound:.2g}, {assessed.claim.dtype}{_additions(assessed, epoch, step)}). "
        f"{explanation}"
    )
    on_step = assessed.covers != "epoch"
    return finding(
        rule,
        assessed,
        message,
        epoch=epoch,
        step=step if on_step else None,
        observed=observed,
        expected=value,
        bound=bound,
        draw=replace(assessed.drawing, marked=(epoch, step)),
        **fields,
    )


def finding(rule: Rule, assessed: Assessment, message: str, **fields: Any) -> Finding:
    """Return a finding about the whole claim; `wrong` unless `fields` say otherwise."""
    causes = fields.pop("causes", None) or tuple(filter(None, [fields.pop("cause", None)]))
    fields = {
        "verdict": Verdict.WRONG,
        "tag": assessed.claim.tag,
        "split": assessed.claim.split,
        "origin": assessed.claim.origin,
        "draw": assessed.drawing,
    } | fields
    return Finding(
        code=rule.code,
        message=message,
        cause=causes[0] if causes else None,
        causes=causes,
        **fields,
    )


def _where(assessed: Assessment, epoch: int, step: int) -> str:
    if assessed.covers == "epoch":
        return f"epoch {epoch}"
    batch = step_of_epoch(assessed, epoch, step)
    return f"epoch {epoch}, batch {batch} (step {step})"


def group_of(assessed: Assessment, epoch: int, step: int) -> slice:
    """Return the batches of the epoch with a step, of its latest session after a resume."""
    batches = assessed.truth.batches
    number = int(np.searchsorted(batches.ends, batches.row_of(epoch, step)))
    return slice(int(batches.starts[number]), int(batches.ends[number]) + 1)


def step_of_epoch(assessed: Assessment, epoch: int, step: int) -> int:
    """Return the position of a step among the batches of its epoch."""
    steps = assessed.truth.batches.steps[group_of(assessed, epoch, step)]
    return int(np.flatnonzero(steps == step)[0])


def _what(assessed: Assessment, epoch: int, step: int) -> str:
    """The expectation as a sentence with a place for the expected number."""
    if assessed.covers == "batch":
        return "the loss of that batch is {}"
    if assessed.covers == "epoch":
        batches = group_of(assessed, epoch, step)
        number = batches.stop - batches.start
        average = "averages" if number == 1 else "average"
        return f"its {counted(number, 'batch', 'batches')} {average} {{}} weighted by rows"
    return "the mean of the epoch so far is {} weighted by rows"


def _additions(assessed: Assessment, epoch: int, step: int) -> str:
    """The source of the bound besides the float type."""
    if assessed.covers == "batch":
        return ""
    return f", {counted(step_of_epoch(assessed, epoch, step) + 1, 'addition')}"


def facts(assessed: Assessment, epoch: int, step: int) -> dict[str, str]:
    """Return the words for explanations: batches and rows of the epoch."""
    weights = assessed.truth.batches.weights[group_of(assessed, epoch, step)]
    numbers = {
        "batches": len(weights),
        "rows": weights.sum(),
        "full": weights.max(),
        "last": weights[-1],
    }
    return {
        "split": assessed.claim.split,
        **{name: f"{value:g}" for name, value in numbers.items()},
    }


def telling(assessed: Assessment) -> str:
    """Say what would tell indistinguishable causes apart."""
    batches = assessed.truth.batches
    mistakes = [one for explanation in assessed.explanations for one in explanation.mistakes]
    if mistakes and all(one.stage == "number" and one.breaks == "scale" for one in mistakes):
        return "The factor is the same: only the program can tell."
    if assessed.claim.decimals is not None:
        return "A log with more digits would tell them apart."
    # With equal batches the weighted and the plain mean are the same number.
    if np.all(batches.weights == batches.weights[0]):
        return "A short last batch would tell them apart."
    if len(batches.ends) == 1:
        return "A second epoch would tell them apart."
    return "More epochs, or losses that differ more from batch to batch, would tell them apart."


def _digits(value: float, other: float) -> str:
    """Nine significant digits, which identify a float32; all digits if nine are not enough."""
    short = f"{value:.9g}"
    # float() writes 1.0 where .9g writes 1. Equal digits would hide the difference that is
    # reported.
    return str(float(short)) if short != f"{other:.9g}" else repr(value)


def instead(assessed: Assessment, mistake: Mistake) -> tuple[str, ...]:
    """Return the mistakes that other explanations have at the stage of this one.

    A mistake without a counterpart in the best explanation goes with its first mistake.
    """
    assert assessed.best is not None
    made = assessed.best.made
    stages, names = {one.stage for one in made}, assessed.best.names
    found = [
        other.name
        for explanation in assessed.explanations[1:]
        for other in explanation.made
        if other.name not in names
        and (other.stage == mistake.stage if other.stage in stages else mistake is made[0])
    ]
    return tuple(dict.fromkeys(found))


def or_else(assessed: Assessment) -> str:
    """Say which other mistakes would have logged the same, and what tells them apart."""
    others = [" and ".join(one.names) for one in assessed.explanations[1:]]
    return (
        f" Indistinguishable on this data: {'; or '.join(others)}. {telling(assessed)}"
        if others
        else ""
    )
