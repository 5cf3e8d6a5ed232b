"""What no mistake explains is given no name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossaudit import Recording, Series, audit
from tests.auditing.six_epochs import RUN, TRAIN, epoch_means
from tests.runs import run, runs


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


def test_epochs_moved_by_one_place_are_no_losses_after_the_update():
    means = epoch_means(TRAIN)
    report = audit(RUN, Series([*means[1:], means[-1] * 0.9], covers="epoch"))
    assert report.findings[0].causes == ()


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
