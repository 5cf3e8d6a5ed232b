"""Means for Keras: RecordingMean, which keeps every value it averaged, and CompensatedMean, for
long runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from lossaudit.errors import CaptureError
from lossaudit.keras.capture.ring import ON_TENSORFLOW, Ring, Rows, merged, running_replica
from lossaudit.recording.recording import Recording
from lossaudit.recording.series import Series

if ON_TENSORFLOW:
    import tensorflow as tf

TRAIN, EVALUATION, RESET = 0, 1, 2
"""Kinds of a row: a train batch, a batch of an evaluation, and a reset of the mean."""
_FIRST_NOTE = 3


@dataclass(frozen=True, eq=False)
class Announced:
    """A batch loss as `compute_loss` made it, before any mean hears of it.

    Args:
        loss: what `compute_loss` returned.
        value: the loss of the batch, a scalar; on several replicas that of the replica's rows, or
            of the whole batch where the reduction is a sum.
        rows: rows behind it.
        corrects: whether Keras tells its tracker another value than this.
        weighs: whether Keras tells its tracker no rows.
    """

    loss: Any
    value: Any
    rows: Any
    corrects: bool
    weighs: bool


class RecordingMean(keras.metrics.Mean):
    """The mean of Keras, bit for bit, with a memory of the values and weights it averaged.

    It stands wherever a `keras.metrics.Mean` does: in a `train_step`, in a hand-written loop,
    under `tf.function`, `jit_compile` and `run_eagerly`. Values go to a preallocated ring that a
    program reads when it reads `recording`.

    Args:
        name: name of the metric, and tag of the recorded series.
        dtype: float type of the mean, as in `keras.metrics.Mean`.
        capacity: how many updates and resets the ring holds between two readings; `reset_state`
            outside a graph reads it.

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
        super().__init__(
            name=name, dtype=dtype or keras.config.floatx()
        )  # None stays None before Keras 3.5
        self.kind = TRAIN
        self.bypassed: set[int] = set()
        self._announced: dict[int | None, list[Announced]] = {}
        self.tags: list[str] = []
        self._lost = 0
        self._rows: list[list[Rows]] = []
        # Not attributes that Keras tracks: the ring is known by its variable, and the other has no
        # state to save.
        object.__setattr__(self, "ring", Ring(self, capacity))
        object.__setattr__(self, "_batch_mean", keras.metrics.Mean(name="batch_mean", dtype=dtype))

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Average as `keras.metrics.Mean` does, and keep the mean of `values` and the weight it
        was given.

        Args:
            values: a scalar, the mean loss of a batch, or an array, which Keras reduces to the
                mean of its samples.
            sample_weight: None, a scalar, the rows of the batch, or an array that broadcasts to
                `values`.
        """
        super().update_state(values, sample_weight)
        self.keep(values, sample_weight)

    def reset_state(self) -> None:
        """Start a new mean, and mark where; outside a graph also the moment to empty the ring."""
        super().reset_state()
        self.mark_reset()

    def keep(self, values: Any, sample_weight: Any = None) -> None:
        """Keep what another mean averages, and do not average it here; what was announced is known
        better.
        """
        value, weight = self._mean_and_weight(values, sample_weight)
        for announced in self._announced.pop(running_replica(), [])[-1:]:
            value = announced.value if announced.corrects else value
            weight = announced.rows if announced.weighs and sample_weight is None else weight
        self.ring.write([(self.kind, value, weight)])

    def announce(self, announced: Announced) -> None:
        """Say what the loss of the batch is, before the mean is updated with what Keras makes of
        it.
        """
        self._announced.setdefault(running_replica(), []).append(announced)

    def mark_reset(self) -> None:
        """Mark that a new mean starts."""
        self.ring.write([(RESET, 0, 0)])
        if ON_TENSORFLOW and tf.executing_eagerly():
            self._drain()

    def note(self, notes: Sequence[tuple[str, Any]], weight: Any) -> None:
        """Keep further numbers of the batch, by tag; they take no part in the mean."""
        self.tags += [tag for tag, _ in notes if tag not in self.tags]
        if notes:
            kinds = [_FIRST_NOTE + 2 * self.tags.index(tag) + self.kind for tag, _ in notes]
            self.ring.write(
                [(kind, value, weight) for kind, (_, value) in zip(kinds, notes, strict=True)]
            )

    def sorted_by_tag(self, rows: Rows) -> dict[str, Rows]:
        """Rows of one replica, by tag, with the kinds TRAIN and EVALUATION, and of the mean itself
        also RESET.
        """
        kinds, found = rows[:, 0].astype(np.int64), {self.name: rows[rows[:, 0] < _FIRST_NOTE]}
        for place in np.unique((kinds[kinds >= _FIRST_NOTE] - _FIRST_NOTE) // 2):
            of_tag = rows[(kinds - _FIRST_NOTE) // 2 == place].copy()
            of_tag[:, 0] = (of_tag[:, 0] - _FIRST_NOTE) % 2
            found[self.tags[place]] = of_tag
        return found

    @contextmanager
    def recording_as(self, kind: int) -> Iterator[None]:
        """Mark the rows that are written, or traced, inside the context as of that kind."""
        before, self.kind = self.kind, kind
        self._announced.pop(running_replica(), None)
        try:
            yield
        finally:
            self.kind = before
            self._announced.pop(running_replica(), None)

    def keep_bypassed(self, logs: Any) -> None:
        """Keep the loss that a step returned as it came from `compute_loss`, if no mean has heard
        of it.
        """
        announced = self._announced.get(running_replica(), [])
        if (
            len(announced) == 1
            and isinstance(logs, dict)
            and logs.get(self.name) is announced[0].loss
        ):
            self.ring.write([(self.kind, announced[0].value, announced[0].rows)])
            self.bypassed.add(self.kind)

    def take(self) -> tuple[list[Rows], int]:
        """The rows since the last `take`, of each replica, which are then forgotten here; and how
        many were lost.
        """
        self._drain()
        rows, lost = [np.concatenate(parts) for parts in zip(*self._rows, strict=True)], self._lost
        self._rows, self._lost = [], 0
        return rows, lost

    @property
    def recording(self) -> Recording:
        """All values so far, as one series; an epoch is what lies between two resets.

        On several replicas a value is the mean of theirs by weight, that of the whole batch.

        Raises:
            CaptureError: more than `capacity` values came between two readings, and the oldest are
                gone.
        """
        self._drain()
        rows = merged([np.concatenate(parts) for parts in zip(*self._rows, strict=True)])
        if self._lost:
            raise CaptureError(
                f"{self._lost} of {self._lost + len(rows)} values were overwritten before they "
                "were read: reset the "
                "mean or read `recording` more often, or make the ring larger than "
                f"capacity={self.ring.capacity}"
            )
        batches = rows[:, 0] != RESET
        _, epochs = np.unique(np.cumsum(~batches)[batches], return_inverse=True)
        values, weights = rows[batches, 1], rows[batches, 2]
        return Recording(
            [Series(values, tag=self.name, weights=weights, epochs=epochs, dtype=self.dtype)]
        )

    def get_config(self) -> dict[str, Any]:
        """What Keras needs to make another one."""
        return {**super().get_config(), "capacity": self.ring.capacity}

    def _drain(self) -> None:
        taken = self.ring.take()
        self._rows.append([rows for rows, _ in taken])
        self._lost += sum(lost for _, lost in taken)

    def _mean_and_weight(self, values: Any, sample_weight: Any) -> tuple[Any, Any]:
        values = ops.cast(values, self.dtype)
        weight = ops.cast(1.0 if sample_weight is None else sample_weight, self.dtype)
        if len(weight.shape) or (sample_weight is None and len(values.shape)):
            zeros = [ops.zeros((), self.dtype)] * 2
            total, count = self._batch_mean.stateless_update_state(zeros, values, sample_weight)
            return ops.divide_no_nan(total, count), count
        return (ops.mean(values) if len(values.shape) else values), weight


class CompensatedMean(keras.metrics.Mean):
    """A mean for long runs: within 2 ulp of the exact one after 10⁸ updates.

    `keras.metrics.Mean` stands still once its total is some 2^24 times as large as what is added;
    after 10⁸ updates with 0.1 it reads 0.125. Here total and count are three floats each, and
    every rounding error of a sum is carried (two-sums: Knuth, TAOCP 2, 4.2.2; distillation:
    Shewchuk 1997). What remains is the rounding of the products of value and weight, at most an
    ulp of the mean for losses of one sign, and half an ulp each for the two steps of the result.
    An array is first reduced as Keras does it. All of this holds in float32 for losses above
    1e-30, and as long as nothing overflows; in bfloat16, where three floats have 24 bits, for 10⁵
    updates.

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
        """Add a value, or an array, as `keras.metrics.Mean` does.

        Args:
            values: a scalar, the mean loss of a batch, or an array.
            sample_weight: None, a scalar, the rows of the batch, or an array that broadcasts to
                `values`.
        """
        zeros = [ops.zeros((), self.dtype)] * 2
        self._grow(*self._batch_mean.stateless_update_state(zeros, values, sample_weight))

    def merge_state(self, other: CompensatedMean) -> None:
        """Add what another mean holds, which stays as it is."""
        carried = ops.convert_to_tensor(other.carried)
        for total, count in ((other.total, other.count), carried[0], carried[1]):
            self._grow(total, count)

    def reset_state(self) -> None:
        """Forget everything."""
        super().reset_state()
        self.carried.assign(ops.zeros_like(self.carried))

    def result(self) -> Any:
        """The mean, a scalar tensor; 0 of nothing."""
        carried = ops.sum(ops.convert_to_tensor(self.carried), axis=0)
        total, count = ops.convert_to_tensor(self.total), ops.convert_to_tensor(self.count)
        mean = ops.divide_no_nan(total, count)
        rest = ops.divide_no_nan(carried[0] - mean * carried[1], count)
        return mean + ops.where(ops.isfinite(mean), rest, ops.zeros_like(rest))

    def _grow(self, total: Any, count: Any) -> None:
        held = ops.stack([self.total.value, self.count.value])
        number = ops.stack([ops.cast(total, self.dtype), ops.cast(count, self.dtype)])
        high, middle, low = _grown(held, ops.convert_to_tensor(self.carried), number)
        total, count = ops.unstack(high)
        self.total.assign(total)
        self.count.assign(count)
        self.carried.assign(ops.stack([middle, low]))


def _grown(high: Any, carried: Any, number: Any) -> tuple[Any, Any, Any]:
    """Three floats and a number as three floats: the rounded sum, what it misses, and what that
    misses.

    All of them are of shape (2,), total and count side by side. A sum that is not finite misses
    nothing.
    """
    middle, low = ops.unstack(carried)
    high, missed = _two_sum(high, number)
    middle, missed = _two_sum(middle, _where_finite(high, missed))
    high, middle = _two_sum(high, middle)
    middle, low = _two_sum(_where_finite(high, middle), low + missed)
    return high, middle, low


def _two_sum(a: Any, b: Any) -> tuple[Any, Any]:
    """The rounded sum of two floats, and its rounding error (Knuth)."""
    total = a + b
    virtual = total - a
    return total, (a - (total - virtual)) + (b - virtual)


def _where_finite(total: Any, error: Any) -> Any:
    return ops.where(ops.isfinite(total), error, ops.zeros_like(error))
