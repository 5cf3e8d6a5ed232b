"""What every rule promises about itself."""

from __future__ import annotations

import re

import pytest

from lossaudit.rules.catalogue import RULES


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_has_a_code_a_name_in_kebab_case_and_whole_sentences(rule):
    assert re.fullmatch(r"LA\d{3}", rule.code)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)+", rule.name)
    for text in (rule.expects, rule.why):
        assert re.fullmatch(r"([A-Z`]|float16 ).*\.", text)
        assert "  " not in text


def test_no_two_rules_have_one_name_or_expect_the_same():
    assert len({rule.name for rule in RULES.values()}) == len(RULES)
    assert len({rule.expects for rule in RULES.values()}) == len(RULES)
