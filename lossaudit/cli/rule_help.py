"""Rule help: everything about one rule, for `lossaudit rule` and for its page in docs/rules."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from lossaudit.predictions.mistakes.mistake import Mistake, of_stage
from lossaudit.rules.catalogue import RULES
from lossaudit.rules.examples import EXAMPLES, SETTINGS, Example
from lossaudit.rules.rule import Rule

WORDS = {
    "batches": "3",
    "rows": "10",
    "full": "4",
    "last": "2",
    "split": "train",
    "every": "N",
    "first": "K",
    "window": "N",
    "reset": "N",
    "replica": "N",
    "missing": "N",
    "decimals": "N",
    "decay": "a share",
    "other": "other",
    "component": "one of its parts",
    "regularization": "0.25",
    "scaled": "times or divided by N",
    "function": "logarithm (to base e, 10 or 2) of",
    "counted": "another count (of tokens or sample weights)",
    "divided": "a different one",
    "again": "its batches or its rows",
    "instead": "another number",
    "rounded": "rounded or cut",
}
"""Words for the placeholders of explanations; a finding has the numbers of its log instead.

The numbers are those of an epoch of 4, 4 and 2 rows, and of a penalty of 0.25.
"""


@dataclass(frozen=True)
class RuleHelp:
    """A rule with the mistakes that break it, and how to correct them.

    Args:
        rule: the rule.
        mistakes: the mistakes that break it, with explanations and remedies in general words.
        example: a program that breaks it and the same one corrected; None if there is none.
    """

    rule: Rule
    mistakes: tuple[Mistake, ...] = ()
    example: Example | None = None

    def __str__(self) -> str:
        parts = [
            f"{self.rule.code} {self.rule.name} ({self.rule.severity})",
            self.rule.expects,
            self.rule.why,
        ]
        if self.example:
            parts += [textwrap.fill(SETTINGS[self.example.setting], 100, **_WHOLE)]
            parts += [
                f"{name}:\n\n{textwrap.indent(code, '    ')}"
                for name, code in programs(self.example)
            ]
        if self.mistakes:
            parts += ["Causes:", *map(_listed, self.mistakes)]
        return "\n\n".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """The help as JSON values."""
        example = (
            {name.lower(): code for name, code in programs(self.example)} if self.example else {}
        )
        rule = {name: getattr(self.rule, name) for name in _RULE_FIELDS}
        return {**rule, "causes": [_as_json(one) for one in self.mistakes], **example}


def help_of(code: str) -> RuleHelp:
    """Everything about a rule.

    Raises:
        KeyError: no rule has this code.

    >>> help_of("LA202").mistakes[0].name
    'batches-missing'
    """
    return RuleHelp(RULES[code], tuple(_mistakes(code)), EXAMPLES.get(code))


def programs(example: Example) -> tuple[tuple[str, str], tuple[str, str]]:
    """The two programs, each with its heading."""
    return ("Wrong", example.wrong), ("Right", example.right)


def seen(mistake: Mistake) -> str:
    """The versions of Keras that make this mistake; empty if the program makes it."""
    return f"Keras {' to '.join(mistake.seen)}" if mistake.seen else ""


def _mistakes(code: str) -> Iterator[Mistake]:
    """The mistakes that break a rule: found by checks, then by recomputation, then Keras' own."""
    for one in (
        of_stage("check", "place"),
        of_stage("mean"),
        of_stage("batches"),
        of_stage("number"),
        of_stage("keras"),
    ):
        yield from (_in_general(mistake) for mistake in one if code in mistake.codes)


def _in_general(mistake: Mistake) -> Mistake:
    """A mistake with words instead of the numbers of a log."""
    return replace(
        mistake, explanation=_worded(mistake.explanation), remedy=_worded(mistake.remedy)
    )


def _worded(text: str) -> str:
    return re.sub(
        r"\{(\w+)(!r)?\}",
        lambda found: f"{WORDS[found[1]]!r}" if found[2] else WORDS[found[1]],
        text,
    )


def _as_json(mistake: Mistake) -> dict[str, Any]:
    names = ("name", "explanation", "remedy", "threads")
    return {name: getattr(mistake, name) for name in names} | {"seen": seen(mistake)}


def _listed(mistake: Mistake) -> str:
    """A mistake for the terminal."""
    remedy = f" Remedy: {mistake.remedy}" if mistake.remedy else ""
    threads = f" ({', '.join(mistake.threads)})" if mistake.threads else ""
    versions = f" Seen in {seen(mistake)}{threads}." if mistake.seen else ""
    return f"  {mistake.name}\n" + textwrap.fill(
        f"{mistake.explanation}{versions}{remedy}", 100, **_INDENTED
    )


_RULE_FIELDS = ("code", "name", "expects", "why", "severity")
_WHOLE: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}
_INDENTED = {"initial_indent": "    ", "subsequent_indent": "    ", **_WHOLE}
