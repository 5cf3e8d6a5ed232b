"""RecordingMean: a keras.metrics.Mean that also keeps every value it averaged, inside the graph."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import NDArray

from lossaudit.errors import CaptureError
from lossaudit.recordings import Recording, Series

TRAIN, EVALUATION, RESET = 0, 1, 2
"""Kinds of a row: a train batch, a batch of an evaluation, and a reset of the mean."""

Rows = NDArray[np.floating[Any]]


class RecordingMean(keras.metrics.Mean):
    """The mean of Keras, bit for bit, with a memory of the values and weights it averaged.

    It stands wherever a `keras.metrics.Mean` does: in a `train_step`, in a hand-written loop, under `tf.function`,
    `jit_compile` and `run_eagerly`. Values go to a preallocated ring that a program reads when it reads `recording`.

    Args:
        name: name of the metric, and tag of the recorded series.
        dtype: float type of the mean, as in `keras.metrics.Mean`.
        capacity: how many updates and resets the ring holds between two readings; `reset_state` outside a graph reads
            it.

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
        super().__init__(name=name, dtype=dtype)
        self.capacity = capacity
        self.kind = TRAIN
        self._lost = 0
        self._read: list[Rows] = []
        self._ring_dtype = "float64" if self.dtype == "float64" else "float32"
        # Row 0 counts the rows written since the last reading, so that one write holds row and count together:
        # an update that never runs, as for the batch after the last of a data set of unknown length, leaves no trace.
        self.ring = self.add_variable((capacity + 1, 3), initializer="zeros", dtype=self._ring_dtype, name="ring")
        # Not an attribute that Keras tracks: it has no state of its own that anybody should save or reset.
        object.__setattr__(self, "_batch_mean", keras.metrics.Mean(name="batch_mean", dtype=dtype))

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Average as `keras.metrics.Mean` does, and keep the mean of `values` and the weight it was given.

        Args:
            values: a scalar, the mean loss of a batch, or an array, which Keras reduces to the mean of its samples.
            sample_weight: None, a scalar, the rows of the batch, or an array that broadcasts to `values`.
        """
        super().update_state(values, sample_weight)
        value, weight = self._mean_and_weight(values, sample_weight)
        self._write(self.kind, value, weight)

    def reset_state(self) -> None:
        """Start a new mean, and mark where; outside a graph also the moment to empty the ring."""
        super().reset_state()
        self._write(RESET, 0, 0)
        if keras.backend.backend() == "tensorflow" and tf.executing_eagerly():
            self.drain()

    @contextmanager
    def recording_as(self, kind: int) -> Iterator[None]:
        """Mark the rows that are written, or traced, inside the context as of that kind."""
        before, self.kind = self.kind, kind
        try:
            yield
        finally:
            self.kind = before

    def drain(self) -> Rows:
        """Empty the ring into memory, and give all rows since the last `take`: kind, value and weight, shape (n, 3)."""
        ring = self._as_numpy()
        written = int(ring[0, 0])
        if written:
            self._put([[0]], [[0.0, 0.0, 0.0]])
            oldest = written % self.capacity if written > self.capacity else 0
            self._read.append(np.roll(ring[1:], -oldest, axis=0)[: min(written, self.capacity)].copy())
            self._lost += max(0, written - self.capacity)
        return np.concatenate([ring[:0], *self._read])

    def take(self) -> tuple[Rows, int]:
        """The rows since the last `take`, which are then forgotten here, and how many more were overwritten."""
        rows, lost = self.drain(), self._lost
        self._read, self._lost = [], 0
        return rows, lost

    @property
    def recording(self) -> Recording:
        """All values so far, as one series; an epoch is what lies between two resets.

        Raises:
            CaptureError: more than `capacity` values came between two readings, and the oldest are gone.
        """
        rows = self.drain()
        if self._lost:
            raise CaptureError(
                f"{self._lost} of {self._lost + len(rows)} values were overwritten before they were read: reset the "
                f"mean or read `recording` more often, or make the ring larger than capacity={self.capacity}"
            )
        batches = rows[:, 0] != RESET
        _, epochs = np.unique(np.cumsum(~batches)[batches], return_inverse=True)
        values, weights = rows[batches, 1], rows[batches, 2]
        return Recording([Series(values, tag=self.name, weights=weights, epochs=epochs, dtype=self.dtype)])

    def get_config(self) -> dict[str, Any]:
        """What Keras needs to make another one."""
        return {**super().get_config(), "capacity": self.capacity}

    def _mean_and_weight(self, values: Any, sample_weight: Any) -> tuple[Any, Any]:
        values = ops.cast(values, self.dtype)
        weight = ops.cast(1.0 if sample_weight is None else sample_weight, self.dtype)
        if len(weight.shape) or (sample_weight is None and len(values.shape)):
            zeros = [ops.zeros((), self.dtype)] * 2
            total, count = self._batch_mean.stateless_update_state(zeros, values, sample_weight)
            return ops.divide_no_nan(total, count), count
        return (ops.mean(values) if len(values.shape) else values), weight

    def _write(self, kind: int, value: Any, weight: Any) -> None:
        written = self._written()
        place = 1 + ops.mod(ops.cast(written, "int32"), self.capacity)
        row = [ops.cast(cell, self._ring_dtype) for cell in (kind, value, weight)]
        zero = ops.zeros((), self._ring_dtype)
        indices = ops.stack([ops.zeros((), "int32"), place])[:, None]
        self._put(indices, ops.stack([ops.stack([written + 1, zero, zero]), ops.stack(row)]))

    def _as_numpy(self) -> Rows:
        ring = self.ring.value
        # Keras 3.15 reads TensorFlow variables in a way of which numpy 2 warns.
        return ring.numpy() if isinstance(ring, tf.Variable) else ops.convert_to_numpy(ring)

    def _written(self) -> Any:
        """How many rows were written since the last reading; on TensorFlow without a copy of the ring."""
        ring = self.ring.value
        return (ring.sparse_read([0]) if isinstance(ring, tf.Variable) else ring[:1])[0, 0]

    def _put(self, indices: Any, rows: Any) -> None:
        """Write rows in place on TensorFlow, and as Keras can elsewhere."""
        ring = self.ring.value
        if isinstance(ring, tf.Variable):
            ring.scatter_nd_update(indices, rows)
        else:
            self.ring.assign(ops.scatter_update(ring, ops.convert_to_tensor(indices), ops.convert_to_tensor(rows)))


class CompensatedMean(keras.metrics.Mean):
    """A mean for long runs: within 2 ulp of the exact one after 10⁸ updates, in any float type.

    `keras.metrics.Mean` stands still once its total is some 2^24 times as large as what is added; after 10⁸ updates
    with 0.1 it reads 0.125. Here total and count are three floats each, and every rounding error of a sum is carried
    (two-sums: Knuth, TAOCP 2, 4.2.2; distillation: Shewchuk 1997). What remains is the rounding of the products of
    value and weight, at most an ulp of the mean for losses of one sign, and half an ulp each for the two steps of the
    result. An array is first reduced as Keras does it.

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
        super().__init__(name=name, dtype=dtype)
        self.carried = self.add_variable((2, 2), initializer="zeros", dtype=self.dtype, name="carried")
        object.__setattr__(self, "_batch_mean", keras.metrics.Mean(name="batch_mean", dtype=dtype))

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add a value, or an array, as `keras.metrics.Mean` does.

        Args:
            values: a scalar, the mean loss of a batch, or an array.
            sample_weight: None, a scalar, the rows of the batch, or an array that broadcasts to `values`.
        """
        zeros = [ops.zeros((), self.dtype)] * 2
        self._grow(*self._batch_mean.stateless_update_state(zeros, values, sample_weight))

    def merge_state(self, other: CompensatedMean) -> None:
        """Add what another mean holds, which stays as it is."""
        carried = ops.convert_to_tensor(other.carried)
        for total, count in ((other.total, other.count), *((carried[0, i], carried[1, i]) for i in (0, 1))):
            self._grow(total, count)

    def reset_state(self) -> None:
        """Forget everything."""
        super().reset_state()
        self.carried.assign(ops.zeros_like(self.carried))

    def result(self) -> Any:
        """The mean, a scalar tensor; 0 of nothing."""
        carried = ops.sum(ops.convert_to_tensor(self.carried), axis=1)
        total, count = ops.convert_to_tensor(self.total), ops.convert_to_tensor(self.count)
        mean = ops.divide_no_nan(total, count)
        return mean + ops.divide_no_nan(carried[0] - mean * carried[1], count)

    def _grow(self, total: Any, count: Any) -> None:
        carried = ops.convert_to_tensor(self.carried)
        totals = _grown(self.total.value, carried[0], ops.cast(total, self.dtype))
        counts = _grown(self.count.value, carried[1], ops.cast(count, self.dtype))
        self.total.assign(totals[0])
        self.count.assign(counts[0])
        self.carried.assign(ops.stack([ops.stack(totals[1:]), ops.stack(counts[1:])]))


def _grown(high: Any, carried: Any, number: Any) -> tuple[Any, Any, Any]:
    """Three floats and a number as three floats: the rounded sum, what it misses, and what that misses."""
    high, missed = _two_sum(high, number)
    middle, missed = _two_sum(carried[0], missed)
    high, middle = _two_sum(high, middle)
    middle, low = _two_sum(middle, carried[1] + missed)
    return high, middle, low


def _two_sum(a: Any, b: Any) -> tuple[Any, Any]:
    """The rounded sum of two floats, and its rounding error (Knuth)."""
    total = a + b
    virtual = total - a
    return total, (a - (total - virtual)) + (b - virtual)
