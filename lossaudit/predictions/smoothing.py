"""Averages that forget: exponential moving averages and means of a window, whose parameter the
logged numbers say.
"""

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
from lossaudit.predictions.truth import Batches, Truth, remembered

_USUAL = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
"""What is tried where only the epochs' values were logged, from which no decay can be computed."""

_FEW = 4096
"""Batches for which all of these are tried; with more, only those that look further back."""

_MOST = 8
"""Lengths of a window that are tried: more match the latest number only where the losses hardly
change.
"""


def exponential_averages(truth: Truth, logged: Floats) -> Iterator[Prediction]:
    """Averages v = β·v + (1 - β)·l, with the β that the log says.

    They start at the first loss or at zero, corrected for that or not, and go on over the ends of
    epochs or start anew.
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
                decays = _USUAL if len(batches) <= _FEW else _USUAL[-3:]
                usual = (_exponential(batches, whole, "float64", decay, start) for decay in decays)
                yield from (_stored(one, truth.dtype).once_an_epoch(batches.ends) for one in usual)


def window_averages(truth: Truth, logged: Floats) -> Iterator[Prediction]:
    """Means of the latest k losses, or of all there are so far, with the k that the log says."""
    batches = truth.batches
    for whole in _wholes(batches):
        if len(logged) == len(batches):
            for length in _lengths(whole, logged, np.arange(len(batches)), truth.dtype):
                yield _window(batches, whole, truth.dtype, length)
        if len(logged) == len(batches.ends):
            for length in _lengths(whole, logged, batches.ends, truth.dtype):
                if length < batches.lengths.min():  # a window of a whole epoch is its mean
                    window = _window(batches, whole, "float64", length)
                    yield _stored(window, truth.dtype).once_an_epoch(batches.ends)


def _wholes(batches: Batches) -> list[Batches]:
    """The batches with no boundary between epochs, and with them, where there are any."""
    return [batches.as_one_epoch(), *([batches] if len(batches.ends) > 1 else [])]


def _stored(average: Prediction, dtype: str) -> Prediction:
    """What was computed in double precision, as another float type keeps it."""
    bounds = average.bounds + half_ulp(np.abs(average.values) + average.bounds, dtype)
    return replace(average, bounds=bounds, bands=lambda: bounds, dtype=dtype)


def _exponential(
    batches: Batches, whole: Batches, dtype: str, decay: float, start: str
) -> Prediction:
    def smoothed() -> Floats:
        return np.concatenate(
            [_smoothed(whole.values[group], decay, start) for group in whole.groups()]
        )

    values = remembered(whole.known, ("smoothed", decay, start), smoothed)
    bounds = [
        smoothing_bound(whole.values[group], decay, dtype, start == "corrected")
        for group in whole.groups()
    ]
    return _average(batches, values, np.concatenate(bounds), dtype, {"decay": f"{decay:.9g}"})


def _may_be_mean(average: Prediction, whole: Batches, dtype: str) -> bool:
    """Whether so little is forgotten that rounding may make the mean of all losses so far of it."""
    return bool(average.matches(means_so_far(whole.counted_alike(), dtype).values).all())


def _average(
    batches: Batches, values: Floats, bounds: Floats, dtype: str, words: dict[str, Any]
) -> Prediction:
    stored = each_batch(batches, dtype)
    finite = np.where(
        np.isfinite(stored.values), stored.bounds, 0.0
    )  # a window forgets what was not
    around = bounds + np.maximum.accumulate(finite)
    return replace(
        stored,
        values=values,
        bounds=around,
        bands=lambda: around,
        slack=bounds,
        ways=(),
        words=words,
    )


def _smoothed(losses: Floats, decay: float, start: str) -> Floats:
    """The average after each loss."""
    state = float(losses[0]) if start == "loss" else 0.0
    averages = []
    for loss in losses.tolist():
        state = decay * state + (1 - decay) * loss
        averages.append(state)
    corrections = 1 - decay ** np.arange(1.0, len(losses) + 1) if start == "corrected" else 1.0
    return np.array(averages) / corrections


def _decays(whole: Batches, logged: Floats, start: str) -> Iterator[float]:
    """The simplest β that gives the number after which it shows best."""
    losses, before = whole.values, np.append(np.nan, logged[:-1])
    first = np.zeros(len(losses), dtype=bool)
    first[whole.starts] = True
    with np.errstate(all="ignore"):
        if start == "corrected":  # v₁ = (β·l₀ + l₁) / (1 + β), at the second loss of an epoch
            second = np.append(False, first[:-1]) & ~first
            gaps = np.where(second, logged - np.append(np.nan, losses[:-1]), np.nan)
            estimates = (losses - logged) / gaps
        else:
            gaps = np.where(first, np.nan, before - losses)
            estimates = (logged - losses) / gaps
    if not np.isfinite(estimates).any():
        return
    at = int(np.nanargmax(np.where(np.isfinite(estimates), np.abs(gaps), np.nan)))
    scale = np.nanmax(np.abs([losses[at], logged[at], before[at]]))
    with np.errstate(all="ignore"):
        error = float(32 * np.finfo(np.float32).eps * scale / abs(gaps[at]))
    yield from _simplest(float(estimates[at]), error)


def _simplest(estimate: float, error: float) -> Iterator[float]:
    """Numbers between 0 and 1 of few digits, of a whole span, or of a small denominator, that an
    estimate allows.
    """
    if not error < 1 - estimate:  # or it may be the mean of all there is
        return
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
    """The mean of the latest losses, each window summed by itself."""
    length = min(length, len(losses))
    full = np.lib.stride_tricks.sliding_window_view(losses, length).sum(axis=1) / length
    return np.concatenate([np.cumsum(losses[: length - 1]) / np.arange(1, length), full])


def _lengths(whole: Batches, logged: Floats, at: Ints, dtype: str) -> list[int]:
    """Every k of which the mean is the latest logged number."""
    known = np.flatnonzero(np.isfinite(logged))
    if not len(known):
        return []
    begins = np.isin(np.arange(len(whole)), whole.starts) | ~np.isfinite(whole.values)
    runs = np.arange(len(whole)) - np.maximum.accumulate(
        np.where(begins, np.arange(len(whole)), 0)
    )
    best = int(known[np.argmax(runs[at[known]])])  # the number before which most losses are finite
    row, start = int(at[best]), int(at[best] - runs[at[best]])
    latest = whole.values[start : row + 1][::-1]
    counts = np.arange(1.0, len(latest) + 1)
    means, sizes = np.cumsum(latest) / counts, np.cumsum(np.abs(latest)) / counts
    near = np.abs(means - logged[best]) <= window_bound(sizes, counts, dtype)
    likely = counts[near & (counts > 1) & (counts < whole.lengths.max())]
    return [int(length) for length in likely[:_MOST]]
