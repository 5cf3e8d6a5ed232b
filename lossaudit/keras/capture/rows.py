"""Rows: sorts the rows of a ring into tags, splits, epochs and steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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


class Part(NamedTuple):
    """Rows of one tag and split from one reading of the ring.

    Rows are kept as they were in the ring, 12 bytes each: a Series takes 32.

    Args:
        tag: what the values are.
        split: of which split they are.
        rows: shape (n, 3).
        epochs: the epoch of each row, or the one epoch of all rows.
        first: the step of the first row.
    """

    tag: str
    split: Split
    rows: Rows
    epochs: Ints
    first: int


@dataclass
class Capture:
    """The rows of one `fit`, sorted as they come.

    Args:
        metadata: the set-up of the training.
        epoch: the epoch of the rows to come.
        seen: how many batch hooks of each split were called.
        first_step: the step of the first train batch.
        bypassed: the kinds of rows that were averaged by no mean in some batch.
    """

    metadata: dict[str, Any] = field(default_factory=dict)
    epoch: int = 0
    seen: dict[str, int] = field(default_factory=dict)
    first_step: int = 0
    bypassed: set[int] = field(default_factory=set)
    _parts: dict[tuple[str, Split], list[Part]] = field(default_factory=dict)
    _counts: dict[tuple[str, str], int] = field(default_factory=dict)
    _epochs: dict[int, tuple[int, int]] = field(default_factory=dict)
    _evaluations: int = 0
    _tests: dict[int, int] = field(default_factory=dict)
    _outside: set[int] = field(default_factory=set)
    _resets: list[tuple[int, int]] = field(default_factory=list)
    _lost: dict[str, int] = field(default_factory=dict)

    def add(
        self, tags: Mapping[str, Sequence[Rows]], lost: int = 0, *, in_validation: bool
    ) -> list[Part]:
        """Sort rows in, and return them by tag and split.

        Args:
            tags: rows of (kind, value, weight), shape (n, 3), for each tag and replica. Among
                those of "loss" are marks of resets.
            lost: how many rows were lost before these. They may be of any split among these
                rows, so the recording has no series of those splits.
            in_validation: whether `fit` ran the evaluation; otherwise its split is "test".
        """
        rows = merged(tags[keys.LOSS])
        kinds, split = rows[:, 0], split_of_kind(EVALUATION, in_validation)
        first = self._length("train")
        evaluations = self._note_resets(kinds, first)
        evaluated = evaluations[kinds == EVALUATION].tolist()
        tested = [self._tests.setdefault(number, len(self._tests)) for number in evaluated]
        if not in_validation:
            self._outside.update(evaluated)
        epochs = {TRAIN: np.array([self.epoch]), EVALUATION: np.array(tested)}
        if in_validation:
            epochs[EVALUATION] = epochs[TRAIN]
        added: list[Part] = []
        for tag, replicas in tags.items():
            batches = [one[one[:, 0] != RESET] for one in replicas]
            added += self._append(tag, batches, TRAIN, "train", epochs[TRAIN])
            added += self._append(tag, batches, EVALUATION, split, epochs[EVALUATION])
        begin, _ = self._epochs.get(self.epoch, (first, 0))
        self._epochs[self.epoch] = (begin, self._length("train"))
        if lost:
            for name in {split_of_kind(kind, in_validation) for kind in kinds[kinds != RESET]}:
                self._lost[name] = self._lost.get(name, 0) + lost
        return added

    def series_of(self, parts: Iterable[Part]) -> list[Series]:
        """Each part as a series of its own."""
        return [self._series([part]) for part in parts]

    @property
    def recording(self) -> Recording:
        """All rows that `take` has not taken."""
        return Recording(self._kept(), metadata=self.described)

    @property
    def described(self) -> dict[str, Any]:
        """The metadata, with everything known so far."""
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
        """Return and clear the rows since the last `take`."""
        taken = self._kept()
        self._parts.clear()
        return taken

    def _kept(self) -> list[Series]:
        return [
            self._series(parts)
            for (_, split), parts in self._parts.items()
            if split not in self._lost
        ]

    def _note_resets(self, kinds: Any, first: int) -> Ints:
        """Note before which step each reset was; the number of resets before each row."""
        # Every evaluation begins with a reset, so the number of resets tells evaluations apart.
        resets = self._evaluations + np.cumsum(kinds == RESET)
        steps = first + np.cumsum(kinds == TRAIN)
        self._resets += zip(
            steps[kinds == RESET].tolist(), resets[kinds == RESET].tolist(), strict=True
        )
        self._evaluations = int(resets[-1]) if len(resets) else self._evaluations
        return resets

    def _append(
        self, tag: str, replicas: Sequence[Rows], kind: int, split: Split, epochs: Ints
    ) -> Iterator[Part]:
        """Keep the rows of one kind.

        `epochs` has one epoch for each row; if not, its last one is that of all rows.
        """
        replicas = [rows[rows[:, 0] == kind] for rows in replicas]
        if not len(replicas[0]):
            return
        tables = {tag: merged(replicas)}
        if tag == keys.LOSS and len(replicas) > 1:
            tables |= {
                f"{tag}{keys.REPLICA}{number}": table for number, table in enumerate(replicas)
            }
            tables |= {keys.OPTIMISED_LOSS: _mean_of_replicas(replicas)} if kind == TRAIN else {}
        for name, table in tables.items():
            n = len(table)
            key: tuple[str, Split] = (name, split)
            first = self._counts.get(key, 0) + (self.first_step if split == "train" else 0)
            part = Part(name, split, table, epochs if len(epochs) == n else epochs[-1:], first)
            self._parts.setdefault(key, []).append(part)
            self._counts[key] = self._counts.get(key, 0) + n
            yield part

    def _series(self, parts: Sequence[Part]) -> Series:
        """Parts of one tag and split as one series."""
        rows = np.concatenate([part.rows for part in parts])
        epochs = [np.broadcast_to(part.epochs, len(part.rows)) for part in parts]
        steps = [np.arange(part.first, part.first + len(part.rows)) for part in parts]
        return Series(
            rows[:, 1],
            tag=parts[0].tag,
            split=parts[0].split,
            weights=rows[:, 2],
            epochs=np.concatenate(epochs),
            steps=np.concatenate(steps),
            dtype=self.metadata.get(keys.DTYPE, "float32"),
        )

    def _length(self, split: str) -> int:
        return self._counts.get((keys.LOSS, split), 0)

    def _mid_epoch_resets(self) -> list[int]:
        """Train steps before which the mean was reset within an epoch.

        `evaluate` in a batch hook does that.
        """
        return [
            step + self.first_step
            for step, _ in self._resets
            if any(first < step < end for first, end in self._epochs.values())
        ]

    def _evaluated(self) -> list[list[int]]:
        """For each evaluation by a callback, the next train step, and its epoch of split "test".

        If the next step would be the first of another epoch, the hook of the last batch or of
        the end of the epoch evaluated.
        """
        return [
            [step + self.first_step, self._tests[number]]
            for step, number in self._resets
            if number in self._outside
            and any(first < step <= end for first, end in self._epochs.values())
        ]

    def _not_captured(self) -> dict[str, str]:
        """Why not every batch of a split was captured, for each such split."""
        missing = {
            split: f"{hooks} batches of the {split} split were run, but the losses of "
            f"{self._length(split)} were recorded: the step does not update the model's loss "
            "tracker"
            for split, hooks in self.seen.items()
            if self._length(split) < hooks
        }
        lost = {
            split: f"{rows} losses were overwritten before they were read: the step wrote more "
            "often than batch hooks were called"
            for split, rows in self._lost.items()
        }
        return missing | lost


def split_of_kind(kind: int, in_validation: bool) -> Split:
    """The split of rows of this kind: an evaluation is validation only if `fit` ran it."""
    if kind == TRAIN:
        return "train"
    return "validation" if in_validation else "test"


def _mean_of_replicas(replicas: Sequence[Rows]) -> Rows:
    """What `fit` minimises on several replicas: the unweighted mean of their losses."""
    whole = merged(replicas)
    values = np.stack([rows[:, 1] for rows in replicas]).astype(np.float64)
    return np.stack([whole[:, 0], values.mean(axis=0), whole[:, 2]], axis=1)
