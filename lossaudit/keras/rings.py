"""Ring: a bounded table of numbers that the training step fills inside the graph, and a program empties outside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from lossaudit.errors import CaptureError

ON_TENSORFLOW = keras.backend.backend() == "tensorflow"
"""Whether Keras computes with TensorFlow, which need not be installed where it does not."""
if ON_TENSORFLOW:
    import tensorflow as tf

Rows = NDArray[np.floating[Any]]
"""kind, value and weight of each row, shape (n, 3)."""


class Ring:
    """A table of `capacity` rows (kind, value, weight), one for each replica, as a variable of a metric.

    Row 0 of the variable counts the rows written since the last reading, so that one write holds rows and count
    together: an update that never runs, as for the batch after the last of a data set of unknown length, leaves no
    trace.

    Args:
        metric: the metric whose state the ring is part of.
        capacity: how many rows it holds between two readings.
    """

    def __init__(self, metric: Any, capacity: int) -> None:
        self.capacity = capacity
        self._dtype = "float64" if metric.dtype == "float64" else "float32"
        self._variable = metric.add_variable((capacity + 1, 3), initializer="zeros", dtype=self._dtype, name="ring")

    def write(self, rows: Sequence[tuple[Any, Any, Any]]) -> None:
        """Write rows of scalars; inside a graph when the graph runs, outside of replicas for each of them."""
        for ring in self._running():
            written = self._written(ring)
            places = 1 + ops.mod(ops.cast(written, "int32") + np.arange(len(rows)), self.capacity)
            zero = ops.zeros((), self._dtype)
            table = [(written + len(rows), zero, zero), *rows]
            cells = ops.stack([ops.stack([ops.cast(cell, self._dtype) for cell in row]) for row in table])
            self._put(ring, ops.concatenate([ops.zeros((1,), "int32"), places])[:, None], cells)

    def take(self) -> list[tuple[Rows, int]]:
        """Empty the ring: for each replica the rows since the last reading, and how many more were overwritten."""
        return [self._take(ring) for ring in replicas_of(self._variable)]

    def _take(self, ring: Any) -> tuple[Rows, int]:
        # Keras 3.15 reads TensorFlow variables in a way of which numpy 2 warns.
        table = ring.numpy() if ON_TENSORFLOW else ops.convert_to_numpy(ring)
        written = int(table[0, 0])
        if not written:
            return table[1:1], 0
        self._put(ring, [[0]], [[0.0, 0.0, 0.0]])
        oldest = written % self.capacity if written > self.capacity else 0
        rows = np.roll(table[1:], -oldest, axis=0)[: min(written, self.capacity)].copy()
        return rows, max(0, written - self.capacity)

    def _running(self) -> Sequence[Any]:
        """The variable of the replica that is running; all of them where none is."""
        rings, replica = replicas_of(self._variable), running_replica()
        return rings if len(rings) == 1 or replica is None else [rings[replica]]

    def _written(self, ring: Any) -> Any:
        """How many rows were written since the last reading; on TensorFlow without a copy of the ring."""
        return (ring.sparse_read([0]) if ON_TENSORFLOW else ring[:1])[0, 0]

    def _put(self, ring: Any, indices: Any, rows: Any) -> None:
        """Write rows in place on TensorFlow, and as Keras can elsewhere."""
        if ON_TENSORFLOW:
            ring.scatter_nd_update(indices, rows)
        else:
            indices, rows = (ops.convert_to_tensor(cells) for cells in (indices, rows))
            self._variable.assign(ops.scatter_update(ring, indices, rows))


def running_replica() -> int | None:
    """The number of the replica of a `tf.distribute` strategy that is running; None where none is."""
    if not ON_TENSORFLOW or not tf.distribute.has_strategy() or tf.distribute.in_cross_replica_context():
        return None
    return int(tf.get_static_value(tf.distribute.get_replica_context().replica_id_in_sync_group))


def replicas_of(variable: Any) -> Sequence[Any]:
    """The value of a Keras variable on each replica of a `tf.distribute` strategy; elsewhere the one there is."""
    value = variable.value
    is_distributed = ON_TENSORFLOW and isinstance(value, tf.distribute.DistributedValues)
    return value.values if is_distributed else [value]


def merged(replicas: Sequence[Rows]) -> Rows:
    """The rows of all replicas as those of whole batches: values averaged by weight, and weights added.

    Raises:
        CaptureError: a replica has more rows than another.
    """
    if len(replicas) == 1:
        return replicas[0]
    if len({len(rows) for rows in replicas}) > 1:
        numbers = ", ".join(str(len(rows)) for rows in replicas)
        raise CaptureError(f"the replicas recorded {numbers} batches: a step must update the mean on each of them")
    kinds, values, weights = np.moveaxis(np.stack(replicas).astype(np.float64), 2, 0)
    totals, counts = np.where(weights > 0, values * weights, 0.0).sum(axis=0), weights.sum(axis=0)
    means = np.divide(totals, counts, out=np.full(len(totals), np.nan), where=counts > 0)
    return np.stack([kinds[0], means, counts], axis=1)
