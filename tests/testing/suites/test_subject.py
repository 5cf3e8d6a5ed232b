"""The tested program with its claims: what is no claim is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

import lossaudit
from lossaudit.rules.catalogue import RULES
from lossaudit.testing import Subject, conformance
from lossaudit.testing.suites.subject import Check, takes


@pytest.mark.parametrize(
    ("claims", "message"),
    [
        ({"kind": "meter"}, "kind='meter' must be one of 'callback', 'accumulator', 'loop'"),
        (
            {"kind": "accumulator", "nan": "drop"},
            "nan='drop' must be one of 'propagate', 'ignore', 'raise'",
        ),
        ({"kind": "callback", "covers": "batch"}, "covers='batch' needs read="),
        (
            {"kind": "accumulator", "xfail": {"merging": "no"}},
            "xfail='merging' is not a check of kind='accumulator'",
        ),
    ],
)
def test_an_unknown_claim_is_refused(claims, message):
    with pytest.raises(ValueError, match=message.split("(")[0]):
        conformance(lossaudit.WeightedMean, **claims)


def test_a_factory_that_is_none_is_refused():
    with pytest.raises(TypeError, match=r"factory=\[1, 2\] must be callable"):
        Subject([1, 2], kind="loop")


def test_a_subject_has_the_name_of_its_factory():
    class Callable:
        def __call__(self):
            return None

    assert Subject(lossaudit.WeightedMean, kind="accumulator").name == "WeightedMean"
    assert Subject(Callable(), kind="loop").name == "Callable"


def test_two_subjects_are_two_however_alike():
    one, other = (Subject(lossaudit.WeightedMean, kind="accumulator") for _ in range(2))
    assert one != other
    assert len({one, other}) == 2


def test_a_check_has_the_code_of_its_rule_or_that_of_the_claim():
    rule = RULES["LA101"]
    fixed = Check.by(rule, "a_check", print, None)
    assert (fixed.code, fixed.expects) == ("LA101", rule.expects)
    claimed = replace(fixed, code=lambda subject: f"of {subject.kind}")
    subject = Subject(lossaudit.WeightedMean, kind="accumulator")
    assert (fixed.code_for(subject), claimed.code_for(subject)) == ("LA101", "of accumulator")


def test_an_argument_is_accepted_by_its_name_or_with_all_keywords():
    def named(model, callbacks=None):
        pass

    def all_keywords(model, **others):
        pass

    def neither(model, *others):
        pass

    accepted = [takes(one, "callbacks") for one in (named, all_keywords, neither)]
    assert accepted == [True, True, False]
