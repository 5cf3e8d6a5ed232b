"""The explanation with the fewest mistakes is found, and no mistake where a log is right."""

from __future__ import annotations

import math

import numpy as np

from lossaudit import Recording, Series, audit
from tests.auditing.six_epochs import RUN, TRAIN


def test_a_mistake_that_shows_late_is_named():
    values = TRAIN.values.copy()
    values[50] = math.nan
    diverged = Recording(
        [Series(values, weights=TRAIN.weights, epochs=TRAIN.epochs, steps=TRAIN.steps)]
    )
    finding = audit(diverged, Series(np.nan_to_num(values))).findings[0]
    assert (finding.cause, finding.epoch, finding.step) == ("not-finite-replaced-by-zero", 4, 50)


def test_cut_digits_are_cut_towards_zero_only():
    up = np.ceil(TRAIN.values * 100) / 100
    assert audit(RUN, Series(up)).findings[0].causes == ()
    down = np.floor(TRAIN.values * 100) / 100
    assert audit(RUN, Series(down)).findings[0].cause == "rounded-to-decimals"


def test_a_declared_number_of_digits_is_no_mistake():
    report = audit(RUN, Series(np.round(TRAIN.values, 3), decimals=3))
    assert [finding.cause for finding in report.findings] == []


def test_a_decay_of_a_whole_span_is_recognised():
    decay, average, log = 1 - 2 / (7 + 1), float(TRAIN.values[0]), []
    for loss in TRAIN.values.tolist():
        average = decay * average + (1 - decay) * loss
        log.append(average)
    assert audit(RUN, Series(log)).findings[0].causes == ("exponential-average-read-as-loss",)
