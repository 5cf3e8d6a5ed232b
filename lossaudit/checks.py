"""One expectation each: a check looks at a case and yields a finding where the expectation is broken.

To add a check, write its Rule and a function of a case that yields findings, and put both into CHECKS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from lossaudit.cases import Case
from lossaudit.findings import Finding, Rule, Verdict
from lossaudit.logs import LOG_RULES
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
_RULES = (EPOCH, BATCH, SO_FAR, STEPS, COMPLETE, FOUNDED, PRESENT, CAPTURED, AUDITED, *TRAINING_RULES, *LOG_RULES)
RULES = {rule.code: rule for rule in sorted(_RULES, key=lambda rule: rule.code)}

_VALUE_RULES: dict[Covers, Rule] = {"epoch": EPOCH, "batch": BATCH, "epoch_so_far": SO_FAR}
_MOVED_RULES = {
    "steps-shifted": STEPS,
    "steps-restarted": STEPS,
    "batches-missing": COMPLETE,
    "numbers-without-truth": FOUNDED,
}


def check_presence(case: Case) -> Iterator[Finding]:
    """LA301: NaN stands in the log although every true loss is finite."""
    if not case.absent.any():
        return
    position = int(np.flatnonzero(case.absent)[0])
    yield finding(
        PRESENT,
        case,
        f"{name(case)}: {int(case.absent.sum())} of {len(case.claim)} numbers are NaN or None, the first at position "
        f"{position}, but every true loss is finite. The key was absent from the logs when it was read.",
        cause="missing-key-recorded-as-nan",
        remedy="Read only keys that the logs have: batch logs hold no `val_` keys; validation has hooks of its own.",
        observed=float("nan"),
    )


def check_order(case: Case) -> Iterator[Finding]:
    """LA201, LA202, LA203: the numbers are right, but stand elsewhere, or some are missing or have no truth."""
    alignment = case.reading.alignment if case.reading else None
    if alignment is None or alignment.cause is None:
        return
    yield finding(
        _MOVED_RULES[alignment.cause],
        case,
        f"{name(case)}: {alignment.explanation}.",
        verdict=Verdict.WRONG if alignment.founded else Verdict.UNDECIDABLE,
        severity="error" if alignment.founded else "warning",
        cause=alignment.cause,
        remedy=alignment.remedy,
    )


def check_values(case: Case) -> Iterator[Finding]:
    """LA101, LA102, LA103: the numbers are not what they promise to be, or nobody can tell."""
    if case.expected is None:
        yield _undecidable(case, "the rows of the batches are unknown, so no weighted mean can be formed")
    elif not case.numbers:
        if not len(case.claim):
            yield _undecidable(case, "the log is empty")
    elif case.reading is None:
        yield _unexplained(case, case.expected)
    elif case.reading.causes != (None,):
        yield _explained(case, case.expected)
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


def _explained(case: Case, expected: Prediction) -> Finding:
    """A mistake that predicts every number of the claim."""
    reading = case.reading
    assert reading is not None
    causes = [cause for cause in reading.causes if cause is not None]
    index, observed, beside = case.aligned(expected, reading.alignment)
    mistaken = reading.predictions[0].take(reading.alignment.rows[index])
    apart = np.abs(mistaken.values - beside.values) > mistaken.bounds + beside.bounds
    at = int(np.flatnonzero(apart if apart.any() else ~beside.matches(observed, case.claim.decimals))[0])
    words = facts(case, int(beside.epochs[at]))
    explanations = " Or it is ".join(cause.explanation.format(**words) for cause in causes)
    more = f" Indistinguishable on this data. {telling(case)}" if len(causes) > 1 else ""
    return at_number(
        _VALUE_RULES[case.covers],
        case,
        beside,
        at,
        float(observed[at]),
        f"It is {explanations}{more}",
        causes=tuple(cause.name for cause in causes),
        remedy=causes[0].remedy.format(**words),
    )


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
