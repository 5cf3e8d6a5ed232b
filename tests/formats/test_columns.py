"""Cells of a table, before a column gets a role: numbers, gaps and words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lossaudit import LogFileError
from lossaudit.formats.columns import (
    Column,
    column_of,
    from_frame,
    from_rows,
    joined,
    numeric,
    stacked,
)


@pytest.mark.parametrize("cell", ["", " NA ", "n/a", "null", "None", None])
def test_nothing_is_a_gap_and_a_logged_nan_is_a_number(cell):
    column = column_of(["0.5", cell, "nan"])
    assert np.array_equal(column.numbers, [0.5, np.nan, np.nan], equal_nan=True)
    assert column.gaps.tolist() == [False, True, False]


def test_one_word_makes_a_column_of_text_which_has_no_numbers():
    column = column_of([1.5, None, "warm-up"])
    assert (column.values, column.words) == (None, ["1.5", "", "warm-up"])
    with pytest.raises(TypeError, match="has text, not numbers"):
        _ = column.numbers


def test_columns_in_a_row_keep_their_gaps_and_one_of_text_makes_text_of_all():
    numbers = joined([column_of(["1", ""]), column_of(["3"])])
    assert numbers.gaps.tolist() == [False, True, False]
    assert joined([column_of(["1"]), column_of(["a"])]).words == ["1.0", "a"]
    assert joined([Column(np.array([1.0])), Column(np.array([2.0]))]).empty is None


def test_a_key_that_a_row_or_a_table_lacks_is_a_gap_there():
    table = from_rows([{"a": 1}, {"b": 2}])
    assert {name: one.gaps.tolist() for name, one in table.items()} == {
        "a": [False, True],
        "b": [True, False],
    }
    whole = stacked([from_rows([{"a": 1}]), from_rows([{"b": 2}, {"b": 3}])], [1, 2])
    assert whole["a"].gaps.tolist() == [False, True, True]
    assert np.array_equal(whole["b"].numbers, [np.nan, 2.0, 3.0], equal_nan=True)


def test_what_pandas_calls_missing_is_a_gap():
    frame = pd.DataFrame({"loss": [1.0, np.nan], "step": [0, 1], 7: ["a", "b"]})
    table = from_frame(frame)
    assert table["loss"].gaps.tolist() == [False, True]
    assert table["step"].empty is None
    assert table["7"].words == ["a", "b"]


def test_text_is_left_out_with_its_first_word_unless_it_is_needed():
    table = {"host": column_of(["1", "a", "b"]), "loss": column_of(["1", "2", "3"])}
    notes = []
    assert numeric(table, "log", set(), notes).keys() == {"loss"}
    assert notes == ["host: left out, as row 2 is 'a', not a number"]
    with pytest.raises(LogFileError, match="row 2 of the column 'host' of log is 'a', not"):
        numeric(table, "log", {"host"}, [])
