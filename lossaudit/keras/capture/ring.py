"""Ring: a bounded table of numbers that the training step fills inside the graph, and a program
empties outside it.
"""

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
    """A table of `capacity` rows (kind, value, weight), one for each replica, as two variables of
    a metric.

    The k-th row since the last reading, from 1 on, stands at k modulo `capacity`. Rows are counted
    once they are there to be written: an update that never runs, as for the batch after the last
    of a data set of unknown length, leaves no trace. A step runs as few operations for it as can
    be: each takes about a microsecond of a step.

    Args:
        metric: the metric whose state the ring is part of.
        capacity: how many rows it holds between two readings.
    """

    def __init__(self, metric: Any, capacity: int) -> None:
        self.capacity = capacity
        self._dtype = "float64" if metric.dtype == "float64" else "float32"
        self._rows = metric.add_variable(
            (capacity, 3), initializer="zeros", dtype=self._dtype, name="ring"
        )
        # TensorFlow counts in int64 on every device; JAX has it only where a program asks for it.
        counting = "int64" if ON_TENSORFLOW else "int32"
        self._written = metric.add_variable(
            (), initializer="zeros", dtype=counting, name="written"
        )

    def write(self, rows: Sequence[tuple[Any, Any, Any]]) -> None:
        """Write rows of scalars; inside a graph when the graph runs, outside of replicas for each
        of them.
        """
        for table, written in self._running():
            cells = [ops.cast(cell, self._dtype) for row in rows for cell in row]
            self._put(table, written, ops.reshape(ops.stack(cells), (len(rows), 3)))

    def take(self) -> list[tuple[Rows, int]]:
        """Empty the ring: for each replica the rows since the last reading, and how many more were
        overwritten.
        """
        return [self._take(*one) for one in self._replicas()]

    def _take(self, table: Any, written: Any) -> tuple[Rows, int]:
        number = int(_array(written))
        if not number:
            return np.empty((0, 3), self._dtype), 0
        if ON_TENSORFLOW:
            written.assign(0)
        else:
            self._written.assign(0)
        lost = max(0, number - self.capacity)
        return _array(table)[np.arange(lost + 1, number + 1) % self.capacity], lost

    def _replicas(self) -> list[tuple[Any, Any]]:
        return list(zip(replicas_of(self._rows), replicas_of(self._written), strict=True))

    def _running(self) -> list[tuple[Any, Any]]:
        """The variables of the replica that is running; those of all where none is."""
        replicas, replica = self._replicas(), running_replica()
        return replicas if len(replicas) == 1 or replica is None else [replicas[replica]]

    def _put(self, table: Any, written: Any, rows: Any) -> None:
        """Write rows in place on TensorFlow, and as Keras can elsewhere."""
        added = int(rows.shape[0])
        numbers = np.arange(1 - added, 1)[:, None]
        if ON_TENSORFLOW:
            with tf.control_dependencies([rows]):
                latest = written.assign_add(added)
            table.scatter_nd_update((latest + numbers) % self.capacity, rows)
            return
        latest = written + added
        places = ops.mod(latest + ops.convert_to_tensor(numbers.astype("int32")), self.capacity)
        self._rows.assign(ops.scatter_update(table, places, rows))
        self._written.assign(latest)


def running_replica() -> int | None:
    """The number of the replica of a `tf.distribute` strategy that is running; None where none is."""
    if (
        not ON_TENSORFLOW
        or not tf.distribute.has_strategy()
        or tf.distribute.in_cross_replica_context()
    ):
        return None
    return int(tf.get_static_value(tf.distribute.get_replica_context().replica_id_in_sync_group))


def replicas_of(variable: Any) -> Sequence[Any]:
    """The value of a Keras variable on each replica of a `tf.distribute` strategy; elsewhere the
    one there is.
    """
    value = variable.value
    is_distributed = ON_TENSORFLOW and isinstance(value, tf.distribute.DistributedValues)
    return value.values if is_distributed else [value]


def _array(value: Any) -> Any:
    # Keras 3.15 reads TensorFlow variables in a way of which numpy 2 warns.
    return value.numpy() if ON_TENSORFLOW else ops.convert_to_numpy(value)


def merged(replicas: Sequence[Rows]) -> Rows:
    """The rows of all replicas as those of whole batches: values averaged by weight, and weights
    added.

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
    totals, counts = np.where(weights > 0, values * weights, 0.0).sum(axis=0), weights.sum(axis=0)
    means = np.divide(totals, counts, out=np.full(len(totals), np.nan), where=counts > 0)
    return np.stack([kinds[0], means, counts], axis=1)
