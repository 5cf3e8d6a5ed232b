"""Where numbers come from, as a string that keeps its parts."""

from __future__ import annotations

import copy
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossaudit.recording.origins import Origin

PLAIN = st.text(st.characters(codec="utf-8", exclude_characters=":\n"), min_size=1)


@given(name=PLAIN, file=PLAIN | st.just(""), line=st.none() | st.integers(1, 10**6))
def test_the_parts_of_an_origin_can_be_read_from_its_string(name, file, line):
    line = line if file else None
    parsed = Origin.parse(str(Origin(name, file=file, line=line)))
    assert (parsed.name, parsed.file, parsed.line) == (name, file, line)


def test_an_origin_is_a_string_to_everybody_else():
    origin = Origin("loss", file="train.csv")
    assert origin == "train.csv: loss"
    assert {origin: 1}["train.csv: loss"] == 1
    assert json.dumps([origin]) == '["train.csv: loss"]'


@pytest.mark.parametrize("copied", [lambda one: pickle.loads(pickle.dumps(one)), copy.deepcopy])
def test_a_copy_has_the_same_parts_also_if_its_name_looks_like_a_file(copied):
    origin = Origin("note: loss", file="train.py", line=7)
    found = copied(origin)
    assert found == origin
    assert (found.name, found.file, found.line) == ("note: loss", "train.py", 7)


def test_what_is_an_origin_already_is_not_parsed_again():
    origin = Origin("note: loss")
    assert Origin.parse(origin) is origin
    assert Origin.parse("note: loss").file == "note"


def test_a_drive_is_no_line():
    origin = Origin.parse(r"C:\logs\train.csv: loss")
    assert (origin.file, origin.line) == (r"C:\logs\train.csv", None)


def test_another_name_leaves_the_place():
    assert Origin("a", file="train.py", line=7).renamed("b") == "train.py:7: b"
