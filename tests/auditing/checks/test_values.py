"""The numbers of a claim: each check has a planted fault, a clean run, a near miss."""

from __future__ import annotations

import numpy as np
import pytest

from lossaudit import Recording, Series, audit
from lossaudit.arithmetic.replay import replay_keras_mean
from tests.auditing.checks.tiny import TINY, only
from tests.auditing.six_epochs import RUN, TRAIN


def test_an_absent_key_recorded_as_nan_is_found():
    finding = only(audit(TINY, {"val_loss": [None, float("nan")]}))
    assert (finding.code, finding.cause) == ("LA301", "missing-key-recorded-as-nan")
    assert finding.message == (
        "val_loss (validation loss): 2 of 2 numbers are NaN or None, the first at position 0, but "
        "every true loss is "
        "finite. The key was absent from the logs when it was read."
    )


def test_nan_that_the_training_had_is_no_finding():
    diverged = Recording([Series([1.0, np.nan], weights=[2, 2], epochs=[0, 0])])
    report = audit(diverged, {"batch_losses": [1.0, np.nan], "epoch_loss": [np.nan]})
    assert report.ok
    assert {one.verdict for one in report.verdicts} == {"exact"}


def test_infinity_that_the_training_had_is_no_finding():
    diverged = Recording([Series([1.0, np.inf], weights=[2, 2], epochs=[0, 0])])
    assert audit(diverged, {"batch_losses": [1.0, np.inf], "epoch_loss": [np.inf]}).ok


def test_a_finite_number_where_the_truth_is_nan_is_wrong():
    diverged = Recording([Series([1.0, np.nan], weights=[2, 2], epochs=[0, 0])])
    assert only(audit(diverged, {"epoch_loss": [1.0]})).verdict == "wrong"


def test_too_few_digits_are_undecidable_with_what_would_tell():
    close = Recording([Series([1.0, 1.001, 1.004], weights=[4, 4, 2], epochs=[0, 0, 0])])
    finding = only(audit(close, Series([1.0], covers="epoch", decimals=2)))
    assert finding.verdict == "undecidable"
    assert finding.message.startswith(
        "train loss: cannot be judged: the numbers are too coarse: "
        "short-last-batch-counted-as-full"
    )
    assert finding.message.endswith("A log with more digits would tell them apart.")


def test_unknown_rows_are_undecidable():
    truth = Recording([Series([1.0, 2.0, 9.0], epochs=[0, 0, 0])])
    finding = only(audit(truth, {"epoch_loss": [4.0]}))
    assert finding.message == (
        "epoch_loss (train loss): cannot be judged: the rows of the batches are unknown, "
        "so no weighted mean can be formed"
    )


def test_an_empty_log_and_a_split_without_truth_are_undecidable_never_a_pass():
    empty, other = audit(TINY, Series([])), audit(TINY, Series([1.0], split="test"))
    assert (only(empty).verdict, only(other).verdict) == ("undecidable", "undecidable")
    assert only(other).code == "LA401"
    assert (empty.status, other.status, audit(TINY, {}).status) == (2, 2, 2)


def test_an_accumulator_that_has_lost_a_batch_has_drifted():
    losses = np.full(20_000, np.float32(0.1))
    long = Recording(
        [Series(losses, weights=[32] * 20_000, epochs=[0] * 20_000, steps=range(20_000))]
    )
    drifted = float(replay_keras_mean(losses, np.full(20_000, 32.0)).mean[-1])
    report = audit(long, Series([drifted], covers="epoch"))
    assert report.verdicts[0].verdict == "wrong"
    finding = only(report)
    assert (finding.code, finding.cause) == ("LA302", "accumulator-drifted")
    assert "an accumulator in float32" in finding.message
    assert audit(long, Series([np.float32(0.1)], covers="epoch")).ok


def test_an_accumulator_that_has_rounded_has_not_drifted():
    random = np.random.default_rng(0)
    losses = np.float32(random.lognormal(-1, 0.5, 20_000))
    long = Recording(
        [Series(losses, weights=[32] * 20_000, epochs=[0] * 20_000, steps=range(20_000))]
    )
    replayed = replay_keras_mean(losses, np.full(20_000, 32.0)).mean
    assert audit(long, {"History": Series(replayed[-1:], covers="epoch")}).ok
    assert audit(long, {"shown": Series(replayed, covers="epoch_so_far")}).ok


def test_a_number_that_nothing_explains_has_its_place_also_in_a_log_with_steps():
    values = TRAIN.values.copy()
    values[33] *= 1.01
    for log in (
        Series(values),
        Series(values, steps=TRAIN.steps),
        Series(values[1::2], steps=TRAIN.steps[1::2]),
    ):
        finding = audit(RUN, log).findings[0]
        assert (finding.epoch, finding.step, finding.causes) == (3, 33, ())


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_finite_mean_of_losses_that_are_not_finite_is_wrong(bad):
    losses = [1.5, 2.25, bad, 3.1, 2.2, 1.9, 4.4, 1.1]
    truth = Recording([Series(losses, weights=[4] * 7 + [2], epochs=[0] * 4 + [1] * 4)])
    dropped = [np.mean([1.5, 2.25, 3.1]), np.average(losses[4:], weights=[4, 4, 4, 2])]
    finding = audit(truth, {"epoch_loss": dropped}).findings[0]
    assert (finding.code, finding.verdict, finding.epoch) == ("LA303", "wrong", 0)
    assert "not-finite-dropped" in finding.causes


def test_a_right_log_of_a_sum_that_overflows_in_one_order_is_right():
    truth = Recording([Series([1.0, -np.inf], weights=[4, 2], epochs=[0, 0])])
    assert audit(truth, Series([np.nan], covers="epoch")).findings == ()
