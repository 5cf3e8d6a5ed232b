"""Columns of numbers: copied, checked, and never changed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossaudit import Series
from lossaudit.recording.origins import Origin
from lossaudit.recording.series import epoch_ends, epoch_starts


def test_columns_are_copies_that_nobody_can_change():
    values = np.array([1.0, 2.0])
    series = Series(values)
    values[0] = 9
    assert series.values.tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="read-only"):
        series.values[0] = 9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weights": [1]}, "weights has 1 entries, but there are 2 values"),
        (
            {"weights": [1, -3]},
            r"weights\[1\]=-3.0 must be finite and not negative \(tag='loss', split='train'\)",
        ),
        ({"weights": [1, np.nan]}, r"weights\[1\]=nan must be finite"),
        ({"epochs": [0.5, 1]}, "epochs must be whole numbers"),
        ({"split": "valid"}, "split='valid' must be one of 'train', 'validation'"),
        ({"covers": "run"}, "covers='run' must be one of 'batch', 'epoch_so_far', 'epoch'"),
        ({"dtype": "int8"}, "dtype='int8' must be one of"),
        ({"decimals": -1}, "decimals=-1 must not be negative"),
    ],
)
def test_a_bad_argument_is_refused_by_name_and_value(arguments, message):
    with pytest.raises(ValueError, match=message):
        Series([1.0, 2.0], **arguments)


@pytest.mark.parametrize("values", [["a"], [[1.0]], [None], 3.0])
def test_values_that_are_not_a_column_of_numbers_are_refused(values):
    with pytest.raises(ValueError, match="values must"):
        Series(values)


def test_half_precision_types_are_kept_exactly():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    half = np.array([0.1, 3.0], dtype=ml_dtypes.bfloat16)
    assert Series(half, dtype="bfloat16").values.tolist() == half.astype(np.float64).tolist()


def test_take_picks_the_same_rows_of_every_column():
    series = Series(
        [1.0, 2.0, 9.0], weights=[4, 4, 2], epochs=[0, 0, 1], steps=[5, 6, 7], tag="kl"
    ).take([2, 0])
    assert (series.values.tolist(), series.weights.tolist()) == ([9.0, 1.0], [2.0, 4.0])
    assert (series.epochs.tolist(), series.steps.tolist(), series.tag) == ([1, 0], [7, 5], "kl")


def test_a_column_that_one_part_lacks_is_unknown_in_the_whole():
    parts = [Series([1.0], weights=[4], steps=[0], tag="kl"), Series([2.0, 3.0], steps=[1, 2])]
    whole = Series.joined(parts)
    assert (whole.values.tolist(), whole.steps.tolist()) == ([1.0, 2.0, 3.0], [0, 1, 2])
    assert (whole.weights, whole.epochs, whole.tag) == (None, None, "kl")
    assert Series.joined(parts[:1]) is parts[0]


def test_another_origin_shares_the_columns():
    series = Series([1.0], weights=[4])
    moved = series.with_origin(Origin("loss", file="train.csv"))
    assert moved.values is series.values
    assert (moved.title, moved.file) == ("train.csv: loss (train loss)", "train.csv")
    assert (series.title, series.file) == ("train loss", "")


def test_the_axis_is_the_epochs_of_epochs_and_the_steps_of_all_else():
    columns = {"epochs": [7], "steps": [9]}
    axes = {covers: Series([1.0], covers=covers, **columns).axis for covers in ("batch", "epoch")}
    assert (axes["batch"].tolist(), axes["epoch"].tolist()) == ([9], [7])
    assert Series([1.0], covers="epoch", steps=[9]).axis.tolist() == [9]
    assert Series([1.0], epochs=[7]).axis is None


@given(epochs=st.lists(st.integers(0, 3), max_size=20))
def test_an_epoch_ends_just_before_the_next_one_starts(epochs):
    column = np.array(epochs, np.int64)
    starts, ends = epoch_starts(column), epoch_ends(column)
    assert starts[1:].tolist() == ends[:-1].tolist()
    assert not epochs or (starts[0] and ends[-1])
