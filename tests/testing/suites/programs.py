"""The programs that suites are tried on: each faulty one with its check, and correct ones."""

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


def faulty(kind, names=None):
    """Faulty programs of a kind as parameters of a test: those of these names, or all."""
    return [one for one in FAULTY if one.values[0] == kind and (names is None or one.id in names)]


def right(kind):
    """The names of the correct programs of a kind."""
    return [name for name, (its_kind, *_) in RIGHT.items() if its_kind == kind]


def assert_caught(kind, factory, checks, claims):
    """That a faulty program fails the right checks, with wrong numbers unless it raises."""
    report = run_checks(factory, kind=kind, select=checks, seed=0, **claims)
    assert [finding.origin for finding in report.findings] == list(checks), str(report)
    assert (": it raised " in report.findings[0].message) == (factory.__name__ in RAISES), str(
        report
    )


def assert_caught_in_nineteen_of_twenty(kind, factory, checks, claims, *, seeds, monkeypatch):
    """That a faulty program fails the right checks for 95 % of the seeds, or for all of a few."""
    # A failing example is not simplified, because each further example is a training.
    monkeypatch.setattr(suite, "SHRINKING", 0)
    reports = [
        run_checks(factory, kind=kind, select=checks, seed=seed, **claims) for seed in range(seeds)
    ]
    caught = sum(len(report.findings) == len(checks) for report in reports)
    assert caught >= seeds - seeds // 20, f"caught for {caught} of {seeds} seeds"
