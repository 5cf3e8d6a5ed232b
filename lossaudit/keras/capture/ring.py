"""Ring: a table of bounded size that the training step fills and the program empties."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from lossaudit.errors import CaptureError
from lossaudit.keras.backend import ON_TENSORFLOW, array_of, replicas_of, running_replica

if ON_TENSORFLOW:
    import tensorflow as tf

Rows = NDArray[np.floating[Any]]
"""Kind, value and weight of each row, shape (n, 3)."""


class Ring:
    """A table of `capacity` rows (kind, value, weight) as two variables of a metric.

    Each replica has its own table. Row k since the last reading, counted from 1, is at index k
    modulo `capacity`.

    Args:
        metric: the metric that owns the variables.
        capacity: how many rows fit between two readings; the oldest are overwritten.
    """

    def __init__(self, metric: Any, capacity: int) -> None:
        self.capacity = capacity
        self._dtype = "float64" if metric.dtype == "float64" else "float32"
        self._rows = metric.add_variable(
            (capacity, 3), initializer="zeros", dtype=self._dtype, name="ring"
        )
        # TensorFlow counts in int64 on every device; JAX has int64 only if a program enables it.
        counting = "int64" if ON_TENSORFLOW else "int32"
        self._written = metric.add_variable(
            (), initializer="zeros", dtype=counting, name="written"
        )

    def write(self, rows: Sequence[tuple[Any, Any, Any]]) -> None:
        """Write rows of scalars, on the running replica or, outside of replicas, on all.

        Inside a graph the rows are written whenever the graph runs.
        """
        for table, written in self._running():
            cells = [ops.cast(cell, self._dtype) for row in rows for cell in row]
            self._put(table, written, ops.reshape(ops.stack(cells), (len(rows), 3)))

    def take(self) -> list[tuple[Rows, int]]:
        """Empty the ring.

        Returns:
            For each replica, the rows since the last reading and how many were overwritten.
        """
        return [self._take(*one) for one in self._replicas()]

    def _take(self, table: Any, written: Any) -> tuple[Rows, int]:
        number = int(array_of(written))
        if not number:
            return np.empty((0, 3), self._dtype), 0
        if ON_TENSORFLOW:
            written.assign(0)
        else:
            self._written.assign(0)
        lost = max(0, number - self.capacity)
        return array_of(table)[np.arange(lost + 1, number + 1) % self.capacity], lost

    def _replicas(self) -> list[tuple[Any, Any]]:
        return list(zip(replicas_of(self._rows), replicas_of(self._written), strict=True))

    def _running(self) -> list[tuple[Any, Any]]:
        """The variables of the running replica; outside of replicas, those of all."""
        replicas, replica = self._replicas(), running_replica()
        return replicas if len(replicas) == 1 or replica is None else [replicas[replica]]

    def _put(self, table: Any, written: Any, rows: Any) -> None:
        """Write rows in place on TensorFlow, and by assigning the whole table elsewhere."""
        added = int(rows.shape[0])
        numbers = np.arange(1 - added, 1)[:, None]
        if ON_TENSORFLOW:
            # Counting must wait for the rows. With data of unknown length Keras starts a step
            # after the last batch that never gets its data; it must not count a row.
            with tf.control_dependencies([rows]):
                latest = written.assign_add(added)
            # One addition and one scatter: each further operation costs about 1 µs of a step.
            table.scatter_nd_update((latest + numbers) % self.capacity, rows)
            return
        latest = written + added
        indices = ops.mod(latest + ops.convert_to_tensor(numbers.astype("int32")), self.capacity)
        self._rows.assign(ops.scatter_update(table, indices, rows))
        self._written.assign(latest)


def merged(replicas: Sequence[Rows]) -> Rows:
    """The rows of whole batches: values of all replicas averaged by weight, weights added.

    Raises:
        CaptureError: a replica has more rows than another.
    """
    if len(replicas) == 1:
        return replicas[0]
    if len({len(rows) for rows in replicas}) > 1:
        numbers = ", ".join(str(len(rows)) for rows in replicas)
        raise CaptureError(
            f"the replicas recorded {numbers} batches: a step must update the mean on each of them"
        )
    kinds, values, weights = np.moveaxis(np.stack(replicas).astype(np.float64), 2, 0)
    # A replica without rows has the loss 0/0; its weight 0 alone would not remove the NaN.
    totals, counts = np.where(weights > 0, values * weights, 0.0).sum(axis=0), weights.sum(axis=0)
    means = np.divide(totals, counts, out=np.full(len(totals), np.nan), where=counts > 0)
    return np.stack([kinds[0], means, counts], axis=1)
