"""The axis that columns of one file share, and findings about it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lossaudit import Recording, Series
from lossaudit.auditing.alone.axis import distances, place_of, shared_axes
from tests.auditing.alone.planted import appended, found, made, verdicts, wrong


def test_columns_of_one_file_are_one_finding_and_each_of_them_is_wrong():
    train = appended(made(1).by_epoch(epochs=range(4)), made(2).by_epoch(epochs=range(4)))
    other = appended(made(3).by_epoch(epochs=range(4)), made(4).by_epoch(epochs=range(4)))
    validation = Series(
        other.values,
        covers="epoch",
        split="validation",
        epochs=other.epochs,
        origin="log: val_loss",
    )
    assert found(train, validation) == wrong("LA505", "two-runs-in-one-log")
    assert verdicts(train, validation) == [("wrong", None)] * 2


def column(tag, origin, **columns):
    return Series([0.5, 0.4, 0.3], tag=tag, covers="epoch", origin=origin, **columns)


def test_columns_of_one_file_share_an_axis_and_those_of_no_file_share_none():
    numbers = {"epochs": range(3)}
    one, other = column("loss", "a.csv: loss", **numbers), column("mae", "a.csv: mae", **numbers)
    (shared,) = shared_axes(Recording([one, other]))
    assert (shared.origin, shared.unit, len(shared.series)) == ("a.csv", "epoch", 2)
    assert shared.name == f"a.csv ({one.name}, {other.name})"
    apart = [column("loss", None, **numbers), column("mae", None, **numbers)]
    assert [len(each.series) for each in shared_axes(Recording(apart))] == [1, 1]


def test_columns_with_other_numbers_or_none_are_apart():
    series = [
        column("loss", "a.csv: loss", epochs=range(3)),
        column("mae", "a.csv: mae", epochs=range(1, 4)),
        column("mse", "a.csv: mse"),
    ]
    found = shared_axes(Recording(series))
    assert [one.axis.tolist() for one in found] == [[0, 1, 2], [1, 2, 3]]
    assert [one.origin for one in found] == ["a.csv: loss", "a.csv: mae"]


@given(st.lists(st.integers(-5, 5), min_size=0, max_size=9))
def test_distances_are_the_different_ones_in_ascending_order(axis):
    assert distances(np.array(axis, int)).tolist() == sorted(
        set(np.diff(axis).astype(int).tolist())
    )


def test_a_place_is_an_epoch_or_a_step_and_nothing_where_it_is_unknown():
    assert place_of(column("loss", None, epochs=[3, 4, 9]), 2) == {"epoch": 9}
    assert place_of(Series([1.0, 2.0], steps=[7, 8]), 0) == {"step": 7}
    assert place_of(Series([1.0, 2.0]), 0) == {}
