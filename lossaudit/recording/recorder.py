"""Recorder: makes a Recording in a hand-written training loop."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import SupportsFloat

from lossaudit.recording import keys
from lossaudit.recording.names import Name
from lossaudit.recording.recording import Recording
from lossaudit.recording.series import Series


@dataclass
class _Column:
    """The numbers of one series so far."""

    values: list[float] = field(default_factory=list)
    weights: list[float | None] = field(default_factory=list)
    epochs: list[int] = field(default_factory=list)


class Recorder:
    """Records the batch losses of your own loop, and the numbers it reports for each epoch.

    The batch losses are the truth, and the arguments of `end_epoch` are claims.
    `audit(r.recording, r.recording)` judges the claims.

    Args:
        rows: number of rows to train on in an epoch; the audit then reports an epoch that was
            trained on more or fewer (LA204).

    >>> recorder = Recorder()
    >>> for loss, rows in [(1.0, 4), (2.0, 4), (9.0, 2)]:
    ...     recorder.batch(loss, weight=rows)
    >>> recorder.end_epoch(loss=3.0)
    >>> recorder.recording.find(covers="batch").weights
    array([4., 4., 2.])
    """

    def __init__(self, *, rows: int | None = None) -> None:
        self._rows = rows
        self._batches: dict[tuple[str, str], _Column] = defaultdict(_Column)
        self._reports: dict[str, _Column] = defaultdict(_Column)
        self._epoch = 0

    def batch(
        self,
        loss: SupportsFloat,
        *,
        weight: SupportsFloat | None = None,
        split: str = "train",
        tag: str = "loss",
        **components: SupportsFloat,
    ) -> None:
        """Record one batch.

        Args:
            loss: the mean loss of the batch: a float, or a scalar tensor, which is read at once.
            weight: number of rows of the batch.
            split: `"train"`, `"validation"` or `"test"`.
            tag: the tag of the loss.
            components: more losses of the same batch, by tag.

        Raises:
            ValueError: `weight` is negative or not finite, or is given for some batches of a split
                but not for all.
        """
        rows = (
            None if weight is None else _weight(weight, tag, len(self._batches[tag, split].values))
        )
        # All or nothing: a component that is no number must not leave the loss without it.
        values = {name: float(value) for name, value in {tag: loss, **components}.items()}
        for name, value in values.items():
            column = self._batches[name, split]
            # A mean weighted by rows is undefined if the rows of one batch are unknown.
            if column.weights and (column.weights[-1] is None) != (rows is None):
                raise ValueError(
                    f"weight={weight!r}: give it for every batch or for none (tag={name!r}, "
                    f"split={split!r})"
                )
            _append(column, value, rows, self._epoch)

    def end_epoch(self, **reported: SupportsFloat) -> None:
        """End the epoch and record the numbers that the loop reports for it.

        Args:
            reported: the numbers by name, such as `loss`, `val_loss` or `train_loss`; the name
                decides the split.
        """
        for name, value in reported.items():
            _append(self._reports[name], float(value), None, self._epoch)
        self._epoch += 1

    @property
    def recording(self) -> Recording:
        """Everything recorded so far."""
        batches = [_batches(tag, split, column) for (tag, split), column in self._batches.items()]
        reports = [self._report(name, column) for name, column in self._reports.items()]
        return Recording(
            [*batches, *reports], metadata={} if self._rows is None else {keys.ROWS: self._rows}
        )

    def _report(self, name: str, column: _Column) -> Series:
        """The numbers that the loop reported under a name, which may be the tag of its batches."""
        # A tag of the user's own, such as `val_gap`, must not be parsed as a validation loss.
        is_tag, parsed = (name, "train") in self._batches, Name(name)
        return Series(
            column.values,
            tag=name if is_tag else parsed.tag,
            split="train" if is_tag else parsed.split or "train",
            covers="epoch",
            epochs=column.epochs,
            origin=f"reported {name}",
        )


def _weight(weight: SupportsFloat, tag: str, step: int) -> float:
    rows = float(weight)
    if not 0 <= rows < float("inf"):
        raise ValueError(
            f"weight={rows:g} must be finite and not negative (tag={tag!r}, step={step})"
        )
    return rows


def _append(column: _Column, value: float, weight: float | None, epoch: int) -> None:
    column.values.append(value)
    column.weights.append(weight)
    column.epochs.append(epoch)


def _batches(tag: str, split: str, column: _Column) -> Series:
    weights = [weight for weight in column.weights if weight is not None]
    return Series(
        column.values,
        tag=tag,
        split=split,
        weights=weights or None,
        epochs=column.epochs,
        steps=range(len(column.values)),
    )
