"""Every rule by its code, and the selection of codes."""

from __future__ import annotations

from collections.abc import Iterable

from lossaudit.rules import aggregation, callbacks, log_files, numbers, steps
from lossaudit.rules.rule import Rule

_MODULES = (aggregation, steps, numbers, callbacks, log_files)

RULES: dict[str, Rule] = {
    rule.code: rule
    for module in _MODULES
    for rule in sorted(
        (one for one in vars(module).values() if isinstance(one, Rule)), key=lambda one: one.code
    )
}
"""Every rule by its code, in the order of the codes."""


def codes_of(codes: str | Iterable[str]) -> tuple[str, ...]:
    """The beginnings of rule codes, stripped and checked; empty ones are left out.

    Args:
        codes: the beginnings; a string is one.

    Raises:
        ValueError: no rule begins with one of them.

    >>> codes_of(["LA1", " LA301"])
    ('LA1', 'LA301')
    """
    several = (codes,) if isinstance(codes, str) else codes
    found = tuple(code.strip() for code in several if code.strip())
    for code in found:
        if not any(known.startswith(code) for known in RULES):
            raise ValueError(f"no rule begins with {code!r}; see `lossaudit rule`")
    return found


Codes = tuple[str, ...]
"""Beginnings of rule codes, for example `("LA1", "LA204")`."""


def narrowed(codes: Iterable[str], select: Iterable[str]) -> Codes:
    """What two selections have in common; an empty selection selects everything.

    Args:
        codes: beginnings of codes.
        select: other beginnings of codes.

    >>> narrowed(["LA1", "LA204"], ["LA102", "LA2"])
    ('LA102', 'LA204')
    """
    codes, select = tuple(codes), tuple(select)
    if not codes or not select:
        return codes or select
    pairs = [(code, wanted) for code in codes for wanted in select]
    both = [
        max(pair, key=len)
        for pair in pairs
        if pair[0].startswith(pair[1]) or pair[1].startswith(pair[0])
    ]
    return tuple(dict.fromkeys(both))


def wanted(codes: Iterable[str], select: Iterable[str], ignore: Iterable[str]) -> bool:
    """Whether a test about these codes should run; a test without codes always does.

    Args:
        codes: the codes that the test is about.
        select: beginnings of the codes to test; all if empty.
        ignore: beginnings of the codes not to test.

    >>> wanted(["LA102"], ["LA1"], []), wanted(["LA102"], [], ["LA1"]), wanted([], ["LA1"], [])
    (True, False, True)
    """
    codes = tuple(codes)
    left = [code for code in narrowed(codes, select) if not code.startswith(tuple(ignore))]
    return not codes or bool(left)
