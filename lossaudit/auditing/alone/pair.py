"""Pair: the batch values of a log with the epoch values that they lead to.

A batch series and an epoch series of the same tag and split prove each other right, or prove that
one of them is not what it promises. The epoch's value is the mean of its batch losses, or it is
the last running mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lossaudit.arithmetic.arrays import Floats, Ints
from lossaudit.arithmetic.bounds import COINCIDENCE, decimals_bound, group_mean_bound, half_ulp
from lossaudit.recording.series import Series

NOWHERE = -1
_FEWEST_CHANGES = 6
"""Changes needed in each half of the epochs to tell whether they shrink."""
_COARSENESS = ("bfloat16", "float16", "float32", "float64")


@dataclass(frozen=True, eq=False)
class Pair:
    """The batch values of a log with the epoch values that they lead to, of m epochs.

    Args:
        batches: the values logged after batches, n of them.
        epochs: the values logged for epochs, m of them.
        ends: index into `batches` of the last batch of each epoch, NOWHERE if it was not logged,
            shape (m,).
        starts: index into `batches` of the first value of each epoch, NOWHERE if it has none,
            shape (m,).
        so_far: rows of the epoch up to and including each batch; if rows are unknown, batches;
            shape (n,).
        complete: whether every batch of each epoch was logged.
        ways: how many ways to find the ends of epochs were tried.
    """

    batches: Series
    epochs: Series
    ends: Ints
    starts: Ints
    so_far: Floats
    complete: bool
    ways: int = 1

    @cached_property
    def judged(self) -> NDArray[np.bool_]:
        """Epochs whose last batch was logged and whose numbers are all finite, shape (m,)."""
        known = self.ends != NOWHERE
        # Differences of running counts judge every epoch at once, without a loop.
        bad = np.append(0, np.cumsum(~np.isfinite(self.batches.values)))
        finite = bad[self.ends + 1] == bad[self.starts]
        return known & finite & np.isfinite(self.epochs.values)

    @cached_property
    def last(self) -> Floats:
        """The last batch value of each judged epoch."""
        return self.batches.values[self.ends[self.judged]]

    @cached_property
    def value(self) -> Floats:
        """The epoch value of each judged epoch."""
        return self.epochs.values[self.judged]

    @cached_property
    def slack(self) -> Floats:
        """How far one number may differ between the two logs: half an ulp, half a digit each."""
        return (
            half_ulp(self.value, self._dtype)
            + decimals_bound(self.batches.decimals)
            + decimals_bound(self.epochs.decimals)
        )

    @cached_property
    def ends_in_epoch_value(self) -> bool:
        """Whether the last batch value of every epoch is the epoch's value."""
        return len(self.value) > 0 and bool(np.all(np.abs(self.last - self.value) <= self.slack))

    @cached_property
    def leads_to_epoch_value(self) -> bool:
        """Whether the last running mean of every epoch is the epoch's value, up to rounding."""
        return len(self.value) > 0 and bool(np.all(np.abs(self.last - self.value) <= self.bound))

    @cached_property
    def no_coincidence(self) -> bool:
        """Whether the last batch values are too close to the epoch values for coincidence.

        The chance is that of numbers drawn evenly from the range of each epoch's batch values.
        """
        low, high = self._of_each_epoch(np.minimum), self._of_each_epoch(np.maximum)
        varying = high > low
        chances = np.minimum(1.0, 4 * self.slack[varying] / (high - low)[varying])
        # Logarithms, because the product of many chances underflows; a chance of 0 gives -inf.
        with np.errstate(divide="ignore"):
            return self.ways * float(np.exp(np.sum(np.log(chances)))) < COINCIDENCE

    @cached_property
    def lengths(self) -> Ints:
        """Number of batch values of each judged epoch."""
        return self.ends[self.judged] - self.starts[self.judged] + 1

    @cached_property
    def mean(self) -> Floats:
        """The mean of the batch values of each judged epoch, weighted by rows if known."""
        return self._mean(self._weights)

    @cached_property
    def plain_mean(self) -> Floats:
        """The unweighted mean of the batch values of each judged epoch."""
        return self._mean(np.ones(len(self.batches)))

    @cached_property
    def bound(self) -> Floats:
        """How far the epoch's value may be from the mean of its batch values."""
        sizes = self._mean(self._weights, np.abs(self.batches.values))
        return (
            group_mean_bound(np.maximum(sizes, np.abs(self.plain_mean)), self.lengths, self._dtype)
            + self.slack
        )

    @cached_property
    def short_last(self) -> tuple[float, float] | None:
        """The rows of the last batch as a share of a full one, the same in every epoch.

        An interval of shares that make every epoch value the mean of its batch values; None if no
        share does. If the rows are known, it is (1, 1) or None.
        """
        if not self.complete or not len(self.value):
            return None
        if np.all(np.abs(self.mean - self.value) <= self.bound):
            return (1.0, 1.0)
        return None if self.batches.weights is not None else self._common_share()

    @property
    def follows(self) -> bool:
        """Whether the epoch values are the means of the batch values, so that the logs agree."""
        share = self.short_last
        return share is not None and (share == (1.0, 1.0) or len(self.value) > 1)

    @cached_property
    def cannot_follow(self) -> bool:
        """Whether no number of rows of the last batch makes the epoch values means of batches."""
        if not self.complete or not len(self.value):
            return bool(np.any(self._of_each_epoch(np.maximum) > self._of_each_epoch(np.minimum)))
        # The mean moves in one direction while the last batch grows from no row to a full one.
        without_last = np.where(self.lengths > 1, self._without_last(), self.mean)
        edges = np.sort(
            [self.mean, self.mean if self.batches.weights is not None else without_last], axis=0
        )
        return bool(
            np.any((self.value < edges[0] - self.bound) | (self.value > edges[1] + self.bound))
        )

    @cached_property
    def hardly_follow(self) -> bool:
        """Whether only the rounding of very many batches makes the epoch values means of them."""
        if (
            decimals_bound(self.batches.decimals)
            or decimals_bound(self.epochs.decimals)
            or not self.complete
        ):
            return self.cannot_follow
        # The bound of a mean of hardly any terms: beyond it, only a long sum can be the reason.
        few = (
            group_mean_bound(np.abs(self.mean), np.zeros(len(self.mean)), self._dtype) + self.slack
        )
        # An epoch that is mostly its last batch has nearly that batch's loss as its mean.
        weights = self._weights[self.ends[self.judged]] / self._reduced(np.add, self._weights)
        return self.cannot_follow or bool(
            np.any((np.abs(self.mean - self.value) > few) & (weights <= 0.5))
        )

    @cached_property
    def recovered_negative(self) -> int | None:
        """Index of the first value that, in a running mean, needs a negative batch loss, or None.

        If any logged value is negative, losses may be negative, and nothing follows.
        """
        values, before = self.batches.values, np.append(0.0, self.batches.values[:-1])
        if np.any(values < 0) or np.any(self.epochs.values < 0):
            return None
        rows_before = np.append(0.0, self.so_far[:-1])
        inside = np.ones(len(values), bool)
        inside[self.starts[self.starts != NOWHERE]] = False
        # Rows that do not grow begin an epoch, also one that the log does not pair.
        inside &= self.so_far > rows_before
        dtype, printed = self.batches.dtype, decimals_bound(self.batches.decimals)
        totals, totals_before = self.so_far * values, rows_before * before
        error = self.so_far * (half_ulp(values, dtype) + printed) + rows_before * (
            half_ulp(before, dtype) + printed
        )
        error = error + 4 * half_ulp(np.maximum(totals, totals_before), dtype)
        found = np.flatnonzero(inside & (totals - totals_before < -error))
        return int(found[0]) if len(found) else None

    @cached_property
    def shrinks(self) -> bool:
        """Whether the values change less and less along the epochs, as running means must.

        The values must also jump where an epoch begins, as a mean that starts anew does. A curve
        that only flattens does not.
        """
        starts, lengths = self.starts[self.judged], self.lengths
        place, rows = np.zeros(len(self.batches)), spread(starts, lengths)
        place[rows] = (rows - np.repeat(starts, lengths)) / np.repeat(
            np.maximum(lengths - 1, 1), lengths
        )
        changes = np.abs(np.diff(self.batches.values, prepend=np.nan))
        early, late = changes[(place > 0) & (place <= 0.5)], changes[place > 0.5]
        if min(len(early), len(late)) < _FEWEST_CHANGES:
            return False
        jumps = changes[starts[starts > 0]]
        # A running mean changes as 1/k. Simulated, 50 batches: its ratio is 0.2, and 1.1 for raw
        # losses.
        shrinking = np.mean(late) < 0.75 * np.mean(early)
        return bool(shrinking and len(jumps) and np.mean(jumps) > np.mean(early))

    @property
    def _dtype(self) -> str:
        """The coarser float type of the two logs."""
        # Two logs of one number agree only to the digits of the coarser one.
        return min(self.batches.dtype, self.epochs.dtype, key=_COARSENESS.index)

    @cached_property
    def _weights(self) -> Floats:
        return np.ones(len(self.batches)) if self.batches.weights is None else self.batches.weights

    def _mean(self, weights: Floats, values: Floats | None = None) -> Floats:
        values = self.batches.values if values is None else values
        # Only finite epochs are judged; other numbers must not reach them through the sum.
        values = np.where(np.isfinite(values), values, 0.0)
        with np.errstate(all="ignore"):
            return self._reduced(np.add, values * weights) / self._reduced(np.add, weights)

    def _of_each_epoch(self, reduce: np.ufunc) -> Floats:
        return self._reduced(reduce, self.batches.values)

    def _reduced(self, reduce: np.ufunc, column: Floats) -> Floats:
        """One number for each judged epoch."""
        if not len(self.value):
            return np.zeros(0)
        # `reduceat` also reduces the gaps between epochs; every second result is an epoch. The 0
        # that is appended makes the end of the last epoch a valid index.
        edges = np.stack([self.starts[self.judged], self.ends[self.judged] + 1], axis=1).ravel()
        return reduce.reduceat(np.append(column, 0.0), edges)[::2]

    def _without_last(self) -> Floats:
        """The unweighted mean of all but the last batch value of each epoch."""
        with np.errstate(all="ignore"):
            return (self.plain_mean * self.lengths - self.last) / (self.lengths - 1)

    def _common_share(self) -> tuple[float, float] | None:
        """The shares of a full batch, in (0, 1], that give every epoch value as the mean.

        (S + r·x) / (n - 1 + r) = E gives r = (S - (n - 1)·E) / (E - x), where S is the sum of all
        values but the last one, x.
        """
        full = self.lengths - 1
        before = self.plain_mean * self.lengths - self.last
        with np.errstate(all="ignore"):
            shares = [
                (before - full * value) / (value - self.last)
                for value in (self.value - self.bound, self.value + self.bound)
            ]
        # An epoch value that is near its last batch value leaves r undetermined: the divisor
        # E - x may be zero.
        surrounds = np.abs(self.value - self.last) <= self.bound
        vague = (full == 0) | surrounds
        if np.any(
            surrounds & (full > 0) & (np.abs(self._without_last() - self.last) > 2 * self.bound)
        ):
            return None
        low = float(np.max(np.where(vague, 0.0, np.minimum(*shares)), initial=0.0))
        high = float(np.min(np.where(vague, 1.0, np.maximum(*shares)), initial=1.0))
        return (low, high) if low <= high and high > 0 and not np.all(vague) else None


def spread(starts: Ints, lengths: Ints) -> Ints:
    """Every index of the ranges that begin at `starts` and have these `lengths`, in order."""
    total = int(lengths.sum())
    offsets = np.cumsum(lengths) - lengths
    return np.arange(total) - np.repeat(offsets, lengths) + np.repeat(starts, lengths)
