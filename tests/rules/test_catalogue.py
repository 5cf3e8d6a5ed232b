"""Every rule by its code, and the selection of codes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossaudit.rules import aggregation, callbacks, log_files, numbers, steps
from lossaudit.rules.catalogue import RULES, codes_of, narrowed, wanted
from lossaudit.rules.rule import Rule


def test_just_the_rules_for_logs_alone_say_which_verdicts_their_findings_have():
    assert all(bool(rule.verdicts) == code.startswith("LA5") for code, rule in RULES.items())


def test_rules_stand_in_the_order_of_their_codes_each_in_the_module_of_its_hundred():
    assert list(RULES) == sorted(RULES)
    homes = (aggregation, steps, numbers, callbacks, log_files)
    for hundred, module in enumerate(homes, 1):
        of_module = {one.code for one in vars(module).values() if isinstance(one, Rule)}
        assert of_module == {code for code in RULES if code.startswith(f"LA{hundred}")}


def test_every_rule_of_a_module_is_in_the_catalogue_under_its_code():
    assert all(code == rule.code for code, rule in RULES.items())


def test_beginnings_of_codes_are_stripped_and_empty_ones_left_out():
    assert codes_of(["LA1 ", "", " ", "LA302"]) == ("LA1", "LA302")
    assert codes_of("LA302") == ("LA302",)
    assert codes_of(["LA"]) == ("LA",)
    assert codes_of([]) == ()


@pytest.mark.parametrize("code", ["LA9", "la1", "LA1010", "1"])
def test_a_code_that_begins_no_rule_is_refused(code):
    with pytest.raises(ValueError, match=f"no rule begins with '{code}'; see `lossaudit rule`"):
        codes_of(["LA1", code])


BEGINNINGS = st.lists(
    st.sampled_from(sorted(RULES)).flatmap(
        lambda code: st.sampled_from([code[:3], code[:4], code])
    ),
    max_size=4,
)


def begins(code, selection):
    return not selection or code.startswith(tuple(selection))


@given(one=BEGINNINGS, other=BEGINNINGS)
def test_two_selections_have_just_those_codes_in_common_that_both_select(one, other):
    both = [code for code in RULES if begins(code, one) and begins(code, other)]
    if both:  # no code at all would select everything
        assert [code for code in RULES if begins(code, narrowed(one, other))] == both


@given(codes=BEGINNINGS, select=BEGINNINGS, ignore=BEGINNINGS.filter(bool))
def test_a_test_runs_if_a_code_of_it_is_selected_and_not_ignored(codes, select, ignore):
    assert wanted([], select, ignore)
    assert wanted(codes, [], [])
    assert not codes or not wanted(codes, codes, codes)
    if wanted(codes, select, ignore):
        assert wanted(codes, select, [])
