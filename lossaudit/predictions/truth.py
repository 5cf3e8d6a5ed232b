"""Truth: the recorded batches, from which every quantity is computed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from lossaudit.arithmetic.arrays import Floats, Ints
from lossaudit.recording.recording import Recording
from lossaudit.recording.series import Series, epoch_starts

_Found = TypeVar("_Found")

_COLUMNS = ("values", "weights", "epochs", "steps", "sessions")
_EPOCHS, _BATCHES = 3, 1024
"""The head of a run has at least this many epochs and batches.

A mistake that carries over a reset shows in the second epoch, so one more is enough to refute it.
A window of a moving mean fits into this many batches.
"""


@dataclass(frozen=True, eq=False)
class Batches:
    """The true losses of one split, one entry for each batch.

    Args:
        values: batch losses, shape (n,).
        weights: rows of each batch, shape (n,).
        epochs: epoch of each batch, shape (n,); where it changes, a new mean starts.
        steps: step of each batch, shape (n,).
        sessions: number of times the training was resumed before each batch, shape (n,).
        dtype: float type of the accumulator of the program that trained.
        weights_known: False where the recording has no rows; `weights` are then ones.
        errors: proven bound of the error of each value, shape (n,); None where they are exact.
    """

    values: Floats
    weights: Floats
    epochs: Ints
    steps: Ints
    sessions: Ints
    dtype: str = "float32"
    weights_known: bool = True
    errors: Floats | None = None
    cache: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)
    """Cache of predictions made from these batches."""

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

    @cached_property
    def starts(self) -> Ints:
        """Index of the first batch of each epoch.

        An epoch that was begun again after a resume counts as an epoch of its own.
        """
        begins = epoch_starts(self.epochs) | epoch_starts(self.sessions)
        return np.flatnonzero(begins).astype(np.int64)

    @cached_property
    def ends(self) -> Ints:
        """Index of the last batch of each epoch."""
        # The slice is for an empty series, which has no epoch and so no end.
        return np.append(self.starts[1:], len(self))[: len(self.starts)].astype(np.int64) - 1

    @cached_property
    def lengths(self) -> Ints:
        """Number of batches of each epoch."""
        return self.ends - self.starts + 1

    @cached_property
    def places(self) -> Ints:
        """Position of each batch in its epoch, from 0."""
        return np.arange(len(self)) - np.repeat(self.starts, self.lengths)

    @cached_property
    def batch_sizes(self) -> Floats:
        """Rows of the largest batch of each epoch, which is the batch size."""
        return np.array([self.weights[group].max() for group in self.groups()])

    def row_of(self, epoch: int, step: int) -> int:
        """The index of the batch with an epoch and a step, in its latest session."""
        # An epoch that was trained again after a resume has every step twice.
        return int(np.flatnonzero((self.epochs == epoch) & (self.steps == step))[-1])

    def groups(self) -> Iterator[slice]:
        """Yield the batches of each epoch as a slice."""
        yield from (
            slice(start, end + 1) for start, end in zip(self.starts, self.ends, strict=True)
        )

    @cached_property
    def rows(self) -> Floats:
        """Rows of each epoch."""
        return np.array([self.weights[group].sum() for group in self.groups()])

    def of_equal_length(self) -> Iterator[Ints]:
        """Yield the indices of all epochs of one length, shape (epochs, length), for each length.

        Epochs of equal length can be computed side by side, in one numpy call.
        """
        for length in np.unique(self.lengths):
            yield self.starts[self.lengths == length, None] + np.arange(length)

    def where(self, rows: NDArray[Any] | slice) -> Batches:
        """Return the batches that an index, a mask or a slice selects, in its order."""
        columns = {name: getattr(self, name)[rows] for name in _COLUMNS}
        return replace(self, **columns, errors=None if self.errors is None else self.errors[rows])

    def with_values(self, values: Floats, errors: Floats | None = None) -> Batches:
        """Return the same batches with other losses, each known up to its error."""
        if errors is not None and self.errors is not None:
            # Both errors may point in the same direction.
            errors = errors + self.errors
        return replace(self, values=values, errors=self.errors if errors is None else errors)

    def with_weights(self, weights: Floats) -> Batches:
        """Return the same batches with other weights."""
        return replace(self, weights=weights, weights_known=True)

    def unweighted(self) -> Batches:
        """Return the same batches, each with weight one."""
        # Many mistakes begin with these batches, whose own cache then holds their predictions.
        return cached(self.cache, "alike", lambda: self.with_weights(np.ones(len(self))))

    def restarted_at(self, place: int) -> Batches:
        """Return the same batches with one more boundary, at this place in each epoch."""
        # Doubled numbers leave room for a second half of each epoch.
        return replace(self, epochs=self.epochs * 2 + (self.places >= place))

    def as_one_epoch(self) -> Batches:
        """Return the same batches without boundaries between epochs."""
        nothing = np.zeros(len(self), np.int64)
        return cached(self.cache, "whole", lambda: replace(self, epochs=nothing, sessions=nothing))


@dataclass(frozen=True, eq=False)
class Truth:
    """The recorded batches of every split of one tag, for a claim about one of these splits.

    Args:
        splits: the batches of each split; no split is empty.
        split: the split of the claim; always a key of `splits`.
        dtype: float type of the claim, in which a correct program may have computed.
        tag: the tag of the claim.
        all_others: the batches of every other tag of that split.
        metadata: the metadata of the recording.
        details: words that a mistake adds to its explanation.
    """

    splits: Mapping[str, Batches]
    split: str
    dtype: str = "float32"
    tag: str = "loss"
    all_others: Mapping[str, Batches] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, str] = field(default_factory=dict)
    cache: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)
    """Cache of predictions made from this truth, shared by all claims about it."""

    @property
    def batches(self) -> Batches:
        """The batches of the claim's split."""
        return self.splits[self.split]

    @cached_property
    def others(self) -> dict[str, Batches]:
        """The other series recorded for the same batches, by tag."""
        n = len(self.batches)
        return {tag: one for tag, one in self.all_others.items() if len(one) == n}

    def with_batches(self, batches: Batches, **details: str) -> Truth:
        """Return the truth with other batches for the claim's split."""
        return replace(
            self, splits={**self.splits, self.split: batches}, details={**self.details, **details}
        )

    def take(self, kept: NDArray[Any], **details: str) -> Truth:
        """Return the truth with the selected batches of the claim's split, in that order."""
        others = {tag: one.where(kept) for tag, one in self.others.items()}
        return replace(self.with_batches(self.batches.where(kept), **details), all_others=others)

    def unweighted(self) -> Truth:
        """Return the truth with weight one for every batch."""
        return replace(
            self, splits={split: batches.unweighted() for split, batches in self.splits.items()}
        )

    def head(self, most: int) -> Truth:
        """Return the first epochs of every split, with at most `most` batches of the claim's.

        What a mistake would have logged there does not depend on later batches.
        """
        # The fourth epoch begins where the first three end; a run without one is short enough.
        fourth = self.batches.starts[_EPOCHS : _EPOCHS + 1].tolist() or [len(self.batches)]
        stop = min(most, max(*fourth, self._whole(_BATCHES)), len(self.batches))
        return cached(self.cache, ("head", stop), lambda: self._until(stop))

    def _until(self, stop: int) -> Truth:
        """Keep the first `stop` batches of the claim's split and the same epochs of the others."""
        mine = self.batches.where(slice(stop))
        others = {
            split: one.where(one.epochs <= mine.epochs.max()) for split, one in self.splits.items()
        }
        splits = {split: one for split, one in others.items() if len(one)} | {self.split: mine}
        tags = {tag: one.where(slice(stop)) for tag, one in self.others.items()}
        return replace(self, splits=splits, all_others=tags)

    def _whole(self, least: int) -> int:
        """The end of the epoch that contains a batch."""
        after = self.batches.ends[self.batches.ends >= least - 1]
        return int(after[0]) + 1 if len(after) else len(self.batches)

    def in_order_of_training(self) -> tuple[Batches, NDArray[np.bool_]] | None:
        """The train and validation batches in the order of `fit`, and which are the claim's.

        None where there is only one of the two splits.
        """
        if not {"train", "validation"} <= self.splits.keys() or self.split not in (
            "train",
            "validation",
        ):
            return None
        train, validation = self.splits["train"], self.splits["validation"]
        # In each epoch, `fit` trains first and validates then: even phases are training.
        phases = np.concatenate([train.epochs * 2, validation.epochs * 2 + 1])
        # lexsort sorts by its last key first, and it is stable: batches stay in order.
        order = np.lexsort([phases, np.concatenate([train.sessions, validation.sessions])])
        both: dict[str, Any] = {
            name: np.concatenate([getattr(train, name), getattr(validation, name)])[order]
            for name in _COLUMNS
        }
        ours = np.repeat(
            [self.split == "train", self.split == "validation"], [len(train), len(validation)]
        )
        known = train.weights_known and validation.weights_known
        return replace(train, **both, weights_known=known, errors=None), ours[order]


