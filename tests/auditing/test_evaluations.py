"""Numbers against iterations are split into validation by epoch and calls of `evaluate`."""

from __future__ import annotations

import pytest

from lossaudit import Recording, Series
from lossaudit.auditing.claims import Claim
from lossaudit.auditing.evaluations import evaluations_of
from lossaudit.recording.origins import Origin

TRUTH = Recording(
    [
        Series(range(6), weights=[4, 4, 2] * 2, epochs=[0, 0, 0, 1, 1, 1], steps=range(6)),
        Series([1.0, 2.0], split="validation", weights=[2, 2], epochs=[0, 1], steps=[0, 1]),
    ]
)
NAME = "events: evaluation_loss_vs_iterations"


def claim(values, steps, name=NAME):
    about = {"split": "validation", "covers": "epoch", "origin": Origin.parse(name)}
    return Claim(Series(values, steps=steps, **about), "epoch")


def split_up(one, truth=TRUTH):
    return [
        (str(part.series.split), part.series.values.tolist(), _epochs(part.series))
        for part in evaluations_of(one, truth)
    ]


def _epochs(series):
    return None if series.epochs is None else series.epochs.tolist()


def test_the_first_number_at_the_end_of_a_validated_epoch_is_its_validation():
    found = split_up(claim([0.5, 0.4], [3, 6]))
    assert found == [("validation", [0.5, 0.4], [0, 1])]


def test_a_second_number_at_the_same_iteration_is_one_of_evaluate():
    parts = evaluations_of(claim([0.5, 0.4, 0.3], [3, 6, 6]), TRUTH)
    assert [(one.series.split, one.series.values.tolist()) for one in parts] == [
        ("validation", [0.5, 0.4]),
        ("test", [0.3]),
    ]
    assert str(parts[1].series.origin) == f"{NAME} (evaluate)"


def test_iterations_of_an_optimizer_that_went_on_after_an_earlier_fit_are_found():
    assert split_up(claim([0.5, 0.4], [103, 106])) == [("validation", [0.5, 0.4], [0, 1])]


@pytest.mark.parametrize(
    ("steps", "name"),
    [([3, 5], NAME), ([3, 6], "events: epoch_loss"), ([3, 6], "validation: loss")],
    ids=["no epoch ended there", "another name", "not against iterations"],
)
def test_any_other_claim_is_returned_as_it_is(steps, name):
    one = claim([0.5, 0.4], steps, name)
    assert evaluations_of(one, TRUTH) == [one]


def test_without_validation_every_number_is_one_of_evaluate():
    truth = Recording(TRUTH.select(split="train"))
    assert [split for split, *_ in split_up(claim([0.5, 0.4], [3, 6]), truth)] == ["test"]
