"""Right numbers that were scaled, transformed or rounded."""

from __future__ import annotations

import numpy as np
import pytest

from lossaudit.predictions.quantities import expected_of
from tests.predictions.truths import fits, of_mistake, truth
from tests.runs import run

RIGHT = expected_of(truth(recording=run()), "batch")


@pytest.mark.parametrize(
    ("name", "logged", "word"),
    [
        ("loss-scaled-by-accumulation", RIGHT.values / 8, "divided by 8"),
        ("loss-scaled-by-replicas", RIGHT.values * 2, "times 2"),
        ("loss-scaled-by-batch-size", RIGHT.values / 96, "divided by 96"),
        ("loss-scale-of-mixed-precision-kept", RIGHT.values * 2**15, "times 32768"),
    ],
)
def test_the_whole_number_on_which_all_numbers_agree_is_named(name, logged, word):
    (found,) = of_mistake(name, RIGHT, logged)
    assert found.details["scaled"] == word
    assert fits([found], logged)


def test_known_numbers_of_rows_and_replicas_are_the_only_ones():
    known = RIGHT.with_details(full="96", replicas="2")
    for name, factor in (("loss-scaled-by-batch-size", 96), ("loss-scaled-by-replicas", 2)):
        assert len(of_mistake(name, known, RIGHT.values * factor)) == 1
        assert of_mistake(name, known, RIGHT.values * (factor + 1)) == []


def test_one_number_and_absurd_ratios_tell_no_factor():
    one = np.full(len(RIGHT), np.nan)
    one[3] = RIGHT.values[3] * 8
    for logged in (one, RIGHT.values * 2.0**40, RIGHT.values, -RIGHT.values * 8):
        assert of_mistake("loss-scaled-by-accumulation", RIGHT, logged) == []


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("logarithm-logged", np.log),
        ("logarithm-logged", np.log10),
        ("logarithm-logged", np.log2),
        ("logarithm-logged", np.log1p),
        ("square-root-logged", np.sqrt),
        ("exponential-logged", np.exp),
        ("sign-reversed", np.negative),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_function_of_the_loss_is_recognised_within_its_bound(name, function, dtype):
    logged = function(RIGHT.values.astype(dtype)).astype(np.float64)
    assert fits(of_mistake(name, RIGHT), logged)
    assert not fits(of_mistake(name, RIGHT), logged * 1.001)


def test_a_loss_that_may_be_zero_has_no_logarithm():
    about = expected_of(truth(recording=run()), "batch").times(0.0)
    assert of_mistake("logarithm-logged", about) == of_mistake("square-root-logged", about) == []


@pytest.mark.parametrize(("decimals", "how"), [(3, "rounded"), (2, "cut")])
def test_printed_digits_are_counted_and_told_from_cut_ones(decimals, how):
    scale = 10**decimals
    logged = (np.round if how == "rounded" else np.trunc)(RIGHT.values * scale) / scale
    matching = [
        one
        for one in of_mistake("rounded-to-decimals", RIGHT, logged)
        if one.matches(logged).all()
    ]
    assert {(one.details["decimals"], one.details["rounded"]) for one in matching} == {
        (str(decimals), how)
    }


def test_only_numbers_of_a_narrow_type_were_rounded_to_it():
    logged = RIGHT.values.astype(np.float16).astype(np.float64)
    assert fits(of_mistake("rounded-to-float16", RIGHT, logged), logged)
    assert of_mistake("rounded-to-float16", RIGHT, RIGHT.values) == []
    assert of_mistake("rounded-to-bfloat16", RIGHT, logged) == []
