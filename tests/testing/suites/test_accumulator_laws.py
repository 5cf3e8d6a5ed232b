"""The laws of accumulators: every faulty one fails the right check, every right one passes."""

from __future__ import annotations

import pytest

import lossaudit
from lossaudit.predictions.mistakes import MISTAKES
from lossaudit.testing import run_checks
from tests.testing.suites.programs import (
    assert_caught,
    assert_caught_in_nineteen_of_twenty,
    faulty,
    right,
    right_program,
)


def test_a_result_that_is_wrong_from_the_first_does_not_drift():
    class Doubled(lossaudit.WeightedMean):
        def result(self):
            return 2 * super().result()

    finding = run_checks(Doubled, kind="accumulator", select=["LA302"], seed=0).findings[0]
    assert finding.cause is None
    assert "after the first 2 updates: this is not drift." in finding.message


class NeverResets:
    """An accumulator whose reset does nothing."""

    def __init__(self):
        self.mean = lossaudit.WeightedMean()
        self.update_state, self.result = self.mean.update_state, self.mean.result

    def reset_state(self):
        pass


class OneListForAll:
    """An accumulator whose instances share one list."""

    shared = []  # noqa: RUF012 - this is the mistake

    def update_state(self, value, sample_weight=1):
        self.shared.append((value, sample_weight))

    def result(self):
        return sum(v * w for v, w in self.shared) / sum(w for _, w in self.shared)


class Single(lossaudit.KerasMean):
    """An accumulator in float32, which drifts."""


@pytest.mark.parametrize(
    ("factory", "check", "mistake"),
    [
        (NeverResets, "LA111", "state-not-reset"),
        (OneListForAll, "LA116", "state-shared-by-instances"),
        (Single, "LA302", "accumulator-drifted"),
    ],
)
def test_the_cause_of_a_broken_law_is_a_registered_mistake_with_a_remedy(factory, check, mistake):
    finding = run_checks(factory, kind="accumulator", select=check, seed=0).findings[0]
    assert (finding.cause, finding.causes) == (mistake, (mistake,))
    assert mistake in MISTAKES
    assert finding.remedy.endswith(".")
    assert "Remedy" not in finding.message
    assert str(finding).endswith(f"Cause: {mistake}\n  Remedy: {finding.remedy}")


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "factory", "checks", "claims"), faulty("accumulator"))
def test_a_faulty_program_is_caught_by_the_right_check(kind, factory, checks, claims):
    assert_caught(kind, factory, checks, claims)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [1, pytest.param(20, marks=pytest.mark.nightly)])
@pytest.mark.parametrize(("kind", "factory", "checks", "claims"), faulty("accumulator"))
def test_a_faulty_program_is_caught_at_once_and_in_nineteen_of_twenty_seeds(
    kind, factory, checks, claims, seeds, monkeypatch
):
    assert_caught_in_nineteen_of_twenty(
        kind, factory, checks, claims, seeds=seeds, monkeypatch=monkeypatch
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", right("accumulator"))
def test_a_right_program_passes(name, tmp_path):
    report = right_program(name, tmp_path, 0)
    assert report.ok, str(report)
