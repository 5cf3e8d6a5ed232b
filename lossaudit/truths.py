"""Truth: the recorded batches that every quantity is a function of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossaudit.recordings import Floats, Ints, Recording, Series

_COLUMNS = ("values", "weights", "epochs", "steps", "sessions")


@dataclass(frozen=True, eq=False)
class Batches:
    """The true losses of one split, one entry a batch.

    Args:
        values: batch losses, shape (n,).
        weights: rows of each batch, shape (n,).
        epochs: epoch of each batch, shape (n,); a change of epoch starts a new mean.
        steps: step of each batch, shape (n,).
        sessions: how often the training had been resumed before each batch, shape (n,).
        dtype: float type of the accumulator of the program that trained.
        weights_known: False where the recording has no rows; `weights` are then ones.
    """

    values: Floats
    weights: Floats
    epochs: Ints
    steps: Ints
    sessions: Ints
    dtype: str = "float32"
    weights_known: bool = True

    @classmethod
    def of(cls, series: Series) -> Batches:
        """The batches of a recorded series; without epochs all of it is one epoch."""
        n = len(series)
        return cls(
            values=series.values,
            weights=np.ones(n) if series.weights is None else series.weights,
            epochs=np.zeros(n, np.int64) if series.epochs is None else series.epochs,
            steps=np.arange(n) if series.steps is None else series.steps,
            sessions=np.zeros(n, np.int64) if series.steps is None else _restarts(series.steps),
            dtype=series.dtype,
            weights_known=series.weights is not None,
        )

    def __len__(self) -> int:
        return len(self.values)

    @property
    def starts(self) -> Ints:
        """Index of the first batch of each epoch, and of each resumed one, whose steps do not go on."""
        begins = np.diff(self.epochs, prepend=self.epochs[:1] - 1) != 0
        return np.flatnonzero(begins | (np.diff(self.sessions, prepend=self.sessions[:1]) != 0)).astype(np.int64)

    @property
    def ends(self) -> Ints:
        """Index of the last batch of each epoch."""
        return np.append(self.starts[1:], len(self))[: len(self.starts)].astype(np.int64) - 1

    @property
    def lengths(self) -> Ints:
        """Number of batches of each epoch."""
        return self.ends - self.starts + 1

    @property
    def full(self) -> Floats:
        """Rows of the largest batch of each epoch: what the batch size was."""
        return np.array([self.weights[group].max() for group in self.groups()])

    def groups(self) -> Iterator[slice]:
        """The batches of each epoch, as slices."""
        yield from (slice(start, end + 1) for start, end in zip(self.starts, self.ends, strict=True))

    @property
    def rows(self) -> Floats:
        """Rows of each epoch."""
        return np.array([self.weights[group].sum() for group in self.groups()])

    def where(self, rows: NDArray[np.bool_] | slice) -> Batches:
        """The batches that a mask or a slice keeps."""
        columns = {name: getattr(self, name)[rows] for name in _COLUMNS}
        return replace(self, **columns)

    def counted_alike(self) -> Batches:
        """The same batches, each of weight one."""
        return replace(self, weights=np.ones(len(self)), weights_known=True)

    def as_one_epoch(self) -> Batches:
        """The same batches, with no boundary between epochs."""
        nothing = np.zeros(len(self), np.int64)
        return replace(self, epochs=nothing, sessions=nothing)


@dataclass(frozen=True, eq=False)
class Truth:
    """The recorded batches of every split of one tag, as a claim about one split sees them.

    Args:
        splits: the batches of each split; no split is empty.
        split: the split that the claim speaks of; always a key of `splits`.
        dtype: the float type of the claim, in which a correct program may have computed.
    """

    splits: dict[str, Batches]
    split: str
    dtype: str = "float32"

    @property
    def batches(self) -> Batches:
        """The batches of the split that the claim speaks of."""
        return self.splits[self.split]

    def without(self, kept: NDArray[np.bool_]) -> Truth:
        """The truth with only the kept batches of the claim's split."""
        return replace(self, splits={**self.splits, self.split: self.batches.where(kept)})

    def counted_alike(self) -> Truth:
        """The truth with every batch of weight one."""
        return replace(self, splits={split: batches.counted_alike() for split, batches in self.splits.items()})

    def alternating(self) -> tuple[Batches, NDArray[np.bool_]] | None:
        """Train and validation batches in the order in which `fit` runs them, and which of them the claim speaks of."""
        if not {"train", "validation"} <= self.splits.keys() or self.split not in ("train", "validation"):
            return None
        train, validation = self.splits["train"], self.splits["validation"]
        phases = np.concatenate([train.epochs * 2, validation.epochs * 2 + 1])
        order = np.lexsort([phases, np.concatenate([train.sessions, validation.sessions])])
        both: dict[str, Any] = {
            name: np.concatenate([getattr(train, name), getattr(validation, name)])[order] for name in _COLUMNS
        }
        ours = np.repeat([self.split == "train", self.split == "validation"], [len(train), len(validation)])
        return replace(train, **both, weights_known=train.weights_known and validation.weights_known), ours[order]


def _restarts(steps: Ints) -> Ints:
    """How often the steps had gone back before each of them."""
    return np.cumsum(np.diff(steps, prepend=steps[:1]) < 0).astype(np.int64)


def truth_about(recording: Recording, tag: str, split: str, dtype: str) -> Truth | None:
    """What a recording knows about a claim; None where it holds no batch of that tag and split."""
    recorded = [one for one in recording.select(tag=tag, covers="batch") if len(one)]
    splits: dict[str, Batches] = {
        one.split: Batches.of(recording.find(tag=tag, split=one.split, covers="batch")) for one in recorded
    }
    return Truth(splits, split, dtype) if split in splits else None
