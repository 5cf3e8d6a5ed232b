"""Names from logs, made safe to show."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossaudit.report.legible import legible, shortened


@given(text=st.text(st.characters() | st.characters(categories=["Cs", "Cc", "Cf"])))
def test_what_is_legible_can_be_encoded_and_stand_in_xml(text):
    shown = legible(text)
    assert len(shown) == len(text)
    assert legible(shown) == shown
    escaped = re.sub("[&<>]", ".", shown).encode("utf-8")
    ElementTree.fromstring(b"<a>" + escaped + b"</a>")


@pytest.mark.parametrize("text", ["loss", "Σ loss 損失", "a\tb\nc", "50 % <b>", "👩‍🔬"])
def test_what_can_be_shown_stays(text):
    assert legible(text) == text


@given(text=st.text(), most=st.integers(1, 20))
def test_what_is_shortened_fits_and_begins_like_the_text(text, most):
    short = shortened(text, most)
    assert len(short) <= most
    assert short == text or (short[-1] == "…" and text.startswith(short[:-1]))
