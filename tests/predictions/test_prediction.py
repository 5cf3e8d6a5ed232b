"""Predictions and logs: four grades, and what taking and scaling do to the bounds."""

from __future__ import annotations

import numpy as np

from lossaudit.predictions.prediction import Prediction, of_truth_and_log


def prediction(values=(1.0, 2.0), bounds=0.5, probable=0.25, errors=0.0, replays=(), **more):
    column = np.array(values, np.float64)
    return Prediction(
        "loss",
        "batch",
        column,
        np.full(len(column), bounds),
        lambda: np.full(len(column), probable),
        np.full(len(column), errors),
        tuple(lambda one=one: np.array(one, np.float64) for one in replays),
        np.zeros(len(column), np.int64),
        np.arange(len(column)),
        **more,
    )


def test_a_number_is_exact_consistent_suspect_or_wrong():
    predicted = prediction([1.0] * 5, replays=[[1.125] * 5])
    assert predicted.grade(np.array([1.0, 1.125, 1.25, 1.5, 1.75])).tolist() == [0, 0, 1, 2, 3]


def test_equal_bits_of_a_rounded_number_prove_nothing_and_its_bound_is_wider():
    predicted = prediction([1.0] * 4, bounds=0.0, probable=0.0)
    assert predicted.grade(np.array([1.0, 1.004, 1.006, 1.0]), 2).tolist() == [1, 1, 3, 1]


def test_what_is_not_finite_matches_all_that_is_not_finite_and_keras_zero_for_nothing():
    predicted = prediction([np.nan, np.nan, np.inf, np.nan, 1.0], replays=[[0.0, 9, 9, 9, 9]])
    observed = np.array([0.0, np.nan, -np.inf, 1.0, np.nan])
    assert predicted.matches(observed).tolist() == [True, True, True, False, False]
    assert predicted.grade(observed).tolist() == [0, 0, 1, 3, 3]


def test_replays_and_the_probable_bound_are_computed_only_if_they_decide():
    def never():
        raise AssertionError("computed")

    far = prediction()
    far = Prediction(**{**vars(far), "probable": never, "replays": (never,)})
    assert far.grade(np.array([5.0, 5.0])).tolist() == [3, 3]
    assert far.grade(np.array([1.0, 2.0])).tolist() == [0, 0]
    assert far.take(np.array([0])).times(2.0).values.tolist() == [2.0]


def test_what_is_taken_has_the_same_grades_and_all_is_the_same_prediction():
    predicted = prediction([1.0, 2.0, 3.0], replays=[[1.1, 2.1, 3.1]])
    observed = np.array([1.1, 2.2, 3.4])
    rows = np.array([2, 0])
    assert predicted.take(rows).grade(observed[rows]).tolist() == [2, 0]
    assert predicted.take(np.arange(3)) is predicted
    assert predicted.take(np.array([True] * 3)) is predicted
    assert predicted.per_epoch(rows).per == "epoch"


def test_a_multiple_has_the_bounds_times_the_factor_and_one_rounding_more():
    scaled = prediction().times(np.array([2.0, -4.0]))
    assert scaled.values.tolist() == [2.0, -8.0]
    assert np.all((scaled.bounds > [1.0, 2.0]) & (scaled.bounds < [1.01, 2.01]))
    assert scaled.replays == ()
    assert scaled.matches(np.array([3.0, -10.0])).all()


def test_predictions_differ_where_the_exact_numbers_do():
    one, other = (
        prediction([1.0, 2.0, np.nan], errors=0.1),
        prediction([1.15, 2.3, 1.0], errors=0.1),
    )
    assert one.differs_from(other).tolist() == [False, True, True]
    assert not one.differs_from(one).any()


def test_a_function_of_the_truth_takes_a_log_as_well():
    logged = np.array([1.0])
    assert list(of_truth_and_log(lambda truth: iter([truth]))("truth", logged)) == ["truth"]
    both = of_truth_and_log(lambda truth, logged: iter([truth, logged]))
    assert list(both("truth", logged)) == ["truth", logged]


def test_details_are_added_to_those_that_are_there():
    assert prediction(details={"a": "1"}).with_details(b="2").details == {"a": "1", "b": "2"}
