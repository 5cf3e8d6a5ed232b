"""Truth: the recorded batches that every quantity is a function of."""

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
"""Epochs and batches by which an impossible explanation shows itself: one that goes on over a
reset needs two epochs, and one more; a window is to fit into them."""


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
        slack: proven bound of the error of the values, shape (n,); None where they are exact.
    """

    values: Floats
    weights: Floats
    epochs: Ints
    steps: Ints
    sessions: Ints
    dtype: str = "float32"
    weights_known: bool = True
    slack: Floats | None = None
    known: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)
    """What was computed from these batches, for whoever asks next."""

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
        """Index of the first batch of each epoch, and of each resumed one, whose steps do not go
        on.
        """
        begins = epoch_starts(self.epochs) | epoch_starts(self.sessions)
        return np.flatnonzero(begins).astype(np.int64)

    @cached_property
    def ends(self) -> Ints:
        """Index of the last batch of each epoch."""
        return np.append(self.starts[1:], len(self))[: len(self.starts)].astype(np.int64) - 1

    @cached_property
    def lengths(self) -> Ints:
        """Number of batches of each epoch."""
        return self.ends - self.starts + 1

    @cached_property
    def places(self) -> Ints:
        """Place of each batch in its epoch, from 0."""
        return np.arange(len(self)) - np.repeat(self.starts, self.lengths)

    @cached_property
    def full(self) -> Floats:
        """Rows of the largest batch of each epoch: what the batch size was."""
        return np.array([self.weights[group].max() for group in self.groups()])

    def groups(self) -> Iterator[slice]:
        """The batches of each epoch, as slices."""
        yield from (
            slice(start, end + 1) for start, end in zip(self.starts, self.ends, strict=True)
        )

    @cached_property
    def rows(self) -> Floats:
        """Rows of each epoch."""
        return np.array([self.weights[group].sum() for group in self.groups()])

    def of_equal_length(self) -> Iterator[Ints]:
        """Indices of the batches of all epochs of one length after the other, each of shape
        (epochs, length).
        """
        for length in np.unique(self.lengths):
            yield self.starts[self.lengths == length, None] + np.arange(length)

    def where(self, rows: NDArray[Any] | slice) -> Batches:
        """The batches that an index, a mask or a slice keeps, in its order."""
        columns = {name: getattr(self, name)[rows] for name in _COLUMNS}
        return replace(self, **columns, slack=None if self.slack is None else self.slack[rows])

    def holding(self, values: Floats, slack: Floats | None = None) -> Batches:
        """The same batches with other losses, which are known to a slack."""
        known = (
            self.slack if slack is None else slack + (0.0 if self.slack is None else self.slack)
        )
        return replace(self, values=values, slack=known)

    def weighted(self, weights: Floats) -> Batches:
        """The same batches with other weights."""
        return replace(self, weights=weights, weights_known=True)

    def counted_alike(self) -> Batches:
        """The same batches, each of weight one."""
        return remembered(self.known, "alike", lambda: self.weighted(np.ones(len(self))))

    def as_if_begun_at(self, place: int) -> Batches:
        """The same batches, with a further boundary before that batch of each epoch."""
        return replace(self, epochs=self.epochs * 2 + (self.places >= place))

    def as_one_epoch(self) -> Batches:
        """The same batches, with no boundary between epochs."""
        nothing = np.zeros(len(self), np.int64)
        return remembered(
            self.known, "whole", lambda: replace(self, epochs=nothing, sessions=nothing)
        )


@dataclass(frozen=True, eq=False)
class Truth:
    """The recorded batches of every split of one tag, as a claim about one split sees them.

    Args:
        splits: the batches of each split; no split is empty.
        split: the split that the claim speaks of; always a key of `splits`.
        dtype: the float type of the claim, in which a correct program may have computed.
        tag: the tag that the claim speaks of.
        recorded: the batches of every other tag of the claim's split.
        metadata: the set-up of the run, as the recording has it.
        words: what a mistake says of itself, for the sentence that explains it.
    """

    splits: Mapping[str, Batches]
    split: str
    dtype: str = "float32"
    tag: str = "loss"
    recorded: Mapping[str, Batches] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    known: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)
    """What was computed from this truth, for every claim about it."""

    @property
    def batches(self) -> Batches:
        """The batches of the split that the claim speaks of."""
        return self.splits[self.split]

    @cached_property
    def companions(self) -> dict[str, Batches]:
        """What else was recorded of the same batches, by tag."""
        n = len(self.batches)
        return {tag: one for tag, one in self.recorded.items() if len(one) == n}

    def of(self, batches: Batches, **words: str) -> Truth:
        """The truth with other batches in the place of those of the claim's split."""
        return replace(
            self, splits={**self.splits, self.split: batches}, words={**self.words, **words}
        )

    def taking(self, kept: NDArray[Any], **words: str) -> Truth:
        """The truth with those batches of the claim's split that an index or a mask picks, in its
        order.
        """
        companions = {tag: one.where(kept) for tag, one in self.companions.items()}
        return replace(self.of(self.batches.where(kept), **words), recorded=companions)

    def counted_alike(self) -> Truth:
        """The truth with every batch of weight one."""
        return replace(
            self, splits={split: batches.counted_alike() for split, batches in self.splits.items()}
        )

    def head(self, most: int) -> Truth:
        """The first epochs of every split, and no more than so many batches of them.

        What a mistake would have logged there does not depend on what came later.
        """
        fourth = self.batches.starts[_EPOCHS : _EPOCHS + 1].tolist() or [len(self.batches)]
        stop = min(most, max(*fourth, self._whole(_BATCHES)), len(self.batches))
        return remembered(self.known, ("head", stop), lambda: self._until(stop))

    def _until(self, stop: int) -> Truth:
        """The batches of the claim's split before one of them, and of the others what belongs to
        the same epochs.
        """
        mine = self.batches.where(slice(stop))
        others = {
            split: one.where(one.epochs <= mine.epochs.max()) for split, one in self.splits.items()
        }
        splits = {split: one for split, one in others.items() if len(one)} | {self.split: mine}
        companions = {tag: one.where(slice(stop)) for tag, one in self.companions.items()}
        return replace(self, splits=splits, recorded=companions)

    def _whole(self, least: int) -> int:
        """The end of the epoch in which a batch lies."""
        after = self.batches.ends[self.batches.ends >= least - 1]
        return int(after[0]) + 1 if len(after) else len(self.batches)

    def alternating(self) -> tuple[Batches, NDArray[np.bool_]] | None:
        """Train and validation batches in the order in which `fit` runs them, and which of them
        the claim speaks of.
        """
        if not {"train", "validation"} <= self.splits.keys() or self.split not in (
            "train",
            "validation",
        ):
            return None
        train, validation = self.splits["train"], self.splits["validation"]
        phases = np.concatenate([train.epochs * 2, validation.epochs * 2 + 1])
        order = np.lexsort([phases, np.concatenate([train.sessions, validation.sessions])])
        both: dict[str, Any] = {
            name: np.concatenate([getattr(train, name), getattr(validation, name)])[order]
            for name in _COLUMNS
        }
        ours = np.repeat(
            [self.split == "train", self.split == "validation"], [len(train), len(validation)]
        )
        known = train.weights_known and validation.weights_known
        return replace(train, **both, weights_known=known, slack=None), ours[order]


def remembered(known: dict[Any, Any], key: Hashable, compute: Callable[[], _Found]) -> _Found:
    """What was computed for a key before, or is now."""
    if key not in known:
        known[key] = compute()
    return cast(_Found, known[key])


def _restarts(steps: Ints) -> Ints:
    """How often the steps had gone back before each of them."""
    return np.cumsum(np.diff(steps, prepend=steps[:1]) < 0).astype(np.int64)


def truth_about(recording: Recording, tag: str, split: str, dtype: str) -> Truth | None:
    """What a recording knows about a claim; None where it holds no batch of that tag and split.

    Raises:
        LookupError: it holds two such series.
    """
    recorded = [one for one in recording.select(tag=tag, covers="batch") if len(one)]
    splits: dict[str, Batches] = {}
    for one in recorded:
        if one.split in splits:
            raise LookupError(
                f"the recording holds several series of the batches of {one.name}: which is the "
                "truth?"
            )
        splits[one.split] = Batches.of(one)
    if split not in splits:
        return None
    others = [one for one in recording.select(split=split, covers="batch") if one.tag != tag]
    beside = {one.tag: Batches.of(one) for one in others}
    return Truth(splits, split, dtype, tag, beside, recording.metadata)
