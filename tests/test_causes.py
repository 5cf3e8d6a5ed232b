"""Each cause explains its own fault and no other. The faults are written as users write them, not with the causes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given

from lossaudit import Recording, Series, audit
from lossaudit.causes import CAUSES
from tests.runs import by_epoch, run, runs

Fault = Callable[[Recording], Series]


def running(recording: Recording, *, weighted: bool) -> list[float]:
    logged = []
    for losses, rows in by_epoch(recording.find(split="train")):
        total = count = 0.0
        for loss, n in zip(losses, rows, strict=True):
            total += loss * (n if weighted else 1)
            count += n if weighted else 1
            logged.append(total / count)
    return logged


def epochs(recording: Recording, report: Callable[[np.ndarray, np.ndarray], float]) -> Series:
    return Series([report(*epoch) for epoch in by_epoch(recording.find(split="train"))], covers="epoch")


def never_reset(recording: Recording) -> Series:
    total = count = 0.0
    reported = []
    for losses, rows in by_epoch(recording.find(split="train")):
        total += float(np.dot(losses, rows))
        count += rows.sum()
        reported.append(total / count)
    return Series(reported, covers="epoch")


def one_metric(recording: Recording, split: str) -> Series:
    reported = []
    for train, validation in zip(
        by_epoch(recording.find(split="train")), by_epoch(recording.find(split="validation")), strict=True
    ):
        losses, rows = (np.concatenate(columns) for columns in zip(train, validation, strict=True))
        reported.append(np.average(losses, weights=rows))
    return Series(reported, covers="epoch", split=split)


def floor_division(losses: np.ndarray, rows: np.ndarray) -> float:
    batches = int(rows.sum() // rows[0])
    return sum(losses[:batches]) / batches


FAULTS: dict[str, Fault] = {
    "running-mean-read-as-batch-loss": lambda r: Series(running(r, weighted=True)),
    "unweighted-running-mean-read-as-batch-loss": lambda r: Series(running(r, weighted=False)),
    "batch-loss-read-as-running-mean": lambda r: Series(r.find(split="train").values, covers="epoch_so_far"),
    "short-last-batch-counted-as-full": lambda r: epochs(r, lambda losses, rows: sum(losses) / len(losses)),
    "last-batch-shown-as-epoch": lambda r: epochs(r, lambda losses, rows: losses[-1]),
    "first-batch-shown-as-epoch": lambda r: epochs(r, lambda losses, rows: losses[0]),
    "last-batch-dropped": lambda r: epochs(r, floor_division),
    "state-not-reset": never_reset,
    "validation-mixed-into-train": lambda r: one_metric(r, "train"),
    "train-mixed-into-validation": lambda r: one_metric(r, "validation"),
    "batch-losses-summed": lambda r: epochs(r, lambda losses, rows: sum(losses)),
    "sum-divided-by-wrong-count": lambda r: epochs(r, lambda losses, rows: sum(losses) / rows.sum()),
}


@pytest.mark.parametrize("cause", FAULTS)
def test_a_planted_mistake_is_named_and_no_other(cause: str) -> None:
    recording = run()
    report = audit(recording, FAULTS[cause](recording))
    assert [finding.causes for finding in report.findings] == [(cause,)]


def test_every_cause_has_a_planted_mistake() -> None:
    assert FAULTS.keys() == CAUSES.keys()


@pytest.mark.parametrize("cause", FAULTS)
@given(recording=runs())
def test_a_planted_mistake_is_never_given_a_wrong_name_alone(cause: str, recording: Recording) -> None:
    report = audit(recording, FAULTS[cause](recording))
    for finding in report.findings:
        assert cause in finding.causes, report


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("sum of batch losses / (rows // batch size)", lambda losses, rows: sum(losses) / (rows.sum() // rows[0])),
        ("sum over rows / batches", lambda losses, rows: sum(losses * rows) / len(losses)),
        ("sum over rows / (batches * batch size)", lambda losses, rows: sum(losses * rows) / (len(losses) * rows[0])),
    ],
)
def test_every_wrong_divisor_is_named(name: str, wrong: Callable[[np.ndarray, np.ndarray], float]) -> None:
    recording = run()
    assert audit(recording, epochs(recording, wrong)).findings[0].cause == "sum-divided-by-wrong-count", name


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
