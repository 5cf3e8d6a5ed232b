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
        why: what goes wrong when it is broken, and why people meet it.
        severity: of a finding that says it is broken; one that cannot decide is a warning always.
    """

    code: str
    name: str
    expects: str
    why: str
    severity: Severity = "error"
