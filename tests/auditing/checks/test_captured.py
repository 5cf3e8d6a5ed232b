"""Findings about the audit itself: what was not captured, and what a gap leaves unexplained."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from lossaudit.auditing.checks.captured import check_gap, gap_not_measured, not_captured


def test_a_claim_without_a_truth_is_undecidable_with_the_reason_that_was_given():
    found = not_captured("validation", "loss", "log.csv: val_loss", "no batch was recorded")
    assert found.message == "log.csv: val_loss: no batch was recorded."
    assert (found.code, found.verdict, found.severity) == ("LA401", "undecidable", "warning")
    assert (found.split, found.tag, found.origin) == ("validation", "loss", "log.csv: val_loss")
    assert found.remedy


@pytest.mark.parametrize("remains", [Fraction(0), Fraction(1, 1024), Fraction(-1, 1024)])
def test_what_remains_within_the_bound_is_no_finding(remains):
    assert list(check_gap("A gap.", remains, 2.0**-10, epoch=3)) == []


@pytest.mark.parametrize("remains", [Fraction(1, 1023), Fraction(-1, 1023)])
def test_what_remains_beyond_the_bound_is_wrong_at_its_epoch(remains):
    (found,) = check_gap("A gap.", remains, 2.0**-10, epoch=3)
    assert (found.code, found.verdict, found.epoch) == ("LA404", "wrong", 3)
    assert (found.observed, found.expected, found.bound) == (float(remains), 0.0, 2.0**-10)
    assert found.message.startswith("A gap. ")


def test_a_bound_that_is_not_a_number_explains_nothing():
    assert len(list(check_gap("A gap.", Fraction(0), np.nan, epoch=0))) == 1


def test_a_gap_that_cannot_be_measured_is_undecidable_and_no_error():
    found = gap_not_measured("the data came from a generator")
    assert (found.code, found.verdict, found.severity) == ("LA404", "undecidable", "warning")
    assert "cannot be measured: the data came from a generator." in found.message
