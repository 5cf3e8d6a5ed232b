"""Every faulty program fails the right check, and every correct program passes."""

from __future__ import annotations

import keras
import pytest

import lossaudit
from lossaudit.keras import CompensatedMean, LossRecorder, fit_loop
from lossaudit.testing import run_checks
from lossaudit.testing.suites import suite
from tests.testing.suites.faulty import ACCUMULATORS, CALLBACKS, LOOPS, Meter

FAULTY = [
    pytest.param(kind, *found, id=name)
    for kind, table in (("accumulator", ACCUMULATORS), ("callback", CALLBACKS), ("loop", LOOPS))
    for name, found in table.items()
]
RAISES = {"BeginsAtEpochZero"}
"""Faulty programs that raise an error instead of logging wrong numbers."""


def test_there_are_at_least_thirty_faulty_programs():
    assert len(FAULTY) >= 30


QUICK = [
    *ACCUMULATORS,
    "RunningMeanForBatchLoss",
    "AddsToTheLogs",
    "SavesEachBatch",
    "mean_of_batch_means",
]
"""Programs that are caught within seconds; `python -m benchmarks.teeth` tries all of them."""


@pytest.mark.parametrize(
    ("kind", "factory", "checks", "claims"), [one for one in FAULTY if one.id in QUICK]
)
def test_a_faulty_program_is_caught_by_the_right_check(kind, factory, checks, claims):
    report = run_checks(factory, kind=kind, select=checks, seed=0, **claims)
    assert [finding.origin for finding in report.findings] == list(checks), str(report)
    assert (": it raised " in report.findings[0].message) == (factory.__name__ in RAISES), str(
        report
    )


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [1, pytest.param(20, marks=pytest.mark.nightly)])
@pytest.mark.parametrize(("kind", "factory", "checks", "claims"), FAULTY)
def test_a_faulty_program_is_caught_at_once_and_in_nineteen_of_twenty_seeds(
    kind, factory, checks, claims, seeds, monkeypatch
):
    # A failing example is not simplified, because each further example is a training.
    monkeypatch.setattr(suite, "SHRINKING", 0)
    reports = [
        run_checks(factory, kind=kind, select=checks, seed=seed, **claims) for seed in range(seeds)
    ]
    assert sum(len(report.findings) == len(checks) for report in reports) >= seeds - seeds // 20


DRIFTS = {
    "does_not_drift": "keras.metrics.Mean adds in float32: a million updates of 0.1 give 0.101"
}
BARE = {
    "records_a_bare_callback_list": "it records inside the training step, and nothing is trained"
}


def loop(model, data, epochs, callbacks=None):
    return fit_loop(model, data, epochs=epochs, callbacks=callbacks)


def csv_logger(folder):
    numbers = iter(range(10_000))
    return lambda: keras.callbacks.CSVLogger(str(folder / f"{next(numbers)}.csv"))


def read_csv(logger):
    return lossaudit.read(logger.filename)


RIGHT = {
    "Meter": ("accumulator", Meter, {}),
    "WeightedMean": ("accumulator", lossaudit.WeightedMean, {}),
    "SumCount": ("accumulator", lossaudit.SumCount, {"holds": "mean"}),
    "ExactSum": ("accumulator", lossaudit.ExactSum, {"holds": "sum"}),
    "keras Mean": ("accumulator", keras.metrics.Mean, {"xfail": DRIFTS}),
    "CompensatedMean": ("accumulator", CompensatedMean, {}),
    "History": (
        "callback",
        keras.callbacks.History,
        {"read": lambda one: one.history, "covers": "epoch"},
    ),
    "LossRecorder": (
        "callback",
        LossRecorder,
        {"read": lambda one: one.recording, "covers": "batch", "xfail": BARE},
    ),
    "CSVLogger": ("callback", csv_logger, {"read": read_csv, "covers": "epoch"}),
    "fit_loop": ("loop", loop, {"covers": "epoch"}),
}


def right_program(name, folder, seed):
    kind, factory, claims = RIGHT[name]
    factory = factory(folder) if factory is csv_logger else factory
    return run_checks(factory, kind=kind, seed=seed, **claims)


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_program_passes(name, tmp_path):
    report = right_program(name, tmp_path, 0)
    assert report.ok, str(report)
