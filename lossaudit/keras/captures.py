"""Capture: what one `fit` left in the ring, sorted into tags, splits, epochs and steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lossaudit.keras.metrics import EVALUATION, RESET, TRAIN
from lossaudit.keras.rings import Rows, merged
from lossaudit.recordings import Ints, Recording, Series

LOSS = "loss"
OPTIMISED = "optimised_loss"


@dataclass
class Capture:
    """The rows of one `fit`, as they come.

    Args:
        metadata: what is known of the set-up.
        epoch: the epoch that coming rows belong to.
        seen: how many batch hooks of each split were called.
    """

    metadata: dict[str, Any] = field(default_factory=dict)
    epoch: int = 0
    seen: dict[str, int] = field(default_factory=dict)
    _rows: dict[tuple[str, str], list[Rows]] = field(default_factory=dict)
    _epochs: dict[tuple[str, str], list[Ints]] = field(default_factory=dict)
    _evaluations: int = 0
    _resets: list[int] = field(default_factory=list)
    _lost: dict[str, int] = field(default_factory=dict)

    def add(self, tags: Mapping[str, Sequence[Rows]], lost: int = 0, *, in_validation: bool) -> None:
        """Sort in rows of (kind, value, weight), shape (n, 3), of each tag and replica.

        Of "loss" there are also marks of resets. An evaluation is validation only if `fit` ran it. Rows that were lost
        before them may be of any split that is among them, of which no series is made then.
        """
        rows = merged(tags[LOSS])
        kinds, split = rows[:, 0], "validation" if in_validation else "test"
        self._resets += [self._length("train") + int(n) for n in np.cumsum(kinds == TRAIN)[kinds == RESET]]
        evaluations = self._evaluations + np.cumsum(kinds == RESET)
        for tag, replicas in tags.items():
            batches = [one[one[:, 0] != RESET] for one in replicas]
            self._append(tag, batches, TRAIN, "train", np.array([self.epoch]))
            epochs = np.array([self.epoch]) if in_validation else evaluations[kinds == EVALUATION]
            self._append(tag, batches, EVALUATION, split, epochs)
        self._evaluations = int(evaluations[-1]) if len(evaluations) else self._evaluations
        for name in {"train" if kind == TRAIN else split for kind in kinds[kinds != RESET]} if lost else ():
            self._lost[name] = self._lost.get(name, 0) + lost

    @property
    def recording(self) -> Recording:
        """All rows so far."""
        series = [self._series(tag, split) for tag, split in self._rows if split not in self._lost]
        metadata = {**self.metadata, "resets": self._mid_epoch_resets(), "not_captured": self._not_captured()}
        return Recording(
            series, metadata={name: value for name, value in metadata.items() if value not in (None, {}, [])}
        )

    def _append(self, tag: str, replicas: Sequence[Rows], kind: int, split: str, epochs: Ints) -> None:
        """Keep the rows of one kind; `epochs` has one for each, or a last one that holds for what it does not cover."""
        replicas = [rows[rows[:, 0] == kind] for rows in replicas]
        if not len(replicas[0]):
            return
        parts = {tag: merged(replicas)}
        if tag == LOSS and len(replicas) > 1:
            parts |= {f"{tag}/replica_{number}": part for number, part in enumerate(replicas)}
            parts |= {OPTIMISED: _mean_of_replicas(replicas)} if kind == TRAIN else {}
        for name, part in parts.items():
            n = len(part)
            self._rows.setdefault((name, split), []).append(part[:, 1:])
            self._epochs.setdefault((name, split), []).append(epochs if len(epochs) == n else np.full(n, epochs[-1]))

    def _length(self, split: str) -> int:
        return sum(map(len, self._rows.get((LOSS, split), ())))

    def _series(self, tag: str, split: str) -> Series:
        rows, epochs = np.concatenate(self._rows[tag, split]), np.concatenate(self._epochs[tag, split])
        if split == "test":
            epochs = np.unique(epochs, return_inverse=True)[1]
        return Series(
            rows[:, 0],
            tag=tag,
            split=split,
            weights=rows[:, 1],
            epochs=epochs,
            steps=np.arange(len(rows)),
            dtype=self.metadata.get("dtype", "float32"),
        )

    def _mid_epoch_resets(self) -> list[int]:
        """Train steps before which the mean was reset in mid-epoch, as `evaluate` in a batch hook does."""
        epochs = np.concatenate([[], *self._epochs.get((LOSS, "train"), [])])
        return [step for step in self._resets if 0 < step < len(epochs) and epochs[step] == epochs[step - 1]]

    def _not_captured(self) -> dict[str, str]:
        """For each split of which fewer batches were captured than hooks were called, or rows were lost, why."""
        missing = {
            split: self.metadata.get("unsupported")
            or f"{hooks} batches of the {split} split were run, but the losses of {self._length(split)} were recorded: "
            f"the step does not update the model's loss tracker"
            for split, hooks in self.seen.items()
            if self._length(split) < hooks
        }
        lost = {
            split: f"{rows} losses were overwritten before they were read: more were written than batches announced"
            for split, rows in self._lost.items()
        }
        return missing | lost


def _mean_of_replicas(replicas: Sequence[Rows]) -> Rows:
    """What `fit` minimises on several replicas: the mean of their losses, each of them counted once."""
    whole, values = merged(replicas), np.stack([rows[:, 1] for rows in replicas]).astype(np.float64)
    return np.stack([whole[:, 0], values.mean(axis=0), whole[:, 2]], axis=1)
