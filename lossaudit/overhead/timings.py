"""Timing: how long programs take beside one another, on a machine that does other things as well."""

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
"""How often an interval is to hold the median that endless pairs would have."""

FEWEST = 6
"""Pairs from which on some interval of a median has that level: all on one side of it has
probability 2^(1-n).
"""

_RESAMPLES = 4000
_TIED = 0.25
"""Share of durations that equal another one, beyond which it is the clock that was measured."""


@dataclass(frozen=True)
class Interval:
    """From `low` to `high`, both included."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:.3f} to {self.high:.3f}"

    def holds(self, value: float) -> bool:
        """Whether the value lies inside."""
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Ratio:
    """How many times as long one program takes as another.

    Args:
        median: the median of the ratios of the pairs.
        interval: where that median lies, at the level of `LEVEL`.
        pairs: how many pairs.
        doubt: why the interval is not to be believed; None where it is.
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
    """Run each program once a round, in an order that is shuffled for each round.

    Args:
        runs: programs that return how many seconds they took.
        rounds: how many rounds.
        seed: of the order.
        shown: wraps the rounds, to show the progress.

    Returns:
        For each program its seconds, shape (rounds,): those of one round make a pair.
    """
    order, found = random.Random(seed), {name: np.empty(rounds) for name in runs}
    for number in shown(range(rounds)):
        for name in order.sample(list(runs), len(runs)):
            found[name][number] = runs[name]()
    return found


def timed(run: Callable[[], object]) -> Callable[[], float]:
    """The program as one that returns how many seconds it took."""

    def seconds() -> float:
        start = time.perf_counter()
        run()
        return time.perf_counter() - start

    return seconds


def ratio_of(seconds: Floats, baseline: Floats, *, resolution: float, seed: int = 0) -> Ratio:
    """The median ratio of paired durations, with an interval: the bootstrap's, or that of the sign
    test where wider.

    With few pairs the bootstrap holds the median less often than it says; the sign test never
    does, whatever the durations are distributed like. A duration that a clock of coarse steps gave
    is known to a step only: each pair enters the lower end with the smallest ratio that it can
    have had, and the upper end with the largest. So ties make no interval tight.

    Args:
        seconds: durations, shape (n,).
        baseline: those that each is paired with, shape (n,).
        resolution: the step of the clock, in the same unit, as `resolution_of` has it; durations
            that are less than half of it apart are tied, and a coarser step is seen in tied ones.
        seed: of the bootstrap.

    Raises:
        ValueError: there are fewer than `FEWEST` pairs, not as many of both, or a duration is not
            positive.

    >>> baseline = np.array([1.1, 1.2, 1.3, 1.4, 1.5, 1.6])
    >>> ratio_of(2 * baseline, baseline, resolution=0.0).median
    2.0
    """
    _refuse(seconds, baseline)
    pooled = np.sort(np.concatenate([seconds, baseline]))
    apart = (
        np.diff(pooled) > resolution / 2
    )  # differences of equal readings of a clock are equal but for rounding
    tied = _tied(apart)
    step = max(resolution, _step_of(pooled, apart)) if tied > _TIED else resolution
    with np.errstate(divide="ignore"):
        least = np.maximum(seconds - step, 0) / (baseline + step)
        most = np.where(baseline > step, (seconds + step) / np.maximum(baseline - step, 0), np.inf)
    place = _place(len(seconds))
    interval = Interval(
        min(_bound(least, (1 - LEVEL) / 2, seed), float(np.sort(least)[place])),
        max(_bound(most, (1 + LEVEL) / 2, seed), float(np.sort(most)[-1 - place])),
    )
    doubt = (
        f"{tied:.0%} of the durations are equal: the clock moves in steps of {step:.2g} s"
        if tied > _TIED
        else None
    )
    return Ratio(float(np.median(seconds / baseline)), interval, len(seconds), doubt)


def resolution_of(clock: Callable[[], float] = time.perf_counter) -> float:
    """The smallest step that a clock is seen to make, in its unit."""
    readings = [clock()]
    while len(readings) < 100:
        now = clock()
        if now != readings[-1]:
            readings.append(now)
    return min(after - before for before, after in pairwise(readings))


def _refuse(seconds: Floats, baseline: Floats) -> None:
    if seconds.shape != baseline.shape or seconds.ndim != 1:
        raise ValueError(
            f"seconds of shape {seconds.shape} and baseline of shape {baseline.shape} are no pairs"
        )
    if len(seconds) < FEWEST:
        raise ValueError(
            f"{len(seconds)} pairs are too few: a {LEVEL:.0%} interval of a median needs {FEWEST}"
        )
    if not (seconds.min() > 0 and baseline.min() > 0):
        raise ValueError("durations must be positive: the clock did not move, or went backwards")


def _tied(apart: Any) -> float:
    """The share of sorted durations that equal a neighbour, by which neighbours are apart, shape
    (n - 1,).
    """
    alone = np.concatenate([[True], apart]) & np.concatenate([apart, [True]])
    return float(1 - alone.mean())


def _step_of(durations: Floats, apart: Any) -> float:
    """The smallest difference between sorted durations that are apart; a whole duration where none
    are.
    """
    return float(np.diff(durations)[apart].min() if apart.any() else durations[0])


def _place(pairs: int) -> int:
    """The place from either end of the ratio that ends the interval of the sign test.

    It is beyond the median only if at most so many of the ratios are on that side of it: a tail of
    a binomial distribution (Thompson 1936).
    """
    below = accumulate(math.comb(pairs, place) for place in range(pairs // 2))
    return sum(2 * one / 2**pairs <= 1 - LEVEL for one in below) - 1


def _bound(ratios: Floats, quantile: float, seed: int) -> float:
    """A quantile of the medians of samples with replacement; percentile bootstrap (Efron 1979)."""
    samples = np.random.default_rng(seed).integers(0, len(ratios), (_RESAMPLES, len(ratios)))
    return float(
        np.quantile(np.median(ratios[samples], axis=1), quantile, method="closest_observation")
    )
