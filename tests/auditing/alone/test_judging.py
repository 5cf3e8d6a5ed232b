"""Logs by themselves as a report: no word against right ones, and what stays open is said."""

from __future__ import annotations

import time

import numpy as np
import pytest

from lossaudit import Recording, Series, audit
from tests.auditing.alone.keras_logs import board, found_in
from tests.auditing.alone.planted import MADE
from tests.logfiles import Training, clean


@pytest.mark.parametrize("block", range(10))
def test_right_logs_of_any_shape_have_nothing_wrong_or_suspect(block):
    for seed in range(block * 60, block * 60 + 60):
        bad = [
            str(one)
            for one in audit(None, clean(seed)).findings
            if one.verdict in ("wrong", "suspect")
        ]
        assert not bad, (seed, bad)


def test_without_rows_the_report_says_on_what_condition_the_epoch_value_is_right():
    even = Training(MADE.losses, np.full(12, 4))
    half = Training(MADE.losses, np.append(np.full(11, 4), 2))
    messages = [
        audit(None, Recording([one.batch_losses(), one.by_epoch()])).findings[0].message
        for one in (even, half)
    ]
    assert messages[0].endswith("is the mean over rows if all batches have the same rows.")
    assert messages[1].endswith(
        "if the last batch of each epoch has 0.5 times the rows of the others."
    )


def test_what_cannot_be_judged_is_said_and_is_never_a_pass():
    report = audit(None, {"loss": [0.5, 0.4], "val_loss": [0.6, 0.5], "accuracy": [0.7, 0.8]})
    assert [(one.verdict, one.split, one.covers) for one in report.verdicts] == [
        ("undecidable", "train", "epoch"),
        ("undecidable", "validation", "epoch"),
    ]
    assert report.not_audited == ("accuracy",)
    assert report.findings[0].message == (
        "loss (train loss), val_loss (validation loss): cannot be judged without the true batch "
        "losses: an epoch value may or may not be the row-weighted mean of its batches."
    )
    assert report.status == 2


def test_findings_can_be_selected():
    claims = {"loss": MADE.running[:, -1], "batch_losses": MADE.running.ravel()}
    assert [one.code for one in audit(None, claims, select=["LA501"]).findings] == ["LA501"]
    assert "LA501" not in [one.code for one in audit(None, claims, ignore=["LA501"]).findings]


@pytest.mark.parametrize(
    "claims", [Series([]), Recording([]), {}, Series([], covers="epoch", epochs=[])]
)
def test_nothing_to_audit_is_never_a_pass(claims):
    assert audit(None, claims).status == 2


def test_two_million_numbers_take_seconds():
    random = np.random.default_rng(0)
    long = Training(random.lognormal(size=(100, 20_000)).astype(np.float32), np.full(20_000, 32))
    log = Recording([long.by_batch(long.running, **long.columns), long.by_epoch()])
    started = time.perf_counter()
    assert audit(None, log).findings[0].cause == "running-mean-read-as-batch-loss"
    assert (
        time.perf_counter() - started < 30
    )  # 1.3 s were seen; whatever is done number by number takes minutes


def test_tensorboard_that_writes_epochs_only_has_nothing_wrong(tmp_path):
    assert found_in(board(tmp_path, update_freq="epoch")) == set()
