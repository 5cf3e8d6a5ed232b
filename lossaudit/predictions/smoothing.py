"""Exponential averages and means of a window, with the parameter that the log tells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from lossaudit.arithmetic.arrays import Floats, Ints
from lossaudit.arithmetic.bounds import half_ulp, smoothing_bound, window_bound
from lossaudit.predictions.means import each_batch, means_so_far
from lossaudit.predictions.prediction import Prediction
from lossaudit.predictions.truth import Batches, Truth, cached

_USUAL = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
"""Decays to try if only values of epochs were logged, which tell no decay."""

_FEW = 4096
"""Up to this many batches all usual decays are tried; beyond it only the slowest."""

_MOST = 8
"""Number of window lengths that are tried: more match only where the losses hardly change."""


def exponential_averages(truth: Truth, logged: Floats) -> Iterator[Prediction]:
    """Predict averages v = β·v + (1 - β)·l, with the β that the log tells.

    They start at the first loss or at zero, with or without the correction 1/(1 - βⁿ) of Adam
    (Kingma and Ba, 2015, section 3). They continue over the ends of epochs or start again there.
    """
    batches = truth.batches
    for whole in _wholes(batches):
        for start in ("loss", "zero", "corrected"):
            if len(logged) == len(batches):
                found = (
                    _exponential(batches, whole, truth.dtype, one, start)
                    for one in _decays(whole, logged, start)
                )
                yield from (one for one in found if not _may_be_mean(one, whole, truth.dtype))
            if len(logged) == len(batches.ends):
                # Each decay is a Python loop over all batches, and long runs are smoothed slowly.
                decays = _USUAL if len(batches) <= _FEW else _USUAL[-3:]
                # Loops smooth in Python floats, and only the number of the epoch is stored in a
                # narrow type.
                usual = (_exponential(batches, whole, "float64", decay, start) for decay in decays)
                yield from (_stored(one, truth.dtype).per_epoch(batches.ends) for one in usual)


def window_averages(truth: Truth, logged: Floats) -> Iterator[Prediction]:
    """Predict means of the latest k losses, with the k that the log tells."""
    batches = truth.batches
    for whole in _wholes(batches):
        if len(logged) == len(batches):
            for length in _lengths(whole, logged, np.arange(len(batches)), truth.dtype):
                yield _window(batches, whole, truth.dtype, length)
        if len(logged) == len(batches.ends):
            for length in _lengths(whole, logged, batches.ends, truth.dtype):
                # A window as long as the epoch is the mean of the epoch.
                if length < batches.lengths.min():
                    window = _window(batches, whole, "float64", length)
                    yield _stored(window, truth.dtype).per_epoch(batches.ends)


def _wholes(batches: Batches) -> list[Batches]:
    """The batches without boundaries between epochs, and with them where there are any."""
    return [batches.as_one_epoch(), *([batches] if len(batches.ends) > 1 else [])]


def _stored(average: Prediction, dtype: str) -> Prediction:
    """Return a prediction in double precision as another float type stores it."""
    bounds = average.bounds + half_ulp(np.abs(average.values) + average.bounds, dtype)
    return replace(average, bounds=bounds, probable=lambda: bounds, dtype=dtype)


def _exponential(
    batches: Batches, whole: Batches, dtype: str, decay: float, start: str
) -> Prediction:
    def smoothed() -> Floats:
        return np.concatenate(
            [_smoothed(whole.values[group], decay, start) for group in whole.groups()]
        )

    values = cached(whole.cache, ("smoothed", decay, start), smoothed)
    bounds = [
        smoothing_bound(whole.values[group], decay, dtype, start == "corrected")
        for group in whole.groups()
    ]
    return _average(batches, values, np.concatenate(bounds), dtype, {"decay": f"{decay:.9g}"})


def _may_be_mean(average: Prediction, whole: Batches, dtype: str) -> bool:
    """Whether it forgets so little that rounding may turn it into the mean of all losses."""
    return bool(average.matches(means_so_far(whole.unweighted(), dtype).values).all())


def _average(
    batches: Batches, values: Floats, bounds: Floats, dtype: str, details: dict[str, Any]
) -> Prediction:
    stored = each_batch(batches, dtype)
    # A window forgets losses that were not finite, so their bounds must not stay.
    finite = np.where(np.isfinite(stored.values), stored.bounds, 0.0)
    around = bounds + np.maximum.accumulate(finite)
    return replace(
        stored,
        values=values,
        bounds=around,
        probable=lambda: around,
        errors=bounds,
        replays=(),
        details=details,
    )


def _smoothed(losses: Floats, decay: float, start: str) -> Floats:
    """The average after each loss."""
    state = float(losses[0]) if start == "loss" else 0.0
    averages = []
    # Not vectorised: a closed form divides by powers of β, which underflow in a long run.
    for loss in losses.tolist():
        state = decay * state + (1 - decay) * loss
        averages.append(state)
    corrections = 1 - decay ** np.arange(1.0, len(losses) + 1) if start == "corrected" else 1.0
    return np.array(averages) / corrections


def _decays(whole: Batches, logged: Floats, start: str) -> Iterator[float]:
    """Yield the simplest β that gives the number at which β is best determined."""
    losses, before = whole.values, np.append(np.nan, logged[:-1])
    first = np.zeros(len(losses), dtype=bool)
    first[whole.starts] = True
    with np.errstate(all="ignore"):
        if start == "corrected":
            # At the second loss of an epoch v₁ = (β·l₀ + l₁) / (1 + β), which is solved for β.
            second = np.append(False, first[:-1]) & ~first
            gaps = np.where(second, logged - np.append(np.nan, losses[:-1]), np.nan)
            estimates = (losses - logged) / gaps
        else:
            # v₁ = β·v₀ + (1 - β)·l gives β = (v₁ - l) / (v₀ - l).
            gaps = np.where(first, np.nan, before - losses)
            estimates = (logged - losses) / gaps
    if not np.isfinite(estimates).any():
        return
    # The larger the gap, the less rounding moves the estimate.
    at = int(np.nanargmax(np.where(np.isfinite(estimates), np.abs(gaps), np.nan)))
    scale = np.nanmax(np.abs([losses[at], logged[at], before[at]]))
    with np.errstate(all="ignore"):
        # A radius for the search only: every β that is found must fit all numbers within a proven
        # bound.
        error = float(32 * np.finfo(np.float32).eps * scale / abs(gaps[at]))
    yield from _simplest(float(estimates[at]), error)


def _simplest(estimate: float, error: float) -> Iterator[float]:
    """Yield simple numbers between 0 and 1 within the error of an estimate.

    Simple are a few decimals, 1 - 2/(span + 1) for a whole span, and fractions with a small
    denominator.
    """
    # An estimate that may be 1 may mean that nothing is forgotten: the mean of all losses.
    if not error < 1 - estimate:
        return
    # The parameter `span` of pandas' `ewm` means the decay 1 - 2/(span + 1).
    spans = (1 - 2 / (span + 1) for span in (round(2 / (1 - estimate)) - 1,) if span > 0)
    decimals = (round(estimate, digits) for digits in range(1, 7))
    fractions = (
        float(Fraction(estimate).limit_denominator(most)) for most in (10, 100, 1000, 10000)
    )
    simple = dict.fromkeys((*decimals, *spans, *fractions))
    yield from [decay for decay in simple if 0 < decay < 1 and abs(decay - estimate) <= error]


def _window(batches: Batches, whole: Batches, dtype: str, length: int) -> Prediction:
    parts = [_windowed(whole.values[group], length) for group in whole.groups()]
    sizes = [_windowed(np.abs(whole.values[group]), length) for group in whole.groups()]
    bounds = window_bound(np.concatenate(sizes), length, dtype)
    return _average(batches, np.concatenate(parts), bounds, dtype, {"window": str(length)})


def _windowed(losses: Floats, length: int) -> Floats:
    """The mean of the latest losses; each window is summed by itself."""
    length = min(length, len(losses))
    # Not by a running sum, in which one NaN or one large loss would spoil all later windows.
    full = np.lib.stride_tricks.sliding_window_view(losses, length).sum(axis=1) / length
    return np.concatenate([np.cumsum(losses[: length - 1]) / np.arange(1, length), full])


def _lengths(whole: Batches, logged: Floats, at: Ints, dtype: str) -> list[int]:
    """Every k for which the mean of the latest k losses is the logged number."""
    known = np.flatnonzero(np.isfinite(logged))
    if not len(known):
        return []
    begins = np.isin(np.arange(len(whole)), whole.starts) | ~np.isfinite(whole.values)
    runs = np.arange(len(whole)) - np.maximum.accumulate(
        np.where(begins, np.arange(len(whole)), 0)
    )
    # The number that follows the longest run of finite losses tells the length best.
    best = int(known[np.argmax(runs[at[known]])])
    row, start = int(at[best]), int(at[best] - runs[at[best]])
    # Backwards from that number, so that the k-th cumulative mean is the window of length k.
    latest = whole.values[start : row + 1][::-1]
    counts = np.arange(1.0, len(latest) + 1)
    means, sizes = np.cumsum(latest) / counts, np.cumsum(np.abs(latest)) / counts
    near = np.abs(means - logged[best]) <= window_bound(sizes, counts, dtype)
    likely = counts[near & (counts > 1) & (counts < whole.lengths.max())]
    return [int(length) for length in likely[:_MOST]]
