"""The verdict of a measurement on a budget, and how it is printed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from lossaudit.overhead.costs import BudgetVerdict, document, doubts_of, status_of
from lossaudit.overhead.timings import Interval, Ratio
from tests.overhead.measured import overhead


@pytest.mark.parametrize(
    ("interval", "control", "judgement"),
    [
        ((1.03, 1.05), (0.99, 1.01), BudgetVerdict.OVER),
        ((1.03, 1.05), (0.90, 1.10), BudgetVerdict.OVER),
        ((0.99, 1.01), (0.99, 1.01), BudgetVerdict.WITHIN),
        ((0.99, 1.01), (0.90, 1.10), BudgetVerdict.WITHIN),
        ((1.01, 1.03), (0.99, 1.01), BudgetVerdict.NOT_SHOWN),
        ((1.01, 1.03), (0.99, 1.03), BudgetVerdict.UNDECIDED),
        ((0.90, 1.10), (0.90, 1.01), BudgetVerdict.UNDECIDED),
    ],
)
def test_only_an_interval_beyond_the_budget_or_short_of_it_decides_where_noise_reaches_it(
    interval, control, judgement
):
    assert overhead(*interval, control).judged(1.02) is judgement


def test_a_control_that_does_not_hold_1_is_a_doubt_and_decides_nothing():
    control = Ratio(0.95, Interval(0.93, 0.98), 31)
    doubts = doubts_of(Ratio(1.2, Interval(1.1, 1.3), 31), control)
    assert doubts == (
        "plain fit took 0.930 to 0.980 times as long as itself, an interval without 1: the "
        "machine is too noisy now",
    )
    assert overhead(1.1, 1.3, (0.93, 0.98), doubts).judged(1.02) is BudgetVerdict.UNDECIDED


def test_a_clock_that_is_too_coarse_is_a_doubt_once():
    coarse = Ratio(1.0, Interval(0.0, 2.0), 31, "the clock is coarse")
    assert doubts_of(coarse, coarse) == ("the clock is coarse",)


def test_the_exit_status_is_that_of_the_worst():
    within, over, noisy = overhead(0.99, 1.01), overhead(1.1, 1.2), overhead(0.9, 1.2, (0.9, 1.2))
    assert status_of([within], 1.02) == 0
    assert status_of([within, overhead(1.01, 1.03)], 1.02) == 0
    assert status_of([within, noisy], 1.02) == 2
    assert status_of([noisy, over, within], 1.02) == 1
    assert status_of([over, noisy], None) == 0
    assert status_of([overhead(1, 1, doubts=("a doubt",))], None) == 2


def test_it_is_told_in_words():
    assert str(overhead(1.0, 1.02, doubts=("the clock is coarse",))) == (
        "Mine: 1.010 times plain fit (1.000 to 1.020; plain fit against itself 0.995 to 1.005; 31 "
        "pairs of 256 batches, 1.20 ms a batch)\n"
        "  hooks 3.5 µs a batch, 99th percentile 12.0 µs, 0.4% of the time\n"
        "  10.0 ms longer outside of the epochs of a fit\n"
        "  32 MB per 10⁶ batches\n"
        "  undecided: the clock is coarse"
    )


def test_json_carries_the_attributes_and_what_a_budget_says():
    content = json.loads(overhead(1.0, 1.02).to_json())
    assert content["interval"] == {"low": 1.0, "high": 1.02}
    assert content["growth"] == {"bytes": 32.2, "batches": 3584}
    assert (content["decided"], content["schema"]) == (True, 1)
    whole = json.loads(json.dumps(document([overhead(1.1, 1.2)], 1.02)))
    assert (whole["status"], whole["budget"], whole["callbacks"][0]["judged"]) == (1, 1.02, "over")
    assert "judged" not in document([overhead(1.1, 1.2)], None)["callbacks"][0]


def test_an_interval_without_an_end_is_null_in_json():
    endless = replace(overhead(0.0, 1.0), interval=Interval(0.0, float("inf")))
    assert json.loads(endless.to_json())["interval"] == {"low": 0.0, "high": None}
    assert endless.extra_info["overhead_ratio_high"] is None


def test_extra_info_is_flat_and_fit_for_json():
    info = overhead(1.0, 1.02).extra_info
    assert json.loads(json.dumps(info)) == info
    assert (info["overhead_ratio_low"], info["overhead_bytes_per_batch"]) == (1.0, 32.2)
    assert all(name.startswith("overhead_") for name in info)


@pytest.mark.slow
def test_pytest_benchmark_takes_the_figures(pytester, monkeypatch):
    pytest.importorskip("pytest_benchmark")
    # In a worker of xdist, pytest-benchmark measures nothing.
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    pytester.makepyfile(
        """
        from lossaudit.overhead.costs import Growth, HookTimes, Overhead
        from lossaudit.overhead.timings import Interval

        def test_cost(benchmark):
            hooks = HookTimes(1e-6, 2e-6, 0.01, 10)
            interval, growth = Interval(0.9, 1.1), Growth(1.0, 10)
            found = Overhead("a", 1.0, interval, interval, 0.1, 6, 10, 0.0, hooks, growth)
            benchmark(lambda: None)
            benchmark.extra_info.update(found.extra_info)
        """
    )
    done = pytester.runpytest_subprocess(
        "--benchmark-json=out.json", "-p", "no:lossaudit.pytest_plugin"
    )
    done.assert_outcomes(passed=1)
    saved = json.loads((pytester.path / "out.json").read_text())["benchmarks"][0]["extra_info"]
    assert saved["overhead_ratio"] == 1.0
