"""Mistakes that a check finds by itself."""

from __future__ import annotations

import re

from docs.imports import PACKAGE
from lossaudit.predictions.mistakes import noticed, of_stage
from lossaudit.predictions.mistakes.mistake import Mistake

CONSTANTS = {name: one for name, one in vars(noticed).items() if isinstance(one, Mistake)}


def test_a_constant_is_called_like_its_mistake():
    assert {name: one.name.upper().replace("-", "_") for name, one in CONSTANTS.items()} == {
        name: name for name in CONSTANTS
    }
    assert [one.name for one in of_stage("check")] == [one.name for one in CONSTANTS.values()]


def test_every_one_is_found_by_some_check():
    whole = "\n".join(
        path.read_text("utf-8") for path in PACKAGE.rglob("*.py") if path.name != "noticed.py"
    )
    # Two names are put together: f"{unit}s-repeated-after-resume".
    unused = {
        name
        for name, one in CONSTANTS.items()
        if not re.search(rf"\b{name}\b", whole)
        and f'"{one.name}"' not in whole
        and f'}}s-{one.name.partition("-")[2]}"' not in whole
    }
    assert unused == set()


def test_no_explanation_waits_for_words_of_a_prediction():
    texts = " ".join(one.explanation + one.remedy for one in CONSTANTS.values())
    assert not re.search(r"\{\w+(!r)?\}", texts)
