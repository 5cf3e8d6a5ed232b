"""Each planted mistake is named as what it is, and as nothing else; numbers that no mistake gives
are unexplained.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossaudit import Recording, Report, Series, audit
from lossaudit.predictions.mistakes import of_stage
from lossaudit.predictions.quantities import expected_of
from lossaudit.predictions.truth import truth_about
from lossaudit.testing.faults import FAULTS
from tests.runs import (
    by_epoch,
    run,
    run_of_unequal_epochs,
    run_that_diverged,
    run_with_parts,
    runs,
)

RUNS = {
    "plain": run(epochs=4),
    "of parts": run_with_parts(1, rows=437, batch_size=34),
    "diverged": run_that_diverged(2, epochs=6),
    "of one batch": run(3, rows=64, batch_size=64, epochs=9),
    "of unequal epochs": run_of_unequal_epochs(),
}
FINITE = {"nanmean", "nan-to-num", "previous-loss-for-nan", "mean-until-then-for-nan"}
MOVED = {
    "steps-shifted",
    "steps-restarted",
    "executions-counted-for-batches",
    "epochs-counted-of-equal-length",
    "batches-missing",
    "batches-repeated",
    "loss-after-update",
}
PLANTED = [
    (fault, name)
    for fault in FAULTS
    for name, recording in RUNS.items()
    if (name == "diverged") == (fault in FINITE)
    and (name != "of one batch" or "loss-after-update" in FAULTS[fault].causes)
    and FAULTS[fault].plant(recording) is not None
]


def running(recording: Recording, *, weighted: bool) -> list[float]:
    logged = []
    for losses, rows in by_epoch(recording.find(split="train", tag="loss")):
        total = count = 0.0
        for loss, n in zip(losses, rows, strict=True):
            total += loss * (n if weighted else 1)
            count += n if weighted else 1
            logged.append(total / count)
    return logged


def epochs(recording: Recording, report: Callable[[np.ndarray, np.ndarray], float]) -> Series:
    return Series(
        [report(*epoch) for epoch in by_epoch(recording.find(split="train", tag="loss"))],
        covers="epoch",
    )


@cache
def audited(fault: str, name: str) -> Report:
    """The audit of a planted mistake."""
    log = FAULTS[fault].plant(RUNS[name])
    assert log is not None
    return audit(RUNS[name], log)


def named(report: Report) -> set[str]:
    return {name for finding in report.findings for name in finding.causes}


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "name"), PLANTED)
def test_a_planted_mistake_is_found_and_named(fault: str, name: str) -> None:
    report = audited(fault, name)
    assert not report.ok
    assert set(FAULTS[fault].causes) <= named(report), report


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "name"), [one for one in PLANTED if not MOVED & set(FAULTS[one[0]].causes)]
)
def test_a_planted_mistake_is_found_at_the_first_number_that_it_makes_wrong(
    fault: str, name: str
) -> None:
    log = FAULTS[fault].plant(RUNS[name])
    assert log is not None
    expected = expected_of(truth_about(RUNS[name], "loss", log.split, "float32"), log.covers)
    first = int(np.argmin(expected.matches(log.values)))
    for finding in audited(fault, name).findings:
        assert finding.epoch == expected.epochs[first]
        assert finding.step == (None if log.covers == "epoch" else expected.steps[first])


def test_every_cause_has_a_planted_mistake_that_is_planted_here() -> None:
    planted = {name for fault, _ in PLANTED for name in FAULTS[fault].causes}
    assert planted == {one.name for one in of_stage("batches", "mean", "number")} | MOVED


@pytest.mark.slow
def test_most_planted_mistakes_are_named_alone() -> None:
    alone = [named(audited(fault, name)) == set(FAULTS[fault].causes) for fault, name in PLANTED]
    assert np.mean(alone) > 0.75


@given(recording=runs(), fault=st.sampled_from(sorted(FAULTS.keys() - FINITE)))
def test_a_planted_mistake_is_never_given_a_wrong_name_alone(
    recording: Recording, fault: str
) -> None:
    try:
        log = FAULTS[fault].plant(recording)
    except ZeroDivisionError:  # there is no batch left to make the mistake with
        return
    report = audit(recording, log) if log is not None else Report()
    for finding in report.findings:
        assert (
            len(finding.causes) != 1
            or finding.cause in FAULTS[fault].causes
            or _also(recording, fault)
        ), report


def test_one_epoch_cannot_have_a_count_that_was_not_reset() -> None:
    assert FAULTS["iterations-not-reset"].plant(run(epochs=1)) is None
    assert FAULTS["iterations-not-reset"].plant(run(epochs=2)) is not None


def _also(recording: Recording, fault: str) -> bool:
    """Whether the mistake is no mistake here, or another one as well: one batch an epoch, or one
    epoch.
    """
    return len(recording.find(split="train").values) < 8 or any(
        len(losses) < 6 for losses, _ in by_epoch(recording.find(split="train"))
    )


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        (
            "sum of batch losses / (rows // batch size)",
            lambda losses, rows: sum(losses) / (rows.sum() // rows[0]),
        ),
        ("sum over rows / batches", lambda losses, rows: sum(losses * rows) / len(losses)),
        (
            "sum over rows / (batches * batch size)",
            lambda losses, rows: sum(losses * rows) / (len(losses) * rows[0]),
        ),
    ],
)
def test_every_wrong_divisor_is_named(
    name: str, wrong: Callable[[np.ndarray, np.ndarray], float]
) -> None:
    recording = run()
    assert (
        audit(recording, epochs(recording, wrong)).findings[0].cause
        == "sum-divided-by-wrong-count"
    ), name


def test_a_number_that_no_mistake_gives_is_unexplained() -> None:
    recording = run()
    right = epochs(recording, lambda losses, rows: np.average(losses, weights=rows))
    (finding,) = audit(recording, Series(right.values * 1.01, covers="epoch")).findings
    assert (finding.verdict, finding.causes) == ("wrong", ())
    assert "wrong, unexplained" in finding.message


@given(recording=runs())
def test_correct_numbers_give_no_finding(recording: Recording) -> None:
    train = recording.find(split="train")
    correct = {
        "batch_losses": train.values,
        "epoch_loss": epochs(recording, lambda losses, rows: sum(losses * rows) / rows.sum()),
        "mean loss": Series(running(recording, weighted=True), covers="epoch_so_far"),
    }
    report = audit(recording, correct)
    assert report.findings == ()
    assert report.ok
