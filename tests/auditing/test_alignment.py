"""Which logged number belongs to which number of the truth."""

from __future__ import annotations

import numpy as np
import pytest

from lossaudit import Recording, Series, audit
from tests.auditing.six_epochs import RUN, TRAIN, epoch_means
from tests.runs import run


def test_a_log_of_some_steps_is_right_where_it_says_which():
    train = run().find(split="train")
    assert audit(run(), Series(train.values[::10], steps=train.steps[::10])).ok


@pytest.mark.parametrize(
    "log",
    [
        Series(epoch_means(TRAIN)[[0, 1]], covers="epoch", epochs=[0, 1]),
        Series(epoch_means(TRAIN)[[0, 1]], covers="epoch"),
        Series(TRAIN.values[11:22], steps=range(11, 22)),
        Series(TRAIN.values[:22], steps=range(22)),
        Series(np.append(TRAIN.values[:15], TRAIN.values[11:22])),
    ],
    ids=["epochs", "epochs by position", "the second session", "the last of each step", "all"],
)
def test_right_logs_of_a_resumed_run_give_no_finding(log):
    kept = np.append(
        np.arange(15), np.arange(11, 22)
    )  # broken off in the second epoch, which is begun again
    values = TRAIN.values[kept].copy()
    values[11:15] *= 1.25  # the session that was broken off had other losses
    truth = Series(
        values, weights=TRAIN.weights[kept], epochs=TRAIN.epochs[kept], steps=TRAIN.steps[kept]
    )
    logged = Series(values, covers="batch") if len(log) == len(values) else log
    report = audit(Recording([truth]), logged)
    assert report.ok, report


def test_a_counter_that_stands_still_is_named():
    assert (
        audit(RUN, Series(TRAIN.values, steps=[7] * len(TRAIN))).findings[0].cause
        == "steps-restarted"
    )
    assert (
        audit(RUN, Series(epoch_means(TRAIN), covers="epoch", epochs=[9] * 6)).findings[0].verdict
        == "wrong"
    )
