"""The facts as tests; a known defect of the installed version is an expected failure."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lossaudit.predictions.mistakes.mistake import version_parts
from lossaudit.testing.keras_facts import FACTS, Fact
from lossaudit.testing.keras_facts.fact import HOLDS, KNOWN, NEWEST, SKIPPED
from lossaudit.testing.keras_facts.verification import outcome_of, versions

_INSTALLED = versions()


class KnownDefectError(AssertionError):
    """Keras logs the value of a known defect of this version."""


def _parameter(one: Fact) -> Any:
    known = one.known_of(_INSTALLED["keras"], _INSTALLED["backend"])
    if known is None:
        return pytest.param(one.name)
    may_be_fixed = version_parts(_INSTALLED["keras"]) > version_parts(NEWEST)
    reason = f"known defect of Keras {_INSTALLED['keras']}: {known.why()} ({known.where()})"
    return pytest.param(
        one.name,
        marks=pytest.mark.xfail(raises=KnownDefectError, strict=not may_be_fixed, reason=reason),
    )


@pytest.mark.parametrize("name", [_parameter(one) for one in FACTS.values()])
def test_fact(name: str, record_property: Any) -> None:
    """A fact holds in the installed Keras, or has its known defect."""
    outcome = outcome_of(FACTS[name])
    record_property("keras_fact", json.dumps(outcome.as_json()))
    if outcome.status == SKIPPED:
        pytest.skip(outcome.reason)
    if outcome.status == KNOWN:
        raise KnownDefectError(f"observed {outcome.seen}, expected {outcome.expected}")
    if outcome.status != HOLDS:
        pytest.fail(outcome.reason, pytrace=False)
