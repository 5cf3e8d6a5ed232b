"""Means for Keras: RecordingMean keeps every value it averages, CompensatedMean fits long runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from lossaudit.errors import CaptureError
from lossaudit.keras.backend import ON_TENSORFLOW, running_replica
from lossaudit.keras.capture.ring import Ring, Rows, merged
from lossaudit.recording.recording import Recording
from lossaudit.recording.series import Series

if ON_TENSORFLOW:
    import tensorflow as tf

TRAIN, EVALUATION, RESET = 0, 1, 2
"""Kinds of a row: a train batch, a batch of an evaluation, and a reset of the mean."""
_FIRST_NOTE = 3
"""The first kind of a note: tag number t has the kinds 3 + 2t (train) and 4 + 2t (evaluation)."""


@dataclass(frozen=True, eq=False)
class Announced:
    """The loss of a batch as `compute_loss` returned it, before a mean is updated with it.

    Args:
        loss: what `compute_loss` returned.
        value: the loss of the batch, a scalar. On several replicas that of the replica's rows;
            with the reduction "sum", that of the whole batch.
        rows: how many rows the batch has.
        corrects: whether Keras updates its tracker with another value than this.
        needs_rows: whether Keras updates its tracker without the number of rows.
    """

    loss: Any
    value: Any
    rows: Any
    corrects: bool
    needs_rows: bool


class RecordingMean(keras.metrics.Mean):
    """The mean of Keras, bit for bit, which also keeps the values and weights it averaged.

    It can replace `keras.metrics.Mean` anywhere: in a `train_step`, in a hand-written loop,
    under `tf.function`, `jit_compile` and `run_eagerly`. Values go to a preallocated ring; reading
    `recording` empties the ring.

    Args:
        name: name of the metric, and tag of the recorded series.
        dtype: float type of the mean, as in `keras.metrics.Mean`.
        capacity: how many updates and resets fit into the ring between two readings;
            `reset_state` outside of a graph reads it.

    Raises:
        ValueError: `capacity` is not at least 1.

    >>> mean = RecordingMean(name="loss")
    >>> for loss, rows in [(1.0, 4), (2.0, 4), (9.0, 2)]:
    ...     mean.update_state(loss, sample_weight=rows)
    >>> float(mean.result()), mean.recording.find(tag="loss").values.tolist()
    (3.0, [1.0, 2.0, 9.0])
    """

    def __init__(self, name: str = "mean", dtype: Any = None, *, capacity: int = 65536) -> None:
        if capacity < 1:
            raise ValueError(f"capacity={capacity} must be at least 1")
        # Before Keras 3.5 a dtype of None stays None.
        super().__init__(name=name, dtype=dtype or keras.config.floatx())
        self.kind = TRAIN
        self.bypassed: set[int] = set()
        # By replica, because `tf.distribute` traces each replica in a thread of its own.
        self._announced: dict[int | None, list[Announced]] = {}
        self.tags: list[str] = []
        self._lost = 0
        self._rows: list[list[Rows]] = []
        # Hidden from Keras, which would track both: the ring's variables are tracked already, and
        # the mean of a batch has no state to save.
        object.__setattr__(self, "ring", Ring(self, capacity))
        object.__setattr__(self, "_batch_mean", keras.metrics.Mean(name="batch_mean", dtype=dtype))

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Average as `keras.metrics.Mean` does, and keep the mean of `values` with its weight.

        Args:
            values: the mean loss of a batch, a scalar; or an array, which is reduced to its mean.
            sample_weight: the rows of the batch, a scalar; or an array that broadcasts to
                `values`; or None.
        """
        super().update_state(values, sample_weight)
        self.keep(values, sample_weight)

    def reset_state(self) -> None:
        """Start a new mean and mark the reset; outside of a graph, also empty the ring."""
        super().reset_state()
        self.mark_reset()

    def keep(self, values: Any, sample_weight: Any = None) -> None:
        """Keep what another mean averages, without averaging it here.

        An announced loss replaces the value, and its rows a missing weight.
        """
        value, weight = self._mean_and_weight(values, sample_weight)
        # Only the latest: a step may call `compute_loss` more often than it updates the mean.
        for announced in self._announced.pop(running_replica(), [])[-1:]:
            value = announced.value if announced.corrects else value
            weight = announced.rows if announced.needs_rows and sample_weight is None else weight
        self.ring.write([(self.kind, value, weight)])

    def announce(self, announced: Announced) -> None:
        """Announce the loss of the batch, before Keras updates the mean with it."""
        self._announced.setdefault(running_replica(), []).append(announced)

    def mark_reset(self) -> None:
        """Mark that a new mean begins."""
        self.ring.write([(RESET, 0, 0)])
        # Only code outside of a graph can read variables.
        if ON_TENSORFLOW and tf.executing_eagerly():
            self._drain()

    def note(self, notes: Sequence[tuple[str, Any]], weight: Any) -> None:
        """Keep further numbers of the batch, each with its tag; the mean ignores them."""
        self.tags += [tag for tag, _ in notes if tag not in self.tags]
        if notes:
            kinds = [_FIRST_NOTE + 2 * self.tags.index(tag) + self.kind for tag, _ in notes]
            self.ring.write(
                [(kind, value, weight) for kind, (_, value) in zip(kinds, notes, strict=True)]
            )

    def sorted_by_tag(self, rows: Rows) -> dict[str, Rows]:
        """The rows of one replica by tag, of kind TRAIN or EVALUATION.

        The rows of the mean itself also have the kind RESET.
        """
        kinds, found = rows[:, 0].astype(np.int64), {self.name: rows[rows[:, 0] < _FIRST_NOTE]}
        for place in np.unique((kinds[kinds >= _FIRST_NOTE] - _FIRST_NOTE) // 2):
            of_tag = rows[(kinds - _FIRST_NOTE) // 2 == place].copy()
            of_tag[:, 0] = (of_tag[:, 0] - _FIRST_NOTE) % 2
            found[self.tags[place]] = of_tag
        return found

    @contextmanager
    def recording_as(self, kind: int) -> Iterator[None]:
        """Give the rows that are written, or traced, inside the context this kind."""
        before, self.kind = self.kind, kind
        self._announced.pop(running_replica(), None)
        try:
            yield
        finally:
            self.kind = before
            self._announced.pop(running_replica(), None)

    def keep_bypassed(self, logs: Any) -> None:
        """Keep the loss that a step returns unchanged from `compute_loss` and gives to no mean."""
        announced = self._announced.get(running_replica(), [])
        if (
            len(announced) == 1
            and isinstance(logs, dict)
            and logs.get(self.name) is announced[0].loss
        ):
            self.ring.write([(self.kind, announced[0].value, announced[0].rows)])
            self.bypassed.add(self.kind)

    def take(self) -> tuple[list[Rows], int]:
        """Return and clear the rows since the last `take`, of each replica.

        Returns:
            The rows of each replica, and how many were lost.
        """
        self._drain()
        rows, lost = [np.concatenate(parts) for parts in zip(*self._rows, strict=True)], self._lost
        self._rows, self._lost = [], 0
        return rows, lost

    @property
    def recording(self) -> Recording:
        """All values so far, as one series; an epoch lasts from one reset to the next.

        On several replicas a value is the weighted mean of theirs: the loss of the whole batch.

        Raises:
            CaptureError: more than `capacity` values came between two readings, and the oldest
                were overwritten.
        """
        self._drain()
        rows = merged([np.concatenate(parts) for parts in zip(*self._rows, strict=True)])
        if self._lost:
            raise CaptureError(
                f"{self._lost} of {self._lost + len(rows)} values were overwritten before they "
                "were read: reset the mean or read `recording` more often, or choose a larger "
                f"capacity than {self.ring.capacity}"
            )
        batches = rows[:, 0] != RESET
        _, epochs = np.unique(np.cumsum(~batches)[batches], return_inverse=True)
        values, weights = rows[batches, 1], rows[batches, 2]
        return Recording(
            [Series(values, tag=self.name, weights=weights, epochs=epochs, dtype=self.dtype)]
        )

    def get_config(self) -> dict[str, Any]:
        """The arguments with which Keras can make this metric again."""
        return {**super().get_config(), "capacity": self.ring.capacity}

    def _drain(self) -> None:
        taken = self.ring.take()
        self._rows.append([rows for rows, _ in taken])
        self._lost += sum(lost for _, lost in taken)

    def _mean_and_weight(self, values: Any, sample_weight: Any) -> tuple[Any, Any]:
        # Scalars bypass Keras' reduction: it multiplies by the weight and divides again, which
        # can change the last bit.
        values = ops.cast(values, self.dtype)
        weight = ops.cast(1.0 if sample_weight is None else sample_weight, self.dtype)
        if len(weight.shape) or (sample_weight is None and len(values.shape)):
            zeros = [ops.zeros((), self.dtype)] * 2
            total, count = self._batch_mean.stateless_update_state(zeros, values, sample_weight)
            return ops.divide_no_nan(total, count), count
        return (ops.mean(values) if len(values.shape) else values), weight


class CompensatedMean(keras.metrics.Mean):
    """A mean for long runs: within 2 ulp of the exact one after 10⁸ updates.

    `keras.metrics.Mean` stops moving once its total is about 2^24 times as large as an added
    number: after 10⁸ updates with 0.1 its result is 0.125. Here total and count are three floats
    each, which carry every rounding error of a sum (two-sum: Knuth, TAOCP 2, 4.2.2; distillation:
    Shewchuk 1997). Two errors remain. The products of value and weight are rounded, which is at
    most an ulp of the mean for losses of one sign. The two steps of the result add half an ulp
    each. An array is first reduced as Keras reduces it.

    This holds in float32 for losses above 1e-30, as long as nothing overflows. In bfloat16, where
    three floats have 24 bits, it holds for 10⁵ updates.

    Args:
        name: name of the metric.
        dtype: float type of the mean, as in `keras.metrics.Mean`.

    >>> mean = CompensatedMean()
    >>> for loss in (2.0**24, 1.0, 1.0, 2.0):
    ...     mean.update_state(loss)
    >>> float(mean.result()), (2**24 + 4) / 4
    (4194305.0, 4194305.0)
    """

    def __init__(self, name: str = "mean", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype or keras.config.floatx())
        self.carried = self.add_variable(
            (2, 2), initializer="zeros", dtype=self.dtype, name="carried"
        )
        object.__setattr__(self, "_batch_mean", keras.metrics.Mean(name="batch_mean", dtype=dtype))

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add a value or an array, as `keras.metrics.Mean` does.

        Args:
            values: the mean loss of a batch, a scalar; or an array.
            sample_weight: the rows of the batch, a scalar; or an array that broadcasts to
                `values`; or None.
        """
        zeros = [ops.zeros((), self.dtype)] * 2
        self._grow(*self._batch_mean.stateless_update_state(zeros, values, sample_weight))

    def merge_state(self, other: CompensatedMean) -> None:
        """Add everything that another mean has averaged; the other mean does not change."""
        carried = ops.convert_to_tensor(other.carried)
        for total, count in ((other.total, other.count), carried[0], carried[1]):
            self._grow(total, count)

    def reset_state(self) -> None:
        """Start a new mean."""
        super().reset_state()
        self.carried.assign(ops.zeros_like(self.carried))

    def result(self) -> Any:
        """The mean, a scalar tensor; 0 before the first update."""
        carried = ops.sum(ops.convert_to_tensor(self.carried), axis=0)
        total, count = ops.convert_to_tensor(self.total), ops.convert_to_tensor(self.count)
        # (total + carried) / count, by a rounded quotient and the remainder that it leaves.
        mean = ops.divide_no_nan(total, count)
        rest = ops.divide_no_nan(carried[0] - mean * carried[1], count)
        return mean + ops.where(ops.isfinite(mean), rest, ops.zeros_like(rest))

    def _grow(self, total: Any, count: Any) -> None:
        high = ops.stack([self.total.value, self.count.value])
        number = ops.stack([ops.cast(total, self.dtype), ops.cast(count, self.dtype)])
        high, middle, low = _grown(high, ops.convert_to_tensor(self.carried), number)
        total, count = ops.unstack(high)
        self.total.assign(total)
        self.count.assign(count)
        self.carried.assign(ops.stack([middle, low]))


def _grown(high: Any, carried: Any, number: Any) -> tuple[Any, Any, Any]:
    """Add a number to a sum of three floats: the rounded sum, its error, and the error of that.

    All arguments have shape (2,), total and count side by side. A sum that is not finite has no
    error.
    """
    middle, low = ops.unstack(carried)
    high, error = _two_sum(high, number)
    middle, error = _two_sum(middle, _where_finite(high, error))
    # Two-sums again from the top, so that each float is at most half an ulp of the one above.
    high, middle = _two_sum(high, middle)
    middle, low = _two_sum(_where_finite(high, middle), low + error)
    return high, middle, low


def _two_sum(a: Any, b: Any) -> tuple[Any, Any]:
    """The rounded sum of two floats, and its rounding error (Knuth, TAOCP 2, 4.2.2)."""
    # Exact only as written: a compiler that reassociates would make both errors 0.
    total = a + b
    virtual = total - a
    return total, (a - (total - virtual)) + (b - virtual)


def _where_finite(total: Any, error: Any) -> Any:
    return ops.where(ops.isfinite(total), error, ops.zeros_like(error))
