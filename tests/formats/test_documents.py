"""JSON, one document or one object on each line: what is whole, cut off or damaged."""

from __future__ import annotations

import json

import pytest

import lossaudit
from lossaudit.formats import documents
from lossaudit.formats.documents import document, lists_of
from tests.formats.notes import notes


def test_json_lines_cut_off_at_any_byte_of_the_last_give_all_lines_before_it(written):
    text = "".join(json.dumps({"step": step, "loss": step / 4}) + "\n" for step in range(3))
    last = text[:-1].rfind("\n") + 1
    for end in range(last + 1, len(text) - 1):
        recording = lossaudit.read(written(text[:end]))
        assert recording.find().values.tolist() == [0, 0.25]
        assert "the last line is cut off and left out" in notes(recording)


def test_damage_inside_json_lines_is_an_error_with_the_number_of_good_lines(written):
    text = '{"step": 0, "loss": 1}\n{"step": 1, "lo\n{"step": 2, "loss": 1}\n'
    with pytest.raises(
        lossaudit.LogFileError,
        match=r"line 2 is not a JSON object: .*; the 1 lines before it are good",
    ):
        lossaudit.read(written(text))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"loss": [1]}', {"loss": [1]}),
        ('{\n"loss": 1\n}', {"loss": 1}),
        ('[{"loss": 1}]\n', [{"loss": 1}]),
        ('{"loss": 1}\n', None),
        ('{"loss": [1]}\n{"loss": [2]}\n', None),
        ('\n{"loss": 1}\n\n{"loss": 2}', None),
    ],
)
def test_one_document_is_told_from_one_object_on_each_line(written, text, found):
    assert document(written(text)) == found


@pytest.mark.parametrize(
    ("content", "lists"),
    [
        ({"loss": [1], "mae": [2]}, {"loss": [1], "mae": [2]}),
        ({"history": {"loss": [1]}, "epoch": [0]}, {"loss": [1]}),
        ({"history": {"0": 1, "1": 2}}, {"history": [1, 2]}),
        ({"loss": {"0": 1, "1": 2}}, {"loss": [1, 2]}),
        ({"loss": {"1": 1, "0": 2}}, {}),
        ({"loss": [1], "name": "mine"}, {}),
        ([{"loss": 1}], {}),
    ],
)
def test_lists_are_found_in_an_object_of_lists_only(content, lists):
    assert lists_of(content) == lists


def test_lines_are_read_in_chunks_as_at_once(written, monkeypatch):
    lines = [json.dumps({"loss": number, "other": "a"}) for number in range(10)]
    path = written("\n".join(lines[:5]) + "\n\n" + "\n".join(lines[5:]))
    for size in (1, 3, 11, 2**14):
        monkeypatch.setattr(documents, "_CHUNK", size)
        assert documents.read_lines(path, [])["loss"].numbers.tolist() == list(range(10))
