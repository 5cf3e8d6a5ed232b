"""Mistakes in where numbers are logged."""

from __future__ import annotations

from lossaudit.predictions.mistakes import of_stage, places
from lossaudit.predictions.mistakes.mistake import Mistake


def test_mistakes_of_places_are_those_of_this_module_and_break_a_rule_about_steps():
    here = {one.name for one in vars(places).values() if isinstance(one, Mistake)}
    assert here == {one.name for one in of_stage("place")}
    assert all(one.codes[0].startswith("LA2") for one in of_stage("place"))


def test_each_says_what_to_do_with_the_steps():
    for one in of_stage("place"):
        assert one.remedy, one.name
        assert "{" not in one.explanation + one.remedy, "no prediction fills in words here"
