"""One expectation each: a check looks at a case and yields a finding where the expectation is broken.

To add a check, write its Rule and a function of a case that yields findings, and put both into CHECKS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from lossaudit.cases import Case
from lossaudit.causes import Cause
from lossaudit.findings import Finding, Rule, Verdict
from lossaudit.messages import at_number, facts, finding, name, telling
from lossaudit.predictions import Prediction
from lossaudit.recordings import Covers
from lossaudit.trainings import TRAINING_RULES

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
    "In Keras since TensorFlow 2.2, logs['loss'] in on_train_batch_end is the mean of the epoch so far, not the loss "
    "of the batch: spikes are flattened, the curve jumps at every epoch, and each number mixes old weights with new.",
)
SO_FAR = Rule(
    "LA103",
    "running-value-is-weighted-mean-so-far",
    "The value logged as a running mean is the mean of the epoch so far, each batch weighted by its rows.",
    "A running mean that counts every batch alike, or that is not reset between epochs, is another number than the one "
    "that fit shows.",
)
STEPS = Rule(
    "LA201",
    "numbers-stand-at-their-step",
    "Each number is logged with the 0-based step, or at the position, at which it was measured.",
    "A counter that starts at 1, restarts with every epoch, or is read before it is increased moves a whole curve; "
    "nothing in the curve shows it.",
)
COMPLETE = Rule(
    "LA202",
    "no-number-is-missing",
    "A log without steps holds a number for every batch or epoch.",
    "With steps_per_execution a hook runs once for several batches; n // batch_size loses the short last one; a "
    "callback that logs now and then must say when.",
)
FOUNDED = Rule(
    "LA203",
    "every-number-has-a-truth",
    "For every logged number there is a recorded batch or epoch.",
    "A list that has grown over several calls of fit holds numbers that this audit has no truth for.",
)
PRESENT = Rule(
    "LA301",
    "no-number-is-absent",
    "A number was logged wherever the true losses are finite.",
    "logs.get('val_loss', nan) in a batch hook, or a key that is not among the logs, records NaN or None for ever, and "
    "a plot shows an empty axis.",
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
    "Filters that drop such batches, nan_to_num, and loggers that put a mean in their place show a healthy curve over "
    "a model whose weights may be lost.",
)
CAPTURED = Rule(
    "LA401",
    "true-losses-were-recorded",
    "The true losses of the split were recorded, so that there is something to compare with.",
    "A train_step that forms its own loss and never updates the model's loss tracker bypasses the recorder; lossaudit "
    "notices and does not guess.",
)
AUDITED = Rule(
    "LA402",
    "the-audit-ran",
    "The audit itself did not fail.",
    "An error inside the audit never stops a training run, and is never silent.",
)
ONCE = Rule(
    "LA205",
    "every-number-once",
    "A log holds each batch or epoch once.",
    "Files appended to after a restart, and hooks that are called twice, log some numbers again: means over the log "
    "count them twice.",
)
_VALUES = (EPOCH, BATCH, SO_FAR, UNSCALED, TOTAL, STEPS, COMPLETE, FOUNDED, ONCE, PRESENT, DIGITS, FINITE)
_RULES = (*_VALUES, CAPTURED, AUDITED, *TRAINING_RULES)
RULES = {rule.code: rule for rule in sorted(_RULES, key=lambda rule: rule.code)}

_VALUE_RULES: dict[Covers, Rule] = {"epoch": EPOCH, "batch": BATCH, "epoch_so_far": SO_FAR}
_MOVED_RULES = {
    "steps-shifted": STEPS,
    "steps-restarted": STEPS,
    "batches-missing": COMPLETE,
    "numbers-without-truth": FOUNDED,
    "batches-repeated": ONCE,
    "executions-counted-for-batches": STEPS,
    "epochs-counted-of-equal-length": STEPS,
    "loss-after-update": STEPS,
}
_BROKEN_RULES: dict[str, Rule] = {"scale": UNSCALED, "content": TOTAL, "precision": DIGITS, "finite": FINITE}


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
        f"{name(case)}: {int(absent.sum())} of {len(case.claim)} numbers are NaN or None, the first at position "
        f"{position}, but every true loss is finite. The key was absent from the logs when it was read.",
        cause="missing-key-recorded-as-nan",
        remedy="Read only keys that the logs have: batch logs hold no `val_` keys; validation has hooks of its own.",
        observed=float("nan"),
    )


def check_order(case: Case) -> Iterator[Finding]:
    """LA201, LA202, LA203, LA205: the numbers stand elsewhere, are missing, repeated, or have no truth."""
    alignment = case.reading.alignment if case.reading else None
    if case.reading is None or alignment is None or alignment.cause is None:
        return
    yield finding(
        _MOVED_RULES[alignment.cause],
        case,
        f"{name(case)}: {alignment.explanation}.{_or_else(case)}",
        verdict=Verdict.WRONG if alignment.founded else Verdict.UNDECIDABLE,
        severity="error" if alignment.founded else "warning",
        causes=(alignment.cause, *_instead(case, None)),
        remedy=alignment.remedy,
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
    elif case.lookalikes:
        names = ", ".join(cause.name for cause in case.lookalikes)
        yield _undecidable(case, f"the numbers are too coarse: {names} would have logged the same. {telling(case)}")
    elif case.grade is Verdict.SUSPECT:
        yield _suspect(case, case.expected)


CHECKS: tuple[Callable[[Case], Iterator[Finding]], ...] = (check_presence, check_order, check_values)


def not_captured(split: str, tag: str, origin: str, reason: str) -> Finding:
    """LA401: there is no truth to compare a claim with."""
    return Finding(
        CAPTURED.code,
        Verdict.UNDECIDABLE,
        f"{origin}: {reason}.",
        severity="warning",
        tag=tag,
        split=split,
        cause="losses-not-captured",
        remedy="In a `train_step` of your own call `self._loss_tracker.update_state(loss, sample_weight=rows)`, or use "
        "`lossaudit.keras.RecordingMean(name='loss')` for its loss; in a loop of your own use `lossaudit.Recorder()`.",
        origin=origin,
    )


def _explained(case: Case, expected: Prediction, cause: Cause) -> Finding:
    """One mistake of those that predict every number of the claim."""
    assert case.reading is not None
    index, observed, beside = case.aligned(expected, case.reading.alignment)
    wrong = ~beside.matches(observed, case.claim.decimals)
    if not wrong.any():
        mistaken = case.reading.prediction.take(case.reading.alignment.rows[index])
        wrong = np.abs(mistaken.values - beside.values) > mistaken.bounds + beside.bounds
    at = int(np.argmax(wrong))
    words = {**facts(case, int(beside.epochs[at])), **case.reading.prediction.words}
    return at_number(
        _BROKEN_RULES.get(cause.breaks, _VALUE_RULES[case.covers]),
        case,
        beside,
        at,
        float(observed[at]),
        f"It is {cause.explanation.format(**words)}{_or_else(case)}",
        causes=(cause.name, *_instead(case, cause)),
        remedy=cause.remedy.format(**words),
    )


def _instead(case: Case, mistake: Cause | None) -> tuple[str, ...]:
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


def _or_else(case: Case) -> str:
    """What else would have logged the same, and what would tell."""
    others = [" and ".join(reading.names) for reading in case.readings[1:]]
    return f" Indistinguishable on this data: {'; or '.join(others)}. {telling(case)}" if others else ""


def _unexplained(case: Case, expected: Prediction) -> Finding:
    """Numbers that nothing known predicts; where the lengths differ, no number can be put beside another."""
    explanation = "No known mistake gives these numbers: wrong, unexplained."
    if len(case.claim) != len(expected) or case.claim.steps is not None:
        counted = f"{len(case.claim)} numbers were logged where the truth has {len(expected)}"
        return finding(_VALUE_RULES[case.covers], case, f"{name(case)}: {counted}. {explanation}")
    wrong = ~expected.matches(case.claim.values, case.claim.decimals) & ~case.absent
    at = int(np.flatnonzero(wrong)[0])
    return at_number(_VALUE_RULES[case.covers], case, expected, at, float(case.claim.values[at]), explanation)


def _suspect(case: Case, expected: Prediction) -> Finding:
    """Numbers that float arithmetic could have given, but hardly did."""
    assert case.reading is not None
    _, observed, beside = case.aligned(expected, case.reading.alignment)
    at = int(np.argmax(beside.grade(observed, case.claim.decimals)))
    return at_number(
        _VALUE_RULES[case.covers],
        case,
        beside,
        at,
        float(observed[at]),
        f"Rounding can explain it, but hardly ever does: the probable bound is {beside.bands[at]:.2g}.",
        verdict=Verdict.SUSPECT,
        severity="warning",
    )


def _undecidable(case: Case, reason: str) -> Finding:
    return finding(
        _VALUE_RULES[case.covers],
        case,
        f"{name(case)}: cannot be judged: {reason}",
        verdict=Verdict.UNDECIDABLE,
        severity="warning",
    )
