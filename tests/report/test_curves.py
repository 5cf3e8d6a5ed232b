"""What plots and tables show: thinned, but with everything that a reader looks for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lossaudit import Series, audit
from lossaudit.report.curves import MOST, Band, Curve, EpochRows, thinned
from lossaudit.report.verdict import Verdict

NUMBERS = arrays.arrays(np.float64, st.integers(1, 400), elements=st.floats(width=64))


@given(values=NUMBERS, most=st.integers(2, 60))
def test_thinning_keeps_the_extremes_and_both_ends(values, most):
    kept = thinned(values, most)
    finite, left = values[np.isfinite(values)], values[kept][np.isfinite(values[kept])]
    assert list(finite.min(initial=np.inf, keepdims=True)) == list(
        left.min(initial=np.inf, keepdims=True)
    )
    assert list(finite.max(initial=-np.inf, keepdims=True)) == list(
        left.max(initial=-np.inf, keepdims=True)
    )
    assert kept[0] == 0
    assert kept[-1] == len(values) - 1
    assert np.all(np.diff(kept) > 0)


@given(values=NUMBERS, most=st.integers(2, 60))
def test_thinning_keeps_a_mark_in_every_stretch_that_holds_nan_or_infinity(values, most):
    kept = thinned(values, most)
    width = 1 if len(values) <= most else -(-len(values) // (most // 2))
    for odd in (np.isnan, np.isposinf, np.isneginf):
        assert set(np.flatnonzero(odd(values)) // width) == set(kept[odd(values[kept])] // width)


@given(values=NUMBERS, most=st.integers(2, 60))
def test_thinning_leaves_few_numbers_and_short_series_alone(values, most):
    kept = thinned(values, most)
    assert len(kept) <= 5 * (most // 2) + 2
    assert len(values) > most or np.array_equal(kept, np.arange(len(values)))


def test_a_spike_of_a_million_numbers_is_in_the_curve():
    values = np.zeros(10**6)
    values[123_456], values[777_777] = 9.0, np.nan
    curve = Curve.of(np.arange(10**6), values)
    assert curve.count == 10**6
    assert len(curve.values) <= MOST + 3
    assert curve.places[curve.values == 9.0] == [123_456]
    assert curve.places[np.isnan(curve.values)] == [777_777]


@given(
    bounds=arrays.arrays(np.float64, st.integers(1, 200), elements=st.floats(0, 10)),
    most=st.integers(1, 20),
)
def test_a_thinner_band_holds_the_whole_band(bounds, most):
    whole = Band.of(np.arange(len(bounds)), np.zeros(len(bounds)), bounds)
    thin = whole.thinner(most)
    assert len(thin.places) <= max(most, 1)
    assert (thin.low.min(), thin.high.max()) == (-bounds.max(), bounds.max())


@pytest.mark.parametrize(("epochs", "rows"), [(3, 3), (100, 100), (101, 100), (5000, 100)])
def test_a_table_holds_the_first_and_the_last_epochs(epochs, rows):
    numbers = np.arange(epochs, dtype=np.float64)
    table = EpochRows.of(
        np.arange(epochs), numbers, numbers, numbers, np.full(epochs, Verdict.EXACT)
    )
    assert len(table.epochs) == rows
    assert (table.epochs[0], table.epochs[-1], table.left_out) == (0, epochs - 1, epochs - rows)


def test_a_table_holds_wrong_epochs_also_between_and_says_how_many_there_are():
    numbers, verdicts = np.zeros(5000), np.full(5000, Verdict.EXACT)
    verdicts[[7, 1234, 4999]] = Verdict.WRONG
    table = EpochRows.of(np.arange(5000), numbers, numbers, numbers, verdicts)
    assert [
        int(one)
        for one, verdict in zip(table.epochs, table.verdicts, strict=True)
        if verdict == "wrong"
    ] == [
        7,
        1234,
        4999,
    ]
    assert (len(table.epochs), table.wrong) == (101, 3)
    everywhere = EpochRows.of(
        np.arange(5000), numbers, numbers, numbers, np.full(5000, Verdict.WRONG)
    )
    assert (len(everywhere.epochs), everywhere.wrong, everywhere.left_out) == (300, 5000, 4700)


def test_a_log_without_truth_is_its_own_evidence_with_the_place_of_the_finding():
    sums = np.minimum(np.arange(1, 41) * 2.0**20, 2.0**24)
    report = audit(None, Series(sums, tag="loss", covers="epoch", epochs=range(40), origin="sums"))
    finding = next(one for one in report.findings if one.code == "LA508")
    assert np.array_equal(finding.evidence.logged.values, sums)
    assert finding.evidence.marked == finding.epoch
    assert finding.evidence.unit == "epoch"
