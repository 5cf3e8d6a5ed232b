"""What no mistake explains is given no name, what is right no finding, and what is wrong its
place.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossaudit import Recording, Series, audit
from tests.runs import run, runs

TRAIN = run(epochs=6).find(split="train")
RUN = Recording([TRAIN])


def epoch_means(series: Series) -> np.ndarray:
    assert series.epochs is not None
    groups = [series.epochs == epoch for epoch in np.unique(series.epochs)]
    return np.array(
        [np.average(series.values[one], weights=series.weights[one]) for one in groups]
    )


@given(
    recording=runs(),
    seed=st.integers(0, 2**32 - 1),
    covers=st.sampled_from(["batch", "epoch_so_far", "epoch"]),
)
def test_random_numbers_are_given_no_name(recording, seed, covers):
    random = np.random.default_rng(seed)
    train = recording.find(split="train")
    right = epoch_means(train) if covers == "epoch" else train.values
    garbage = right * random.uniform(0.5, 1.5, len(right))
    for finding in audit(recording, Series(garbage, covers=covers)).findings:
        assert finding.causes == (), finding


@given(
    seed=st.integers(0, 2**32 - 1),
    decimals=st.integers(1, 4),
    covers=st.sampled_from(["batch", "epoch"]),
)
def test_random_numbers_of_few_digits_are_given_no_name(seed, decimals, covers):
    random = np.random.default_rng(seed)
    right = epoch_means(TRAIN) if covers == "epoch" else TRAIN.values
    garbage = np.round(right * random.uniform(0.5, 1.5, len(right)), decimals)
    for finding in audit(RUN, Series(garbage, covers=covers, decimals=decimals)).findings:
        assert finding.causes == (), finding


def test_one_wrong_number_of_an_epoch_with_few_digits_is_not_named():
    one = run(seed=3, epochs=1, validation_rows=0)
    wrong = [
        audit(
            one,
            Series(
                [round(float(epoch_means(one.find())[0]) * factor, 2)], covers="epoch", decimals=2
            ),
        )
        for factor in np.linspace(0.94, 1.06, 25)
    ]
    assert not any(
        finding.causes
        for report in wrong
        for finding in report.findings
        if finding.verdict == "wrong"
    )


def test_a_smooth_curve_beside_the_running_mean_is_no_exponential_average():
    losses = TRAIN.values[:11]
    running = np.cumsum(losses) / np.arange(1, 12)
    log = np.append(running[:2], running[2:] * 1.05)
    first = Recording([TRAIN.take(slice(11))])
    assert audit(first, Series(log)).findings[0].causes == ()


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


def test_epochs_moved_by_one_place_are_no_losses_after_the_update():
    means = epoch_means(TRAIN)
    report = audit(RUN, Series([*means[1:], means[-1] * 0.9], covers="epoch"))
    assert report.findings[0].causes == ()


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


def test_missing_and_shifted_numbers_have_a_place():
    gone = np.delete(TRAIN.values, 17)
    finding = audit(RUN, Series(gone)).findings[0]
    assert (finding.cause, finding.epoch, finding.step) == ("batches-missing", 1, 17)
    late = audit(RUN, Series(TRAIN.values, steps=np.arange(1, len(TRAIN) + 1))).findings[0]
    assert (late.cause, late.epoch, late.step) == ("steps-shifted", 0, 0)


def test_a_bound_as_large_as_the_number_proves_nothing():
    losses = Series([2.0] * 1000, weights=[32] * 1000, epochs=[0] * 1000)
    for dtype in ("float16", "bfloat16"):
        report = audit(Recording([losses]), Series([-1.0], covers="epoch", dtype=dtype))
        assert report.verdicts[0].verdict == "undecidable", report


def test_a_decay_of_a_whole_span_is_recognised():
    decay, average, log = 1 - 2 / (7 + 1), float(TRAIN.values[0]), []
    for loss in TRAIN.values.tolist():
        average = decay * average + (1 - decay) * loss
        log.append(average)
    assert audit(RUN, Series(log)).findings[0].causes == ("exponential-average-read-as-loss",)


@pytest.mark.parametrize(
    "losses",
    [
        [3.602448, 3.8826313, 4.5923376, 5.570501, 3.6333518, 5.1804791, np.nan, 4.1],
        [2.7798657, 2.3617787, 3.1415296, 3.385689, 2.7335579, 2.3243285, np.inf, 2.5567267],
        [5.203546, 2.9077606, 4.2560444, 1.9659861, np.nan, 2.0295086, 3.2, 3.3],
    ],
)
def test_a_coarse_mean_is_not_taken_for_an_average_that_hardly_forgets(losses):
    losses = np.array(losses, np.float32)
    truth = Recording([Series(losses, weights=[32] * len(losses), epochs=[0] * len(losses))])
    means = np.cumsum(losses) / np.arange(1, len(losses) + 1)
    named = audit(truth, Series(means.astype(np.float16).astype(float))).findings[0].causes
    assert named != ("exponential-average-read-as-loss",)


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
