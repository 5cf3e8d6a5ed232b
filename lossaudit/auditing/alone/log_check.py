"""Checks of logs without a truth: each is one function, registered with its rules.

To add a rule, write a `Rule` in `rules/log_files.py` and a function with `@log_check(THE_RULE)` in
a module of this package that `judging` imports. Then run `python docs/write_rules.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lossaudit.auditing.alone.log import Log
from lossaudit.report.findings import Finding
from lossaudit.rules.rule import Rule

Find = Callable[[Log], Iterator[Finding]]


@dataclass(frozen=True)
class LogCheck:
    """One check, and the rules that its findings are about.

    Args:
        rules: the rules, at least one.
        find: yields a finding for each place where a log breaks one of the rules.
    """

    rules: tuple[Rule, ...]
    find: Find

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of its rules."""
        return tuple(rule.code for rule in self.rules)


_CHECKS: list[LogCheck] = []


def log_check(*rules: Rule) -> Callable[[Find], Find]:
    """Register the decorated function as the check of these rules.

    Raises:
        ValueError: no rule is given.
    """
    if not rules:
        raise ValueError("rules=() must name at least one rule")

    def register(find: Find) -> Find:
        _CHECKS.append(LogCheck(rules, find))
        return find

    return register


def log_checks() -> list[LogCheck]:
    """Every registered check, in the order of the codes."""
    return sorted(_CHECKS, key=lambda check: check.codes)
