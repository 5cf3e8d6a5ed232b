"""Checks of what the numbers of a claim are: LA101 to LA105, LA301 to LA303."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lossaudit.alignments import in_place
from lossaudit.cases import Case
from lossaudit.causes import Cause
from lossaudit.claims import name_of
from lossaudit.findings import Finding, Rule, Verdict
from lossaudit.messages import at_number, facts, finding, instead, or_else, telling
from lossaudit.predictions import Prediction
from lossaudit.recordings import Covers

EPOCH = Rule(
    "LA101",
    "epoch-value-is-weighted-mean",
    "The value logged for an epoch is the mean of its batch losses, each weighted by its rows.",
    "A loop that divides by the number of batches gives the few rows of a short last batch as much weight as those of "
    "a full one; a variable that is read after the loop holds the last batch alone; an accumulator that is not reset "
    "mixes epochs.",
)
BATCH = Rule(
    "LA102",
    "batch-value-is-batch-loss",
    "The value logged for a batch is the loss of that batch.",
    "In Keras since TensorFlow 2.2, `logs['loss']` in `on_train_batch_end` is the mean of the epoch so far, not the "
    "loss of the batch: spikes are flattened, the curve jumps at every epoch, and each number mixes old weights with "
    "new.",
)
SO_FAR = Rule(
    "LA103",
    "running-value-is-weighted-mean-so-far",
    "The value logged as a running mean is the mean of the epoch so far, each batch weighted by its rows.",
    "A running mean that counts every batch alike, or that is not reset between epochs, is another number than the one "
    "that fit shows.",
)
UNSCALED = Rule(
    "LA104",
    "value-is-not-scaled",
    "The value that is logged is the loss itself, not a multiple, root or logarithm of it.",
    "The loss that is divided by the steps of gradient accumulation, multiplied by the scale of mixed precision, or "
    "averaged again over replicas is made for the backward pass; logged, it changes with settings that leave the model "
    "alone.",
)
TOTAL = Rule(
    "LA105",
    "value-is-the-total",
    "The value that is logged as the loss is the total that is minimised, with every part of it once.",
    "A component under the total's name, a regularization term left out or added twice, and loss weights applied twice "
    "make curves of different programs differ where their models do not.",
)
PRESENT = Rule(
    "LA301",
    "no-number-is-absent",
    "A number was logged wherever the true losses are finite.",
    "`logs.get('val_loss', nan)` in a batch hook, or a key that is not among the logs, records NaN or None for ever, "
    "and a plot shows an empty axis.",
)
DIGITS = Rule(
    "LA302",
    "number-keeps-its-digits",
    "A number is accumulated and logged in float32 or wider, with all its digits.",
    "float16 and bfloat16 keep three and two digits, and a sum in them stops growing after a few thousand batches; "
    "float32 loses whole batches after some ten thousand. A printed number of four digits cannot be audited far.",
)
FINITE = Rule(
    "LA303",
    "what-is-not-finite-is-logged",
    "Where a true loss is NaN or infinite, the log says so.",
    "Filters that drop such batches, `nan_to_num`, and loggers that put a mean in their place show a healthy curve "
    "over a model whose weights may be lost.",
)
RULES = (EPOCH, BATCH, SO_FAR, UNSCALED, TOTAL, PRESENT, DIGITS, FINITE)

VALUE_RULES: dict[Covers, Rule] = {"epoch": EPOCH, "batch": BATCH, "epoch_so_far": SO_FAR}
_BROKEN_RULES: dict[str, Rule] = {"scale": UNSCALED, "content": TOTAL, "precision": DIGITS, "finite": FINITE}


def rule_broken_by(cause: Cause, covers: Covers) -> Rule:
    """The rule that a mistake breaks in numbers that promised to cover a batch or an epoch."""
    return _BROKEN_RULES.get(cause.breaks, VALUE_RULES[covers])


def check_presence(case: Case) -> Iterator[Finding]:
    """LA301: NaN stands in the log although every true loss is finite, and no shift has put it there."""
    absent = case.absent
    if case.reading is not None and case.reading.alignment.cause is not None:
        absent = absent & case.reading.alignment.placed
    if not absent.any():
        return
    position = int(np.flatnonzero(absent)[0])
    yield finding(
        PRESENT,
        case,
        f"{name_of(case.claim)}: {int(absent.sum())} of {len(case.claim)} numbers are NaN or None, the first at "
        f"position {position}, but every true loss is finite. The key was absent from the logs when it was read.",
        cause="missing-key-recorded-as-nan",
        remedy="Read only keys that the logs have: batch logs hold no `val_` keys; validation has hooks of its own.",
        observed=float("nan"),
    )


def check_values(case: Case) -> Iterator[Finding]:
    """LA101 to LA105, LA302, LA303: the numbers are not what they promise to be, or nobody can tell."""
    if case.expected is None:
        yield _undecidable(case, "the rows of the batches are unknown, so no weighted mean can be formed")
    elif not case.numbers:
        if not len(case.claim):
            yield _undecidable(case, "the log is empty")
    elif case.reading is None:
        yield _unexplained(case, case.expected)
    elif case.reading.causes:
        yield from (_explained(case, case.expected, cause) for cause in case.reading.causes)
    elif case.drift is not None:
        yield _drifted(case, case.expected, case.drift)
    elif case.lookalikes:
        names = ", ".join(cause.name for cause in case.lookalikes)
        yield _undecidable(case, f"the numbers are too coarse: {names} would have logged the same. {telling(case)}")
    elif case.is_vague:
        yield _undecidable(case, f"rounding in {case.claim.dtype} may move these numbers by as much as they are")
    elif case.grade is Verdict.SUSPECT:
        yield _suspect(case, case.expected)


def _explained(case: Case, expected: Prediction, cause: Cause) -> Finding:
    """One mistake of those that predict every number of the claim."""
    assert case.reading is not None
    index, observed, beside = case.aligned(expected, case.reading.alignment)
    wrong = ~beside.matches(observed, case.claim.decimals)
    if not wrong.any():
        mistaken = case.reading.prediction.take(case.reading.alignment.rows[index])
        wrong = np.abs(mistaken.values - beside.values) > mistaken.bounds + beside.bounds
    at = int(np.argmax(wrong))
    words = {**facts(case, int(beside.epochs[at]), int(beside.steps[at])), **case.reading.prediction.words}
    return at_number(
        rule_broken_by(cause, case.covers),
        case,
        beside,
        at,
        float(observed[at]),
        f"It is {cause.explanation.format(**words)}{or_else(case)}",
        causes=(cause.name, *instead(case, cause)),
        remedy=cause.remedy.format(**words),
    )


def _unexplained(case: Case, expected: Prediction) -> Finding:
    """Numbers that nothing known predicts; where the lengths differ, no number can be put beside another."""
    explanation = "No known mistake gives these numbers: wrong, unexplained."
    placed = next((one for one in in_place(case.claim, expected) if one.placed.any()), None)
    if placed is not None:
        _, observed, beside = case.aligned(expected, placed)
        wrong = np.flatnonzero(~beside.matches(observed, case.claim.decimals))
        if len(wrong):
            at = int(wrong[0])
            return at_number(VALUE_RULES[case.covers], case, beside, at, float(observed[at]), explanation)
        explanation = f"{int((~placed.placed).sum())} stand where the truth has none. {explanation}"
    counted = f"{len(case.claim)} numbers were logged where the truth has {len(expected)}"
    return finding(VALUE_RULES[case.covers], case, f"{name_of(case.claim)}: {counted}. {explanation}")


def _suspect(case: Case, expected: Prediction) -> Finding:
    """Numbers that float arithmetic could have given, but hardly did."""
    assert case.reading is not None
    _, observed, beside = case.aligned(expected, case.reading.alignment)
    at = int(np.argmax(beside.grade(observed, case.claim.decimals)))
    return at_number(
        VALUE_RULES[case.covers],
        case,
        beside,
        at,
        float(observed[at]),
        f"Rounding can explain it, but hardly ever does: the probable bound is {beside.bands()[at]:.2g}.",
        verdict=Verdict.SUSPECT,
        severity="warning",
    )


def _drifted(case: Case, expected: Prediction, at: int) -> Finding:
    """What float arithmetic gives, and yet not the mean."""
    assert case.reading is not None
    _, observed, beside = case.aligned(expected, case.reading.alignment)
    lost = abs(float(observed[at] - beside.values[at])) / abs(float(beside.values[at]))
    return at_number(
        DIGITS,
        case,
        beside,
        at,
        float(observed[at]),
        f"It is the mean as an accumulator in {case.truth.batches.dtype} holds it, drifted by {lost:.2g} of it, "
        "more than a batch: the larger its sum, the more of each further batch it rounds away.",
        cause="accumulator-drifted",
        remedy="Accumulate in float64, or with `lossaudit.keras.CompensatedMean` or `lossaudit.WeightedMean`.",
    )


def _undecidable(case: Case, reason: str) -> Finding:
    return finding(
        VALUE_RULES[case.covers],
        case,
        f"{name_of(case.claim)}: cannot be judged: {reason}",
        verdict=Verdict.UNDECIDABLE,
        severity="warning",
    )
