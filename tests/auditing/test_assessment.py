"""The verdict on a claim: exact, consistent, wrong, or undecidable."""

from __future__ import annotations

import numpy as np

from lossaudit import Recording, Series, audit
from lossaudit.auditing.assessment import Assessment
from lossaudit.predictions.truth import truth_about
from tests.auditing.checks.tiny import TINY, only


def test_one_unit_in_the_last_place_is_a_near_miss_and_two_bounds_are_wrong():
    right = float(np.average(TINY.find(split="train").values[:3], weights=[4, 4, 2]))
    bound = only(audit(TINY, {"loss": [4.0, 1.1]})).bound
    near = audit(TINY, {"loss": [float(np.nextafter(np.float32(right), np.float32(9))), 1.1]})
    far = audit(TINY, {"loss": [right + 2 * bound, 1.1]})
    assert (near.verdicts[0].verdict, far.verdicts[0].verdict) == ("consistent", "wrong")


def test_keras_own_float32_mean_is_exact():
    losses, rows = np.float32([0.1, 0.7, 0.3]), np.float32([4, 4, 2])
    total = np.add.accumulate(losses * rows, dtype=np.float32)
    logged = total / np.add.accumulate(rows, dtype=np.float32)
    truth = Recording([Series(losses, weights=rows, epochs=[0, 0, 0])])
    report = audit(truth, {"running_loss": logged, "epoch_loss": logged[-1:]})
    assert [one.verdict for one in report.verdicts] == ["exact", "exact"]


def test_a_rounded_log_that_can_only_be_right_is_consistent():
    report = audit(TINY, Series([3.0, 1.1], covers="epoch", decimals=2))
    assert report.verdicts[0].verdict == "consistent"


def test_a_bound_as_large_as_the_number_proves_nothing():
    losses = Series([2.0] * 1000, weights=[32] * 1000, epochs=[0] * 1000)
    for dtype in ("float16", "bfloat16"):
        report = audit(Recording([losses]), Series([-1.0], covers="epoch", dtype=dtype))
        assert report.verdicts[0].verdict == "undecidable", report


def assessed(log, truth=TINY):
    return Assessment(log, log.covers, truth_about(truth, "loss", "train", "float32"))


def test_the_grade_is_that_of_the_worst_number_under_the_best_explanation():
    claim = assessed(
        Series([4.0, np.nextafter(np.float32(17 / 12), np.float32(9))], covers="epoch")
    )
    assert claim.best.names == ("short-last-batch-counted-as-full",)
    assert (claim.grade, claim.verdict, claim.right) == ("consistent", "wrong", False)
    nothing = assessed(Series([40.0, 1.1], covers="epoch"))
    assert (nothing.best, nothing.grade, nothing.verdict) == (None, "wrong", "wrong")


def test_a_number_that_is_absent_is_wrong_although_all_others_are_right():
    claim = assessed(Series([3.0, np.nan], covers="epoch"))
    assert (claim.right, claim.verdict) == (True, "wrong")


def test_where_nothing_is_expected_or_logged_nothing_is_decided():
    unknown = Recording([Series([1.0, 2.0], epochs=[0, 0])])
    assert assessed(Series([1.5], covers="epoch"), unknown).verdict == "undecidable"
    assert assessed(Series([], covers="epoch")).verdict == "undecidable"


def test_no_single_batch_loss_has_drifted():
    assert assessed(TINY.find(split="train")).drift is None
