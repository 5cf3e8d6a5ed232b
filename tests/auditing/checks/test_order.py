"""Numbers that are elsewhere, missing or without a truth: found, with message and place."""

from __future__ import annotations

import numpy as np
import pytest

from lossaudit import Series, audit
from tests.auditing.checks.tiny import only
from tests.auditing.six_epochs import RUN, TRAIN
from tests.runs import run


def test_numbers_logged_one_step_late_are_found_with_and_without_steps():
    losses = run().find(split="train").values
    with_steps = only(audit(run(), Series(losses, steps=range(1, len(losses) + 1))))
    without_steps = only(audit(run(), Series([0.0, *losses[:-1]])))
    assert (
        (with_steps.code, with_steps.cause)
        == (without_steps.code, without_steps.cause)
        == ("LA201", "steps-shifted")
    )
    assert (
        with_steps.message
        == "train loss: each number is logged 1 place later than it was measured."
    )


def test_steps_that_restart_with_every_epoch_are_found():
    train = run().find(split="train")
    finding = only(audit(run(), Series(train.values, steps=np.arange(len(train)) % 11)))
    assert (finding.code, finding.cause) == ("LA201", "steps-restarted")
    assert finding.message == (
        "train loss: the numbers are in order, but from position 11 on they stand at step 0 "
        "where the truth has step 11."
    )


@pytest.mark.parametrize(
    ("kept", "which"),
    [
        (slice(None, -2), "the last ones"),
        (slice(2, None), "the first ones"),
        (slice(None, None, 4), "all but one in 4, from the first on"),
        (slice(3, None, 4), "all but one in 4"),
    ],
)
def test_missing_batches_are_found_and_it_is_said_which(kept, which):
    losses = run().find(split="train").values
    finding = only(audit(run(), Series(losses[kept])))
    assert (finding.code, finding.cause) == ("LA202", "batches-missing")
    missing = len(losses) - len(losses[kept])
    assert (
        finding.message
        == f"train loss: the log lacks {missing} of {len(losses)} numbers: {which}."
    )


def test_batches_missing_at_random_are_found_by_their_bits():
    losses = run().find(split="train").values
    finding = only(audit(run(), Series(np.delete(losses, [7, 19]))))
    assert finding.cause == "batches-missing"
    assert finding.message == "train loss: the log lacks 2 of 33 numbers, the first at position 7."


def test_a_running_mean_with_missing_batches_has_two_findings():
    means = np.concatenate(
        [
            np.cumsum(part * n) / np.cumsum(n)
            for part, n in [(run().find(split="train").values[:11], np.array([96] * 10 + [40]))]
        ]
    )
    one_epoch = run(epochs=1)
    findings = audit(one_epoch, Series(means[1::2], covers="batch")).findings
    assert {finding.cause for finding in findings} >= {
        "batches-missing",
        "running-mean-read-as-batch-loss",
    }


def test_numbers_older_than_the_truth_are_not_judged_and_that_is_said():
    losses = run().find(split="train").values
    report = audit(run(), Series([0.1, 0.2, *losses]))
    finding = only(report)
    assert (finding.code, finding.verdict, finding.severity) == ("LA203", "undecidable", "warning")
    assert finding.message == "train loss: nothing was recorded for the first 2 numbers of 35."
    assert (report.status, report.verdicts[0].verdict) == (2, "undecidable")


def test_missing_and_shifted_numbers_have_a_place():
    gone = np.delete(TRAIN.values, 17)
    finding = audit(RUN, Series(gone)).findings[0]
    assert (finding.cause, finding.epoch, finding.step) == ("batches-missing", 1, 17)
    late = audit(RUN, Series(TRAIN.values, steps=np.arange(1, len(TRAIN) + 1))).findings[0]
    assert (late.cause, late.epoch, late.step) == ("steps-shifted", 0, 0)
