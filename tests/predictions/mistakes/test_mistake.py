"""The registry of mistakes: one name for each, and what each breaks."""

from __future__ import annotations

import re

import numpy as np
import pytest

from lossaudit.predictions.mistakes import MISTAKES, defect, mistake, named, of_stage
from lossaudit.predictions.mistakes.mistake import Mistake, version_parts
from lossaudit.rules.catalogue import RULES


@pytest.mark.parametrize("one", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_has_a_name_in_kebab_case_sentences_and_rules_that_there_are(one):
    assert re.fullmatch(r"[a-z]+(-[a-z0-9]+)+", one.name)
    for text in (one.explanation, one.remedy):
        assert re.fullmatch(r"([A-Z`{].*[.`])?", text), text
    assert one.explanation
    assert set(one.codes) <= RULES.keys()
    assert one.codes


@pytest.mark.parametrize("name", MISTAKES)
def test_what_is_predicted_says_which_promise_it_breaks(name):
    one = MISTAKES[name]
    assert bool(one.covers) == (one.predict is not None) == (one.stage not in ("place", "check"))
    assert one.seen is not None or one.stage != "keras"


@pytest.mark.parametrize("register", [mistake, defect])
def test_a_name_that_is_taken_is_refused(register):
    def steps_shifted(truth):
        yield truth

    more = {"seen": ("3.0.0", "3.1.1")} if register is defect else {}
    known = dict(MISTAKES)
    with pytest.raises(ValueError, match="name='steps-shifted' is the name of a mistake already"):
        register("epoch", explanation="It is.", remedy="Mend it.", **more)(steps_shifted)
    with pytest.raises(ValueError, match="name='steps-shifted' is the name of a mistake already"):
        named("steps-shifted", "LA201", explanation="It is.")
    assert known == MISTAKES


def test_the_rule_follows_from_what_is_covered_and_what_is_broken():
    one = Mistake("a-b", "It is.", rules=("LA501",), covers=("epoch", "batch", "epoch"))
    assert one.codes == ("LA101", "LA102", "LA501")
    assert Mistake("a-b", "It is.", covers=("epoch",), breaks="precision").codes == ("LA302",)
    assert Mistake("a-b", "It is.").codes == ()


@pytest.mark.parametrize(
    ("version", "seen"),
    [
        ("3.0.5", False),
        ("3.1.1", True),
        ("3.2", True),
        ("3.10.0", True),
        ("3.10.1.dev1", False),
        ("4.0", False),
    ],
)
def test_versions_are_compared_as_numbers(version, seen):
    assert Mistake("a-b", "It is.", seen=("3.1.1", "3.10.0")).was_seen_in(version) == seen
    assert not Mistake("a-b", "It is.").was_seen_in(version)


def test_what_follows_the_numbers_of_a_version_does_not_count():
    assert version_parts("3.16.0.dev1") == (3, 16, 0)
    assert version_parts("3.rc1") == (3, 0)


def test_a_mistake_without_a_prediction_predicts_nothing():
    for one in of_stage("place", "check"):
        assert list(one.predicted(object(), np.empty(0))) == []