def cached(cache: dict[Any, Any], key: Hashable, compute: Callable[[], _Found]) -> _Found:
    """Return cache[key], computing it on first use."""
    if key not in cache:
        cache[key] = compute()
    return cast(_Found, cache[key])


def _restarts(steps: Ints) -> Ints:
    """Number of times that the steps went back before each step."""
    # Steps fall back on a resume: Keras' BackupAndRestore trains an interrupted epoch again.
    return np.cumsum(np.diff(steps, prepend=steps[:1]) < 0).astype(np.int64)


def truth_about(recording: Recording, tag: str, split: str, dtype: str) -> Truth | None:
    """Return what a recording knows about a claim.

    Returns:
        The truth; None where the recording has no batch of that tag and split.

    Raises:
        LookupError: two series of batches have that tag and the same split.
    """
    recorded = [one for one in recording.select(tag=tag, covers="batch") if len(one)]
    splits: dict[str, Batches] = {}
    for one in recorded:
        if one.split in splits:
            raise LookupError(
                f"the recording has several series of the batches of {one.name}: keep only "
                "the true one"
            )
        splits[one.split] = Batches.of(one)
    if split not in splits:
        return None
    others = [one for one in recording.select(split=split, covers="batch") if one.tag != tag]
    all_others = {one.tag: Batches.of(one) for one in others}
    return Truth(splits, split, dtype, tag, all_others, recording.metadata)
