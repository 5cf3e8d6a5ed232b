"""Timings: compares how long programs take on a machine that also does other work."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from lossaudit.arithmetic.arrays import Floats

LEVEL = 0.95
"""How often an interval contains the median of infinitely many pairs."""

FEWEST = 6
"""Fewest pairs for an interval of that level: all are on one side with probability 2^(1-n)."""

_RESAMPLES = 4000
_TIED = 0.25
"""If more durations than this share equal another one, the clock is too coarse."""


@dataclass(frozen=True)
class Interval:
    """From `low` to `high`, both included."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:.3f} to {self.high:.3f}"

    def contains(self, value: float) -> bool:
        """Whether the value is inside."""
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Ratio:
    """How many times as long one program takes as another.

    Args:
        median: the median of the ratios of the pairs.
        interval: the interval of that median at `LEVEL`.
        pairs: how many pairs.
        doubt: why the interval is unreliable; None if it is reliable.
    """

    median: float
    interval: Interval
    pairs: int
    doubt: str | None = None


def interleaved(
    runs: Mapping[str, Callable[[], float]],
    rounds: int,
    *,
    seed: int = 0,
    shown: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> dict[str, Floats]:
    """Run each program once a round, in an order that is shuffled every round.

    Args:
        runs: programs that return their seconds.
        rounds: how many rounds.
        seed: seed of the order.
        shown: wraps the rounds to show progress.

    Returns:
        The seconds of each program, shape (rounds,); those of one round make a pair.
    """
    order, found = random.Random(seed), {name: np.empty(rounds) for name in runs}
    for number in shown(range(rounds)):
        for name in order.sample(list(runs), len(runs)):
            found[name][number] = runs[name]()
    return found


def timed(run: Callable[[], object]) -> Callable[[], float]:
    """A program that runs another one and returns its seconds."""

    def seconds() -> float:
        start = time.perf_counter()
        run()
        return time.perf_counter() - start

    return seconds


def ratio_of(seconds: Floats, baseline: Floats, *, resolution: float, seed: int = 0) -> Ratio:
    """The median ratio of paired durations, with an interval.

    The interval is that of the bootstrap, or that of the sign test where wider. With few pairs
    the bootstrap contains the median less often than it should; the sign test is right for every
    distribution of durations. A coarse clock knows a duration only up to one step: each pair
    enters the lower end with its smallest possible ratio and the upper end with its largest. So
    ties do not make an interval tight.

    Args:
        seconds: durations, shape (n,).
        baseline: the durations to divide by, shape (n,).
        resolution: the step of the clock in the same unit, see `resolution_of`. Durations less
            than half a step apart count as tied. If many are tied, the smallest difference of the
            others may show a coarser step.
        seed: seed of the bootstrap.

    Raises:
        ValueError: there are fewer than `FEWEST` pairs, the shapes differ, or a duration is not
            positive.

    >>> baseline = np.array([1.1, 1.2, 1.3, 1.4, 1.5, 1.6])
    >>> ratio_of(2 * baseline, baseline, resolution=0.0).median
    2.0
    """
    _refuse(seconds, baseline)
    pooled = np.sort(np.concatenate([seconds, baseline]))
    # Half a step, because durations are differences of readings: with equal steps they are equal
    # except for rounding.
    apart = np.diff(pooled) > resolution / 2
    tied = _tied(apart)
    step = max(resolution, _step_of(pooled, apart)) if tied > _TIED else resolution
    # A baseline of at most one step may have been 0: the largest ratio is then infinite.
    with np.errstate(divide="ignore"):
        least = np.maximum(seconds - step, 0) / (baseline + step)
        most = np.where(baseline > step, (seconds + step) / np.maximum(baseline - step, 0), np.inf)
    place = _place(len(seconds))
    interval = Interval(
        min(_bound(least, (1 - LEVEL) / 2, seed), float(np.sort(least)[place])),
        max(_bound(most, (1 + LEVEL) / 2, seed), float(np.sort(most)[-1 - place])),
    )
    doubt = (
        f"{tied:.0%} of durations are identical: clock resolution ({step:.2g} s) is too coarse"
        if tied > _TIED
        else None
    )
    return Ratio(float(np.median(seconds / baseline)), interval, len(seconds), doubt)


def resolution_of(clock: Callable[[], float] = time.perf_counter) -> float:
    """The smallest observed step of a clock, in its unit."""
    readings = [clock()]
    while len(readings) < 100:
        now = clock()
        if now != readings[-1]:
            readings.append(now)
    return min(after - before for before, after in pairwise(readings))


def _refuse(seconds: Floats, baseline: Floats) -> None:
    if seconds.shape != baseline.shape or seconds.ndim != 1:
        raise ValueError(
            f"seconds of shape {seconds.shape} and baseline of shape {baseline.shape} do not pair"
        )
    if len(seconds) < FEWEST:
        raise ValueError(
            f"{len(seconds)} pairs are too few: a {LEVEL:.0%} interval of a median needs {FEWEST}"
        )
    if not (seconds.min() > 0 and baseline.min() > 0):
        raise ValueError("durations must be positive: the clock did not move, or went backwards")


def _tied(apart: Any) -> float:
    """The share of n sorted durations that equal a neighbour.

    Args:
        apart: whether neighbours differ, shape (n - 1,).
    """
    alone = np.concatenate([[True], apart]) & np.concatenate([apart, [True]])
    return float(1 - alone.mean())


def _step_of(durations: Floats, apart: Any) -> float:
    """The smallest difference between sorted durations; a whole duration if all are equal."""
    return float(np.diff(durations)[apart].min() if apart.any() else durations[0])


def _place(pairs: int) -> int:
    """The index, from either end of the sorted ratios, where the sign test's interval ends.

    That ratio is beyond the median only if at most this many ratios are on its side: a tail of a
    binomial distribution (Thompson 1936).
    """
    below = accumulate(math.comb(pairs, place) for place in range(pairs // 2))
    return sum(2 * one / 2**pairs <= 1 - LEVEL for one in below) - 1


def _bound(ratios: Floats, quantile: float, seed: int) -> float:
    """A quantile of the medians of samples with replacement: percentile bootstrap (Efron 1979)."""
    # The closest observation, because interpolation next to an infinite ratio gives NaN.
    samples = np.random.default_rng(seed).integers(0, len(ratios), (_RESAMPLES, len(ratios)))
    return float(
        np.quantile(np.median(ratios[samples], axis=1), quantile, method="closest_observation")
    )
