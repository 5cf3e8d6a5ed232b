"""Counts agree with their nouns."""

from __future__ import annotations

import pytest

from lossaudit.recording.counts import counted


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 batches"), (1, "1 batch"), (2, "2 batches"), (12_345, "12,345 batches")],
)
def test_a_noun_agrees_with_its_number(count, text):
    assert counted(count, "batch", "batches") == text


def test_a_regular_noun_needs_no_plural():
    assert [counted(count, "number") for count in (1, 3)] == ["1 number", "3 numbers"]
