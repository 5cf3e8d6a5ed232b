"""The explanation with the fewest mistakes is found, and no mistake where a log is right."""

from __future__ import annotations

import math

import numpy as np

from lossaudit import Recording, Series, audit
from lossaudit.auditing.comparison import Comparison
from lossaudit.auditing.search import explanations, lookalikes
from lossaudit.predictions.truth import truth_about
from tests.auditing.checks.tiny import TINY
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


def compared(log, truth=TINY):
    return Comparison(log, log.covers, truth_about(truth, "loss", "train", "float32"))


def test_no_mistake_comes_before_one_and_one_before_two():
    right = explanations(compared(Series([3.0, 1.1], covers="epoch")))
    assert [one.names for one in right] == [()]
    short = explanations(compared(Series([4.0, 17 / 12], covers="epoch")))
    assert [one.names for one in short] == [("short-last-batch-counted-as-full",)]
    doubled = explanations(compared(Series([6.0, 2.2], covers="epoch")))
    assert all(len(one.names) == 1 for one in doubled)


def test_an_empty_log_and_a_truth_that_expects_nothing_have_no_explanation():
    assert explanations(compared(Series([], covers="epoch"))) == ()
    unknown = Recording([Series([1.0, 2.0], epochs=[0, 0])])
    assert explanations(compared(Series([1.5], covers="epoch"), unknown)) == ()


def test_a_log_of_few_digits_looks_like_mistakes_that_one_of_all_digits_does_not():
    truth = Recording([Series([1.0, 1.001, 1.004], weights=[4, 4, 2], epochs=[0, 0, 0])])
    for log, alike in (
        (Series([1.0], covers="epoch", decimals=2), True),
        (Series([1.0012], covers="epoch"), False),
    ):
        one = compared(log, truth)
        (right,) = explanations(one)
        names = [mistake.name for mistake in lookalikes(one, right)]
        assert ("short-last-batch-counted-as-full" in names) == alike
