"""Checks of the numbers of a claim: LA101 to LA105, LA301 to LA303."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lossaudit.auditing.alignment import in_place
from lossaudit.auditing.assessment import Assessment
from lossaudit.auditing.messages import at_number, facts, finding, instead, or_else, telling
from lossaudit.predictions.mistakes import noticed
from lossaudit.predictions.mistakes.mistake import Mistake
from lossaudit.predictions.prediction import Prediction
from lossaudit.recording.counts import counted
from lossaudit.report.findings import Finding
from lossaudit.report.verdict import Verdict
from lossaudit.rules.aggregation import VALUE_RULES
from lossaudit.rules.numbers import DIGITS, PRESENT


def check_presence(assessed: Assessment) -> Iterator[Finding]:
    """LA301: the log has NaN although every true loss is finite, and no shift put it there."""
    absent = assessed.absent
    if assessed.best is not None and assessed.best.alignment.mistake is not None:
        absent = absent & assessed.best.alignment.placed
    if not absent.any():
        return
    position = int(np.flatnonzero(absent)[0])
    yield finding(
        PRESENT,
        assessed,
        f"{assessed.claim.title}: {int(absent.sum())} of {len(assessed.claim)} numbers are NaN or "
        f"None, the first at position {position}, but every true loss is finite. The key was "
        "absent from the logs when it was read.",
        **noticed.MISSING_KEY_RECORDED_AS_NAN.cited(),
        observed=float("nan"),
    )


def check_values(assessed: Assessment) -> Iterator[Finding]:
    """LA101 to LA105, LA302, LA303: the numbers break their promise, or nobody can tell."""
    if assessed.expected is None:
        yield _undecidable(
            assessed, "the rows of the batches are unknown, so no weighted mean can be formed"
        )
    elif not assessed.count:
        if not len(assessed.claim):
            yield _undecidable(assessed, "the log is empty")
    elif assessed.best is None:
        yield _unexplained(assessed, assessed.expected)
    elif assessed.best.mistakes:
        yield from (_explained(assessed, assessed.expected, one) for one in assessed.best.mistakes)
    elif assessed.drift is not None:
        yield _drifted(assessed, assessed.expected, assessed.drift)
    elif assessed.lookalikes:
        names = ", ".join(one.name for one in assessed.lookalikes)
        yield _undecidable(
            assessed,
            f"the numbers are too coarse: {names} would have logged the same. {telling(assessed)}",
        )
    elif assessed.is_vague:
        yield _undecidable(
            assessed,
            f"{assessed.claim.dtype} rounding error may be as large as these numbers",
        )
    elif assessed.grade is Verdict.SUSPECT:
        yield _suspect(assessed, assessed.expected)


def _explained(assessed: Assessment, expected: Prediction, mistake: Mistake) -> Finding:
    """One of the mistakes that predict every number of the claim."""
    assert assessed.best is not None
    index, observed, right = assessed.aligned(expected, assessed.best.alignment)
    wrong = ~right.matches(observed, assessed.claim.decimals)
    # Coarse numbers may agree with both: then the place counts at which the predictions differ.
    if not wrong.any():
        predicted = assessed.best.prediction.take(assessed.best.alignment.rows[index])
        wrong = np.abs(predicted.values - right.values) > predicted.bounds + right.bounds
    at = int(np.argmax(wrong))
    details = {
        **facts(assessed, int(right.epochs[at]), int(right.steps[at])),
        **assessed.best.prediction.details,
    }
    return at_number(
        mistake.rule(assessed.covers),
        assessed,
        right,
        at,
        float(observed[at]),
        f"{mistake.explanation.format(**details)}{or_else(assessed)}",
        causes=(mistake.name, *instead(assessed, mistake)),
        remedy=mistake.remedy.format(**details),
    )


def _unexplained(assessed: Assessment, expected: Prediction) -> Finding:
    """Numbers that no known mistake predicts."""
    explanation = "No known mistake gives these numbers: wrong, unexplained."
    # A number with a place says more than a count of numbers does.
    placed = next((one for one in in_place(assessed.claim, expected) if one.placed.any()), None)
    if placed is not None:
        _, observed, right = assessed.aligned(expected, placed)
        wrong = np.flatnonzero(~right.matches(observed, assessed.claim.decimals))
        if len(wrong):
            at = int(wrong[0])
            return at_number(
                VALUE_RULES[assessed.covers],
                assessed,
                right,
                at,
                float(observed[at]),
                explanation,
            )
        explanation = f"{int((~placed.placed).sum())} have no place in the truth. {explanation}"
    lengths = f"{counted(len(assessed.claim), 'number')} in the log, {len(expected)} in the truth"
    return finding(
        VALUE_RULES[assessed.covers], assessed, f"{assessed.claim.title}: {lengths}. {explanation}"
    )


def _suspect(assessed: Assessment, expected: Prediction) -> Finding:
    """Numbers that rounding may give, but hardly does."""
    assert assessed.best is not None
    _, observed, right = assessed.aligned(expected, assessed.best.alignment)
    at = int(np.argmax(right.grade(observed, assessed.claim.decimals)))
    return at_number(
        VALUE_RULES[assessed.covers],
        assessed,
        right,
        at,
        float(observed[at]),
        "Rounding can explain it, but hardly ever does: the probable bound is "
        f"{right.probable()[at]:.2g}.",
        verdict=Verdict.SUSPECT,
        severity="warning",
    )


def _drifted(assessed: Assessment, expected: Prediction, at: int) -> Finding:
    """The mean that a float accumulator gives after it has lost digits."""
    assert assessed.best is not None
    _, observed, right = assessed.aligned(expected, assessed.best.alignment)
    lost = abs(float(observed[at] - right.values[at])) / abs(float(right.values[at]))
    return at_number(
        DIGITS,
        assessed,
        right,
        at,
        float(observed[at]),
        f"The logged value is the mean of an accumulator in {assessed.truth.batches.dtype} that "
        "drifted by "
        f"{lost:.2g} of it, "
        "more than a batch: the larger its sum, the more of each further batch it rounds away.",
        **noticed.ACCUMULATOR_DRIFTED.cited(),
    )


def _undecidable(assessed: Assessment, reason: str) -> Finding:
    return finding(
        VALUE_RULES[assessed.covers],
        assessed,
        f"{assessed.claim.title}: cannot be judged: {reason}",
        verdict=Verdict.UNDECIDABLE,
        severity="warning",
    )
