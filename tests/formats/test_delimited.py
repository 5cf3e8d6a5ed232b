"""Delimited text: layouts, headers, and lines that do not fit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import lossaudit
from lossaudit.formats import delimited
from lossaudit.formats.delimited import Layout, layout_of
from tests.formats.notes import notes


def test_numbers_without_a_header_are_a_table_too(tmp_path):
    np.savetxt(tmp_path / "losses.txt", [1.5, 0.5])
    assert lossaudit.read(tmp_path / "losses.txt", loss="0").find(tag="loss").values.tolist() == [
        1.5,
        0.5,
    ]
    np.savetxt(tmp_path / "losses.txt", [[0, 1.5], [1, 0.5]], header="step loss")
    assert lossaudit.read(tmp_path / "losses.txt").find(tag="loss").values.tolist() == [1.5, 0.5]


def test_a_repeated_header_is_skipped_with_a_note(tmp_path):
    frame = pd.DataFrame({"step": [0, 1], "loss": [2.0, 1.0]})
    for _ in range(2):
        frame.to_csv(tmp_path / "log.csv", mode="a", index=False)
    recording = lossaudit.read(tmp_path / "log.csv")
    assert recording.find().values.tolist() == [2, 1, 2, 1]
    assert "the header is repeated (1×): several programs wrote to the file in turn" in notes(
        recording
    )


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|", " "])
def test_the_delimiter_is_told_by_the_first_lines(written, delimiter):
    path = written(f"step{delimiter}loss\n0{delimiter}1.5\n")
    assert layout_of(path) == Layout(delimiter, ["step", "loss"], True)


def test_a_byte_order_mark_quotes_and_empty_lines_do_not_matter(written):
    path = written('\ufeff"step","loss, total"\n\n"0","1.5"\n')
    columns = delimited.read(path, None, [])
    assert {name: one.numbers.tolist() for name, one in columns.items()} == {
        "step": [0.0],
        "loss, total": [1.5],
    }


def test_a_text_without_text_is_refused(written):
    with pytest.raises(lossaudit.LogFileError, match="has no line with text"):
        layout_of(written("\n \n"))


def test_words_are_read_in_chunks_as_at_once(written, monkeypatch):
    path = written("step,host\n" + "".join(f"{step},a{step}\n" for step in range(10)))
    whole = delimited.read(path, None, [])
    for size in (1, 3, 10, 11):
        monkeypatch.setattr(delimited, "_CHUNK", size)
        columns = delimited.read(path, None, [])
        assert columns["step"].numbers.tolist() == whole["step"].numbers.tolist()
        assert columns["host"].words == whole["host"].words


def test_a_last_line_with_too_many_cells_is_damage_and_no_cut_off(written):
    message = "line 3 has 3 cells instead of 2: '1,2,3'; the 1 rows before it are good"
    with pytest.raises(lossaudit.LogFileError, match=message):
        delimited.read(written("step,loss\n0,1\n1,2,3"), None, [])
