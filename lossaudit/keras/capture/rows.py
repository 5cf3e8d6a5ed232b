"""Capture: what one `fit` left in the ring, sorted into tags, splits, epochs and steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from lossaudit.arithmetic.arrays import Ints
from lossaudit.keras.capture.recording_mean import EVALUATION, RESET, TRAIN
from lossaudit.keras.capture.ring import Rows, merged
from lossaudit.recording import keys
from lossaudit.recording.names import Split
from lossaudit.recording.recording import Recording
from lossaudit.recording.series import Series


class _Part(NamedTuple):
    """Rows of one reading as the ring had them, 12 bytes each: a Series takes 32.

    Args:
        rows: shape (n, 3).
        epochs: of each row, or the one that all have.
        first: the step of the first.
    """

    rows: Rows
    epochs: Ints
    first: int


@dataclass
class Capture:
    """The rows of one `fit`, as they come.

    Args:
        metadata: what is known of the set-up.
        epoch: the epoch that coming rows belong to.
        seen: how many batch hooks of each split were called.
        first_step: the step of the first train batch.
        bypassed: the kinds of which some batches were averaged by no mean.
    """

    metadata: dict[str, Any] = field(default_factory=dict)
    epoch: int = 0
    seen: dict[str, int] = field(default_factory=dict)
    first_step: int = 0
    bypassed: set[int] = field(default_factory=set)
    _parts: dict[tuple[str, Split], list[_Part]] = field(default_factory=dict)
    _counts: dict[tuple[str, str], int] = field(default_factory=dict)
    _epochs: dict[int, tuple[int, int]] = field(default_factory=dict)
    _evaluations: int = 0
    _tests: dict[int, int] = field(default_factory=dict)
    _outside: set[int] = field(default_factory=set)
    _resets: list[tuple[int, int]] = field(default_factory=list)
    _lost: dict[str, int] = field(default_factory=dict)

    def add(
        self, tags: Mapping[str, Sequence[Rows]], lost: int = 0, *, in_validation: bool
    ) -> list[Series]:
        """Sort in rows of (kind, value, weight), shape (n, 3), of each tag and replica; returns
        them as series.

        Of "loss" there are also marks of resets. An evaluation is validation only if `fit` ran it.
        Rows that were lost before them may be of any split that is among them, of which no series
        is made then.
        """
        rows = merged(tags[keys.LOSS])
        kinds, split = rows[:, 0], split_of(EVALUATION, in_validation)
        first = self._length("train")
        evaluations = self._evaluations + np.cumsum(kinds == RESET)
        steps = first + np.cumsum(kinds == TRAIN)
        self._resets += zip(
            steps[kinds == RESET].tolist(), evaluations[kinds == RESET].tolist(), strict=True
        )
        tested = [
            self._tests.setdefault(int(number), len(self._tests))
            for number in evaluations[kinds == EVALUATION]
        ]
        if not in_validation:
            self._outside.update(evaluations[kinds == EVALUATION].tolist())
        added: list[Series] = []
        for tag, replicas in tags.items():
            batches = [one[one[:, 0] != RESET] for one in replicas]
            added += self._append(tag, batches, TRAIN, "train", np.array([self.epoch]))
            added += self._append(
                tag,
                batches,
                EVALUATION,
                split,
                np.array([self.epoch] if in_validation else tested),
            )
        self._epochs[self.epoch] = (
            self._epochs.get(self.epoch, (first, 0))[0],
            self._length("train"),
        )
        self._evaluations = int(evaluations[-1]) if len(evaluations) else self._evaluations
        for name in (
            {split_of(kind, in_validation) for kind in kinds[kinds != RESET]} if lost else ()
        ):
            self._lost[name] = self._lost.get(name, 0) + lost
        return added

    @property
    def recording(self) -> Recording:
        """All rows that were not taken."""
        return Recording(self._kept(), metadata=self.described)

    @property
    def described(self) -> dict[str, Any]:
        """The metadata, with what is known by now."""
        metadata = {
            **self.metadata,
            keys.RESETS: self._mid_epoch_resets(),
            keys.EVALUATED: self._evaluated(),
            keys.BYPASSED: [
                "train" if kind == TRAIN else "evaluation" for kind in sorted(self.bypassed)
            ],
            keys.NOT_CAPTURED: self._not_captured(),
        }
        return {name: value for name, value in metadata.items() if value not in (None, {}, [])}

    def take(self) -> list[Series]:
        """The rows since the last `take`, which are then forgotten here."""
        taken = self._kept()
        self._parts.clear()
        return taken

    def _kept(self) -> list[Series]:
        return [
            self._series(*key, parts)
            for key, parts in self._parts.items()
            if key[1] not in self._lost
        ]

    def _append(
        self, tag: str, replicas: Sequence[Rows], kind: int, split: Split, epochs: Ints
    ) -> Iterator[Series]:
        """Keep the rows of one kind; `epochs` has one for each, or a last one that holds for what
        it does not cover.
        """
        replicas = [rows[rows[:, 0] == kind] for rows in replicas]
        if not len(replicas[0]):
            return
        parts = {tag: merged(replicas)}
        if tag == keys.LOSS and len(replicas) > 1:
            parts |= {f"{tag}{keys.REPLICA}{number}": part for number, part in enumerate(replicas)}
            parts |= {keys.OPTIMISED_LOSS: _mean_of_replicas(replicas)} if kind == TRAIN else {}
        for name, part in parts.items():
            n = len(part)
            key: tuple[str, Split] = (name, split)
            first = self._counts.get(key, 0) + (self.first_step if split == "train" else 0)
            kept = _Part(part, epochs if len(epochs) == n else epochs[-1:], first)
            self._parts.setdefault(key, []).append(kept)
            self._counts[key] = self._counts.get(key, 0) + n
            yield self._series(name, split, [kept])

    def _series(self, tag: str, split: Split, parts: Sequence[_Part]) -> Series:
        rows = np.concatenate([part.rows for part in parts])
        return Series(
            rows[:, 1],
            tag=tag,
            split=split,
            weights=rows[:, 2],
            epochs=np.concatenate(
                [np.broadcast_to(part.epochs, len(part.rows)) for part in parts]
            ),
            steps=np.concatenate(
                [np.arange(part.first, part.first + len(part.rows)) for part in parts]
            ),
            dtype=self.metadata.get(keys.DTYPE, "float32"),
        )

    def _length(self, split: str) -> int:
        return self._counts.get((keys.LOSS, split), 0)

    def _mid_epoch_resets(self) -> list[int]:
        """Train steps before which the mean was reset in mid-epoch, as `evaluate` in a batch hook
        does.
        """
        return [
            step + self.first_step
            for step, _ in self._resets
            if any(first < step < end for first, end in self._epochs.values())
        ]

    def _evaluated(self) -> list[list[int]]:
        """The train step before which a callback evaluated, and the epoch of the split "test" that
        it made.

        The step after an epoch's last one belongs to what is done in the hook of its last batch,
        or at its end.
        """
        return [
            [step + self.first_step, self._tests[number]]
            for step, number in self._resets
            if number in self._outside
            and any(first < step <= end for first, end in self._epochs.values())
        ]

    def _not_captured(self) -> dict[str, str]:
        """For each split of which fewer batches were captured than hooks were called, or rows were
        lost, why.
        """
        missing = {
            split: f"{hooks} batches of the {split} split were run, but the losses of {self._length(split)} were "
            f"recorded: the step does not update the model's loss tracker"
            for split, hooks in self.seen.items()
            if self._length(split) < hooks
        }
        lost = {
            split: f"{rows} losses were overwritten before they were read: more were written than batches announced"
            for split, rows in self._lost.items()
        }
        return missing | lost


def split_of(kind: int, in_validation: bool) -> Split:
    """The split of rows of that kind: an evaluation is validation only if `fit` ran it."""
    if kind == TRAIN:
        return "train"
    return "validation" if in_validation else "test"


def _mean_of_replicas(replicas: Sequence[Rows]) -> Rows:
    """What `fit` minimises on several replicas: the mean of their losses, each of them counted
    once.
    """
    whole, values = (
        merged(replicas),
        np.stack([rows[:, 1] for rows in replicas]).astype(np.float64),
    )
    return np.stack([whole[:, 0], values.mean(axis=0), whole[:, 2]], axis=1)
