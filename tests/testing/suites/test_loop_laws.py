"""The laws of loops: every faulty one fails the right check, and every right one passes."""

from __future__ import annotations

import pytest

from tests.testing.suites.programs import (
    assert_caught,
    assert_caught_in_nineteen_of_twenty,
    faulty,
    right,
    right_program,
)

QUICK = ["mean_of_batch_means"]
"""Programs that are caught within seconds; `python -m benchmarks.teeth` tries all of them."""


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "factory", "checks", "claims"), faulty("loop", QUICK))
def test_a_faulty_program_is_caught_by_the_right_check(kind, factory, checks, claims):
    assert_caught(kind, factory, checks, claims)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [1, pytest.param(20, marks=pytest.mark.nightly)])
@pytest.mark.parametrize(("kind", "factory", "checks", "claims"), faulty("loop"))
def test_a_faulty_program_is_caught_at_once_and_in_nineteen_of_twenty_seeds(
    kind, factory, checks, claims, seeds, monkeypatch
):
    assert_caught_in_nineteen_of_twenty(
        kind, factory, checks, claims, seeds=seeds, monkeypatch=monkeypatch
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", right("loop"))
def test_a_right_program_passes(name, tmp_path):
    report = right_program(name, tmp_path, 0)
    assert report.ok, str(report)
