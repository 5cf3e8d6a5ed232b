"""Samples: targets and predictions of the first rows of every k-th batch, kept in the step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lossaudit.keras.backend import ON_TENSORFLOW
from lossaudit.recording.names import Split

if ON_TENSORFLOW:
    import tensorflow as tf

_SLOTS = 64
"""How many batches can be kept between two readings."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Targets and predictions of the first rows of one batch.

    Args:
        split: "train", "validation" or "test".
        epoch: 0-based epoch.
        step: 0-based number of the batch within its split, in one `fit`.
        targets: arrays of shape (rows, …) in the structure of `y`.
        predictions: arrays of shape (rows, …) in the structure of `y_pred`.
    """

    split: Split
    epoch: int
    step: int
    targets: Any
    predictions: Any


class Samples:
    """Variables of bounded size that keep the first rows of every k-th batch of each kind.

    Args:
        every: the k: batches 0, k, 2k, … are kept.
        rows: how many rows of a batch are kept at most.

    Raises:
        ValueError: `every` or `rows` is less than 1.
    """

    def __init__(self, every: int, rows: int) -> None:
        if every < 1 or rows < 1:
            raise ValueError(
                f"predictions=({every}, {rows}) must be (every, rows), both at least 1"
            )
        self.every, self.rows = every, rows
        self._structure: Any = None
        self._slots: list[Any] = []

    def keep(self, kind: int, y: Any, y_pred: Any) -> None:
        """Write the rows of a batch when the graph runs, if the batch is a k-th one."""
        leaves = tf.nest.flatten((y, y_pred))
        # Outside of the graph that is being traced: a graph may make variables only once.
        with tf.init_scope():
            self._make(y, y_pred, leaves)
        # A sparse read copies one entry at this point of the graph, before it is counted below.
        number = self._seen.sparse_read([kind])[0]

        def write() -> Any:
            slot = self._written % _SLOTS
            length = tf.minimum(tf.shape(leaves[0])[0], self.rows)
            for variable, leaf in zip(self._slots, leaves, strict=True):
                part = tf.cast(leaf[: self.rows], variable.dtype)
                # A short batch is padded: every slot of a variable has the same shape.
                rest = tf.zeros(
                    tf.concat([[self.rows - length], tf.shape(part)[1:]], 0), variable.dtype
                )
                variable.scatter_nd_update([[slot]], tf.concat([part, rest], 0)[None])
            self._about.scatter_nd_update([[slot]], [tf.stack([kind, number, length])])
            with tf.control_dependencies([self._written.assign_add(1)]):
                return tf.constant(True)

        tf.cond(number % self.every == 0, write, lambda: tf.constant(False))
        self._seen.scatter_nd_add([[kind]], [1])

    def has_room_for(self, batches: int) -> bool:
        """Whether this many batches of each kind fit before the next reading."""
        return 2 + batches // self.every < _SLOTS

    def restart(self) -> None:
        """Number batches from 0 again."""
        if self._slots:
            self._seen.assign([0, 0])
            self._written.assign(0)

    def take(self) -> list[tuple[int, int, Any, Any]]:
        """Return and clear what was kept: kind, number, targets and predictions of each batch."""
        if not self._slots:
            return []
        written, about = int(self._written), self._about.numpy()
        arrays = [variable.numpy() for variable in self._slots]
        self._written.assign(0)
        taken = []
        for slot in range(min(written, _SLOTS)):
            kind, number, length = about[slot].tolist()
            rows = tf.nest.pack_sequence_as(
                self._structure, [array[slot, :length].copy() for array in arrays]
            )
            taken.append((kind, number, *rows))
        return taken

    def _make(self, y: Any, y_pred: Any, leaves: list[Any]) -> None:
        if self._slots:
            return
        shapes = [tuple(leaf.shape[1:]) for leaf in leaves]
        for shape in shapes:
            if None in shape:
                raise ValueError(
                    f"predictions of shape (None, {', '.join(map(str, shape))}) cannot be kept: "
                    "only the first dimension may be unknown"
                )
        self._structure = tf.nest.map_structure(lambda _: 0, (y, y_pred))
        self._slots = [
            tf.Variable(tf.zeros((_SLOTS, self.rows, *shape), leaf.dtype), trainable=False)
            for shape, leaf in zip(shapes, leaves, strict=True)
        ]
        # Kind, number and rows of the batch in each slot.
        self._about = tf.Variable(np.zeros((_SLOTS, 3), np.int32), trainable=False)
        self._seen = tf.Variable(np.zeros(2, np.int32), trainable=False)
        self._written = tf.Variable(0, trainable=False)
