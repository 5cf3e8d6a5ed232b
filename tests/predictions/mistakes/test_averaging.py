"""Averages of an epoch that are none, by a truth that can be checked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from lossaudit import Recording, Series
from lossaudit.arithmetic.replay import replay_keras_mean
from tests.predictions.truths import fits, of_mistake, truth


@pytest.mark.parametrize(
    ("name", "logged"),
    [
        ("running-mean-read-as-batch-loss", [1, 1.5, 3, 3, 4, 5.2]),
        ("unweighted-running-mean-read-as-batch-loss", [1, 1.5, 4, 3, 4, 6]),
        ("batch-loss-read-as-running-mean", [1, 2, 9, 3, 5, 10]),
        ("short-last-batch-counted-as-full", [4, 6]),
        ("last-batch-shown-as-epoch", [9, 10]),
        ("first-batch-shown-as-epoch", [1, 3]),
        ("largest-batch-shown-as-epoch", [9, 10]),
        ("smallest-batch-shown-as-epoch", [1, 3]),
        ("median-shown-as-epoch", [2, 5]),
        ("running-means-averaged", [5.5 / 3, 12.2 / 3]),
        ("state-not-reset", [3, 4.1]),
        ("validation-mixed-into-train", [3, 60 / 14]),
    ],
)
def test_a_mistake_predicts_what_a_program_with_it_logs(name, logged):
    assert fits(of_mistake(name, truth(), logged), logged)
    assert not fits(of_mistake(name, truth(), logged), np.array(logged) * 1.01)


def test_each_split_can_be_mixed_only_into_the_other():
    assert fits(of_mistake("train-mixed-into-validation", truth("validation")), [3, 60 / 14])
    assert of_mistake("train-mixed-into-validation", truth()) == []
    assert of_mistake("validation-mixed-into-train", truth("validation")) == []


def test_one_epoch_cannot_show_that_nothing_was_reset():
    one = Recording([Series([1, 2, 9], weights=[4, 4, 2], epochs=[0, 0, 0])])
    assert of_mistake("state-not-reset", truth(recording=one)) == []


def test_the_batch_at_which_a_mean_was_reset_is_told_by_the_log():
    logged = [1, 1.5, 9, 3, 4, 10]
    found = [
        one
        for one in of_mistake("state-reset-within-epoch", truth(), logged)
        if one.matches(np.array(logged, float)).all()
    ]
    assert {one.details["reset"] for one in found} == {"2"}
    # The means of the epochs since then, by rows: (2·4 + 9·2)/6 and (5·4 + 10·2)/6.
    assert fits(
        of_mistake("state-reset-within-epoch", truth(), [26 / 6, 40 / 6]), [26 / 6, 40 / 6]
    )
    assert of_mistake("state-reset-within-epoch", truth(), [26 / 6, np.nan]) == []


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_sum_in_a_narrow_type_is_recognised_by_its_bits_alone(dtype):
    losses = np.float32(np.random.default_rng(0).lognormal(size=100)).astype(np.float64)
    about = truth(recording=Recording([Series(losses, weights=np.full(100, 32))]))
    logged = replay_keras_mean(losses, np.full(100, 32.0), dtype=dtype).mean
    assert fits(of_mistake(f"accumulated-in-{dtype}", about, logged), logged)
    logged[-1] = np.nextafter(np.float32(logged[-1]), 0)
    assert of_mistake(f"accumulated-in-{dtype}", about, logged) == []


def test_what_loses_nothing_in_a_narrow_type_is_no_mistake():
    whole = Recording([Series([1, 2, 9], weights=[4, 4, 2], epochs=[0, 0, 0])])
    for dtype in ("float16", "bfloat16"):
        assert of_mistake(f"accumulated-in-{dtype}", truth(recording=whole), [1, 1.5, 3]) == []
