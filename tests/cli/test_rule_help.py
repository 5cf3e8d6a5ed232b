"""Each rule has a page with everything about it, and with a wrong and a right program that ran."""

from __future__ import annotations

import re
from pathlib import Path

import keras
import pytest

from docs.write_rules import GROUPS, LOGS_ALONE, finding_of, index, page, played, with_log_table
from lossaudit import audit
from lossaudit.cli.rule_help import WORDS, help_of
from lossaudit.predictions.mistakes.mistake import MISTAKES, of_stage
from lossaudit.rules.catalogue import RULES
from lossaudit.rules.examples import EXAMPLES, SETTINGS

ROOT = Path(__file__).parents[2]

FOLDER = ROOT / "docs" / "rules"

NUMBER = re.compile(r"\d+(\.\d+)?(e-\d+)?")

WRITTEN_WITH = "3.15.1"
"""The Keras of which the findings on the pages speak."""


def needs_this_keras(code):
    return code in EXAMPLES and EXAMPLES[code].setting in ("fit", "callback")


def test_there_is_a_page_for_each_rule_and_none_besides():
    assert {path.stem for path in FOLDER.glob("*.md")} == {"README", *RULES}
    assert all(code.startswith(tuple(GROUPS)) for code in RULES)


@pytest.mark.slow
@pytest.mark.parametrize("code", RULES)
def test_a_page_is_what_its_command_writes_and_its_programs_are_wrong_and_right(code):
    if needs_this_keras(code) and (keras.__version__, keras.backend.backend()) != (
        WRITTEN_WITH,
        "tensorflow",
    ):
        pytest.skip(f"its finding speaks of Keras {WRITTEN_WITH} on TensorFlow")
    written = page(help_of(code))
    assert NUMBER.sub("#", (FOLDER / f"{code}.md").read_text("utf-8")) == NUMBER.sub("#", written)


def test_the_index_is_what_its_command_writes():
    assert (FOLDER / "README.md").read_text("utf-8") == index([help_of(code) for code in RULES])


def test_the_table_of_rules_for_logs_alone_is_what_its_command_writes():
    text = LOGS_ALONE.read_text("utf-8")
    assert with_log_table(text) == text, "run `python docs/write_rules.py`"
    with pytest.raises(ValueError, match=r"must be in logs-alone\.md"):
        with_log_table("no marks")


@pytest.mark.parametrize(
    "code", [code for code, one in EXAMPLES.items() if one.setting in ("loop", "log")]
)
def test_a_finding_of_a_wrong_program_has_the_severity_and_a_cause_of_its_rule(code):
    finding = finding_of(EXAMPLES[code])
    assert finding.severity == (RULES[code].severity if finding.verdict == "wrong" else "warning")
    assert set(finding.causes) <= {mistake.name for mistake in help_of(code).mistakes}


@pytest.mark.parametrize(
    "code", [code for code, one in EXAMPLES.items() if one.setting in ("loop", "log")]
)
def test_a_right_program_breaks_no_rule_about_its_numbers_beside_the_losses_that_there_were(code):
    truth, logged = played(EXAMPLES[code].right)
    assert [str(one) for one in audit(truth, logged).findings if one.severity == "error"] == []


def test_every_cause_that_a_finding_can_have_stands_on_a_page():
    told = {mistake.name for code in RULES for mistake in help_of(code).mistakes}
    assert told >= MISTAKES.keys()
    for path in (ROOT / "lossaudit").rglob("*.py"):
        text = path.read_text("utf-8")
        if "testing" not in path.parts:
            assert set(re.findall(r'[^_]cause="([a-z-]+)"', text)) <= told, path
        if path.stem.endswith("_laws"):
            assert set(re.findall(r'"([a-z]+(?:-[a-z]+)+)"', text)) <= told, path


def test_a_mistake_in_the_order_stands_on_the_page_of_the_rule_that_it_breaks():
    for one in of_stage("place"):
        for code in one.codes:
            assert one.name in {mistake.name for mistake in help_of(code).mistakes}


def test_what_explanations_leave_to_the_log_is_said_in_general_words():
    texts = " ".join(
        f"{mistake.explanation} {mistake.remedy}"
        for code in RULES
        for mistake in help_of(code).mistakes
    )
    assert not re.search(r"\{\w+(!r)?\}", texts)
    used = {
        name
        for one in MISTAKES.values()
        for name in re.findall(r"\{(\w+)", one.explanation + one.remedy)
    }
    assert used == WORDS.keys()


def test_explanations_in_general_are_sentences():
    told = {
        mistake.name: mistake.explanation for code in RULES for mistake in help_of(code).mistakes
    }
    assert told["weights-and-divisor-disagree"] == (
        "The logged value is a sum weighted by another count (of tokens or sample weights) "
        "divided by the sum "
        "of a different one."
    )
    assert (
        told["regularization-left-out"]
        == "The logged value is the loss without the 0.25 that regularizers add to it."
    )
    assert told["regularization-counted-twice"] == (
        "The logged value is the loss with what regularizers add to it, 0.25, added once more."
    )


@pytest.mark.parametrize("code", EXAMPLES)
def test_the_command_says_what_the_programs_are_played_in(code):
    printed = " ".join(str(help_of(code)).split())
    assert SETTINGS[EXAMPLES[code].setting] in printed


def test_the_command_says_where_a_mistake_of_keras_is_discussed():
    threads = {
        code: [one for mistake in help_of(code).mistakes for one in mistake.threads]
        for code in RULES
    }
    assert any(threads.values())
    for code, found in threads.items():
        assert all(thread in str(help_of(code)) for thread in found)
