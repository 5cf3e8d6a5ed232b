"""Findings about the audit itself: LA401, LA402, LA404."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from lossaudit.findings import Finding, Rule, Verdict

CAPTURED = Rule(
    "LA401",
    "true-losses-were-recorded",
    "The true losses of the split were recorded, so that there is something to compare with.",
    "A `train_step` that forms its own loss and never updates the model's loss tracker bypasses the recorder; "
    "lossaudit notices and does not guess.",
    severity="warning",
)
AUDITED = Rule(
    "LA402",
    "the-audit-ran",
    "The audit itself did not fail.",
    "An error inside the audit never stops a training run, and is never silent.",
    severity="warning",
)
EXPLAINED = Rule(
    "LA404",
    "fit-and-evaluate-differ-for-known-reasons",
    "The loss of an epoch and that of `evaluate` on the same data differ by weights that moved, training mode, "
    "regularizers, weights and masks, and by rounding: nothing else remains.",
    "`fit` averages over weights that move, with dropout and batch statistics, and weighs rows and classes; `evaluate` "
    "does not. Asked for by `LossAudit(explain_gap=True)`, the parts are measured; what remains beyond rounding is a "
    "number that was averaged wrongly.",
)
RULES = (CAPTURED, AUDITED, EXPLAINED)


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


def check_gap(statement: str, remains: Fraction, bound: float, *, epoch: int) -> Iterator[Finding]:
    """LA404: of the difference between `fit` and `evaluate` more remains than rounding explains."""
    if not abs(remains) <= bound:
        yield Finding(
            EXPLAINED.code,
            Verdict.WRONG,
            f"{statement} More remains than rounding explains.",
            epoch=epoch,
            observed=float(remains),
            expected=0.0,
            bound=bound,
            cause="loss-averaged-wrongly",
            remedy="Look for what resets the loss tracker within an epoch, such as `evaluate` in a batch hook, for a "
            "metric that is called 'loss', and for a `train_step` or `test_step` that returns a loss of its own.",
        )


def gap_not_measured(reason: str) -> Finding:
    """LA404: the parts of the difference cannot be had."""
    return Finding(
        EXPLAINED.code,
        Verdict.UNDECIDABLE,
        f"why `evaluate` does not give the loss that `fit` reported cannot be measured: {reason}.",
        severity="warning",
        cause="gap-not-measured",
        remedy="Train by `fit` on data that can be read again: arrays, a `tf.data.Dataset`, a `PyDataset`; or call "
        "`lossaudit.keras.explain_gap` with such data.",
    )
