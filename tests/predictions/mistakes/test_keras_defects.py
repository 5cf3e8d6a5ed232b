"""What Keras itself gets wrong, by truths that can be checked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from lossaudit import Recording, Series
from lossaudit.predictions.mistakes import of_stage
from tests.predictions.truths import TINY, fits, of_mistake, tiny_with, truth

ALWAYS = {"batches-counted-alike"}


def test_a_recording_that_says_nothing_special_has_no_defect_but_in_versions_that_count_alike():
    found = {one.name for one in of_stage("keras") if of_mistake(one.name, truth())}
    assert found == ALWAYS
    assert fits(of_mistake("batches-counted-alike", truth()), [4, 6])
    assert fits(of_mistake("batches-counted-alike", truth()), [1, 1.5, 4, 3, 4, 6])


def test_a_step_that_no_mean_averaged_shows_its_last_loss_or_zero():
    about = truth(bypassed=["train"])
    assert fits(of_mistake("last-step-shown-as-epoch", about), [9, 10])
    assert fits(of_mistake("untouched-tracker-shown-as-epoch", about), [0, 0])
    assert of_mistake("last-step-shown-as-epoch", truth("validation", bypassed=["train"])) == []


def test_the_last_execution_counts_a_batch_that_is_not_there():
    assert of_mistake("phantom-batch-counted", truth(steps_per_execution=3)) == []
    found = of_mistake("phantom-batch-counted", truth(steps_per_execution=2))
    assert fits(found, [30 / 14, 52 / 14])
    assert fits(found, [12 / 4, 18 / 4])


def test_a_metric_called_loss_replaces_the_total():
    about = truth(recording=tiny_with(**{"metric/loss": [1, 1, 1, 2, 2, 7]}))
    assert fits(of_mistake("total-replaced-by-metric", about), [1, 3])


def test_an_evaluation_leaves_its_numbers_in_the_mean_of_the_epoch():
    tested = Recording(
        [*TINY.series, Series([4.0, 8.0], split="test", weights=[2, 2], epochs=[0, 0])]
    )
    about = truth(recording=tested, evaluated=[(1, 0)])
    # Before step 1 the mean was reset and got 4 and 8 with two rows each.
    found = of_mistake("mean-overwritten-by-evaluate", about)
    assert fits(found, [50 / 10, 5.2])
    assert fits(found, [1, 32 / 8, 50 / 10, 3, 4, 5.2])


PARTS = {"loss/replica_0": [1, 2, 8, 3, 5, 8], "loss/replica_1": [1, 2, 10, 3, 5, 12]}


@pytest.mark.parametrize(
    ("name", "logged"),
    [
        ("first-replica-shown-as-epoch", [28 / 10, 48 / 10]),
        ("replicas-summed-in-batch-logs", [2, 3, 6, 6, 8, 10.4]),
        ("replicas-counted-alike-in-batch-logs", [1, 1.5, 3, 3, 4, 5.2]),
        ("older-batches-multiplied-by-replicas", [1, 16 / 12, 50 / 26, 3, 44 / 12, 108 / 26]),
    ],
)
def test_replicas_are_put_together_as_versions_of_keras_did(name, logged):
    about = truth(recording=tiny_with(**PARTS), replicas=2)
    assert fits(of_mistake(name, about), logged)


def test_a_loss_without_reduction_is_multiplied_by_the_replicas():
    about = truth(recording=tiny_with(**PARTS), replicas=2, reduction="none")
    assert fits(of_mistake("unreduced-loss-multiplied-by-replicas", about), [6, 10.4])
    assert of_mistake("unreduced-loss-multiplied-by-replicas", truth(replicas=2)) == []


def test_sums_over_older_batches_overflow_to_nan_after_some_hundred_batches():
    long = Recording([Series(np.ones(600), weights=np.full(600, 32))])
    found = of_mistake("older-batches-multiplied-by-replicas", truth(recording=long, replicas=2))
    assert found[0].values[0] == 1.0
    assert np.isnan(found[0].values[-1])
    assert all(len(one) in (600, 1) for one in found)
