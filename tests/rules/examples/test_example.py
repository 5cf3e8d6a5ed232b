"""Examples: a program that breaks a rule, and the same one corrected."""

from __future__ import annotations

import pytest

from lossaudit.rules.catalogue import RULES
from lossaudit.rules.examples import EXAMPLES, SETTINGS, example
from lossaudit.rules.examples.example import add_example


def test_examples_are_of_rules_and_differ():
    assert EXAMPLES.keys() <= RULES.keys()
    assert {one.setting for one in EXAMPLES.values()} == SETTINGS.keys()
    assert all(one.wrong != one.right for one in EXAMPLES.values())


def test_a_rule_has_one_example(monkeypatch):
    monkeypatch.setattr(example, "EXAMPLES", {})
    add_example("LA101", "loop", wrong="\nlog()\n", right="\nright()\n")
    assert (example.EXAMPLES["LA101"].wrong, example.EXAMPLES["LA101"].right) == (
        "log()",
        "right()",
    )
    with pytest.raises(ValueError, match="code='LA101' has an example already"):
        add_example("LA101", "loop", wrong="", right="")


@pytest.mark.parametrize("code", EXAMPLES)
def test_both_programs_are_python(code):
    for program in (EXAMPLES[code].wrong, EXAMPLES[code].right):
        compile(program, code, "exec")
