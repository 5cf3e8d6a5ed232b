"""Rule: one expectation that a log can break."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Rule:
    """One expectation that a log can break.

    Args:
        code: `LA` and three digits, never reused.
        name: the expectation in kebab-case.
        expects: the expectation as a sentence.
        why: what goes wrong if it is broken, and how that happens.
        severity: of a finding that proves the rule broken; other findings are warnings.
        verdicts: of a log without a truth (LA5xx): which verdicts a finding has, and when.
    """

    code: str
    name: str
    expects: str
    why: str
    severity: Severity = "error"
    verdicts: str = ""
