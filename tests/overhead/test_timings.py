"""The statistics of paired durations are right for known noise."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossaudit.overhead.timings import (
    FEWEST,
    LEVEL,
    Interval,
    interleaved,
    ratio_of,
    resolution_of,
    timed,
)

DURATIONS = st.lists(st.tuples(st.floats(0.5, 2), st.floats(0.5, 2)), min_size=FEWEST, max_size=40)


def surely(trials: int, chance: float) -> int:
    """How often something of this chance happens at least, in all but 2^-20 of such tests."""
    below, count = 0.0, -1
    while below <= 2**-20:
        count += 1
        below += math.comb(trials, count) * chance**count * (1 - chance) ** (trials - count)
    return count


def noisy(seed: int, pairs: int = 31, factor: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of durations with a common slow drift, each with spikes of its own."""
    random = np.random.default_rng(seed)
    drift = np.exp(np.cumsum(random.normal(0, 0.1, pairs)))
    spikes = 1 + random.exponential(0.05, (2, pairs)) * (random.random((2, pairs)) < 0.3)
    jitter = random.lognormal(0, 0.01, (2, pairs))
    return drift * factor * spikes[0] * jitter[0], drift * spikes[1] * jitter[1]


@given(DURATIONS)
def test_the_interval_holds_the_median(pairs):
    seconds, baseline = np.array(pairs).T
    found = ratio_of(seconds, baseline, resolution=0.0)
    assert found.interval.contains(found.median)


@given(DURATIONS, st.sampled_from([0.25, 0.5, 2.0, 8.0]))
def test_the_unit_of_time_does_not_matter(pairs, unit):
    seconds, baseline = np.array(pairs).T
    one, other = (ratio_of(seconds * by, baseline * by, resolution=0.0) for by in (1.0, unit))
    assert (one.median, one.interval) == (other.median, other.interval)


@given(DURATIONS, st.floats(0.001, 0.4))
def test_a_coarser_clock_never_makes_the_interval_tighter(pairs, resolution):
    seconds, baseline = np.array(pairs).T
    fine, coarse = (
        ratio_of(seconds, baseline, resolution=step).interval for step in (0.0, resolution)
    )
    assert coarse.low <= fine.low <= fine.high <= coarse.high


@pytest.mark.slow
@pytest.mark.parametrize(("pairs", "factor"), [(FEWEST, 1.0), (7, 1.02), (8, 1.0), (31, 1.5)])
def test_the_interval_holds_a_planted_ratio_as_often_as_it_says(pairs, factor):
    measured = (noisy(seed, pairs, factor) for seed in range(400))
    held = [ratio_of(*one, resolution=0.0).interval.contains(factor) for one in measured]
    assert sum(held) >= surely(400, LEVEL)


@pytest.mark.parametrize("pairs", [6, 7, 31, 1200])
def test_the_interval_reaches_as_far_as_that_of_the_sign_test(pairs):
    seconds, baseline = noisy(0, pairs)
    interval = ratio_of(seconds, baseline, resolution=0.0).interval
    for outside in (seconds / baseline < interval.low, seconds / baseline > interval.high):
        assert (
            2 * sum(math.comb(pairs, k) for k in range(outside.sum() + 1)) / 2**pairs <= 1 - LEVEL
        )


def test_a_drift_that_both_share_cancels():
    seconds, baseline = noisy(0, factor=1.03)
    interval = ratio_of(seconds, baseline, resolution=0.0).interval
    assert baseline.max() > 1.3 * baseline.min()
    assert interval.high - interval.low < 0.03


def test_the_seed_gives_the_same_interval_again():
    assert ratio_of(*noisy(3), resolution=0.0, seed=5) == ratio_of(
        *noisy(3), resolution=0.0, seed=5
    )


@pytest.mark.parametrize("step", [0.01, 0.1, 1.0])
def test_durations_of_a_coarse_clock_tie_and_the_interval_is_as_wide_as_its_steps(step):
    seconds, baseline = (np.ceil(one / step) * step for one in noisy(1, 100, 1.004))
    found = ratio_of(seconds, baseline, resolution=0.0)
    assert found.doubt is not None
    assert "clock resolution" in found.doubt
    assert found.interval.high - found.interval.low >= step / np.median(baseline)
    assert found.interval.contains(1.0)


@pytest.mark.parametrize("resolution", [0.016, 40e-6])
def test_the_rounding_of_differences_of_readings_is_no_step_of_the_clock(resolution):
    started = 12345.6 + np.cumsum(np.random.default_rng(0).random(100))
    seconds, baseline = (
        np.ceil((started + one) / 0.016) * 0.016 - np.ceil(started / 0.016) * 0.016
        for one in noisy(1, 100, 1.004)
    )
    assert len(np.unique(seconds)) > len(np.unique(np.rint(seconds / 0.016)))
    found = ratio_of(seconds, baseline, resolution=resolution)
    assert found.doubt is not None
    assert found.doubt.endswith(
        "% of durations are identical: clock resolution (0.016 s) is too coarse"
    )
    assert found.interval.high - found.interval.low >= 0.016 / np.median(baseline)


def test_durations_that_are_all_equal_decide_nothing():
    found = ratio_of(np.full(31, 0.016), np.full(31, 0.016), resolution=0.0)
    assert found.interval == Interval(0.0, np.inf)
    assert (
        found.doubt == "100% of durations are identical: clock resolution (0.016 s) is too coarse"
    )


def test_distinct_durations_are_not_doubted():
    assert ratio_of(*noisy(2), resolution=0.0).doubt is None


@pytest.mark.parametrize(
    ("seconds", "baseline", "message"),
    [
        (np.ones(5), np.ones(5), "5 pairs are too few: a 95% interval of a median needs 6"),
        (np.ones(6), np.ones(7), "do not pair"),
        (np.zeros(6), np.ones(6), "durations must be positive"),
        (np.ones(6), np.full(6, np.nan), "durations must be positive"),
    ],
)
def test_what_is_no_pairs_of_durations_is_refused(seconds, baseline, message):
    with pytest.raises(ValueError, match=message):
        ratio_of(seconds, baseline, resolution=0.0)


def test_runs_are_interleaved_in_another_order_each_round():
    order: list[str] = []
    runs = {name: lambda name=name: order.append(name) or 1.0 for name in "abc"}
    times = interleaved(runs, 20, seed=1)
    rounds = [tuple(order[at : at + 3]) for at in range(0, 60, 3)]
    assert {tuple(sorted(one)) for one in rounds} == {("a", "b", "c")}
    assert len(set(rounds)) > 3
    assert {name: one.shape for name, one in times.items()} == dict.fromkeys("abc", (20,))


def test_a_timed_program_says_how_long_it_took():
    assert timed(lambda: time.sleep(0.01))() >= 0.01


def test_the_step_of_a_clock_is_seen():
    assert 0 < resolution_of() < 0.001
    ticks = iter(np.repeat(np.arange(200) * 0.25, 7))
    assert resolution_of(lambda: next(ticks)) == 0.25
