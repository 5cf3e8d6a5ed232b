"""Summaries: writes the true numbers of a training to TensorBoard, each at its step."""

from __future__ import annotations

import atexit
import weakref
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import tensorflow as tf

from lossaudit.keras.capture.loss_recorder import LossRecorder
from lossaudit.recording.names import Split, of_keras
from lossaudit.recording.series import Series


class Summaries(LossRecorder):
    """Writes scalars for TensorBoard, one writer for each split, from `fit` or your own loop.

    As a callback it writes the true loss of every batch as "batch_loss" at its step, and so
    everything else that it records ("batch_mae", "batch_gradient_variance/…"). The logs of every
    epoch are written as "epoch_loss", … at the epoch. Your own loop calls `batch` and `epoch`.

    The files are flushed at the end of an epoch, at the end of a `with` block, also after an
    exception, and when the program ends.

    Args:
        log_dir: the folder of the run; each split has a folder in it.
        recording: keyword arguments of `LossRecorder`: `metrics`, `components`, `gradients`, …

    >>> import tempfile
    >>> with Summaries(tempfile.mkdtemp()) as summaries:
    ...     for loss in (1.0, 2.0, 9.0):
    ...         summaries.batch(loss=loss)
    ...     summaries.epoch(loss=3.0)
    """

    def __init__(self, log_dir: str | PathLike[str], **recording: Any) -> None:
        super().__init__(**recording)
        self.log_dir = Path(log_dir)
        self._writers: dict[str, Any] = {}
        self._steps: dict[str, int] = {}
        self._epochs: dict[str, int] = {}
        # A weak reference: `atexit` would otherwise keep the model alive until the program ends.
        closing = weakref.WeakMethod(self.close)
        atexit.register(lambda: (method := closing()) and method())

    def batch(self, *, split: Split = "train", **scalars: Any) -> None:
        """Write numbers of the next batch of a split as "batch_…".

        Batches count from 0 over all epochs.
        """
        step = self._steps[split] = self._steps.get(split, -1) + 1
        self._write_scalars(
            split, step, {f"batch_{name}": value for name, value in scalars.items()}
        )

    def epoch(self, *, split: Split = "train", **scalars: Any) -> None:
        """Write numbers of the next epoch of a split as "epoch_…", and flush.

        Epochs count from 0.
        """
        epoch = self._epochs[split] = self._epochs.get(split, -1) + 1
        self._write_scalars(
            split, epoch, {f"epoch_{name}": value for name, value in scalars.items()}
        )
        self.flush()

    def on_recorded(self, added: list[Series]) -> None:
        """Write the captured numbers, each at its step."""
        for series in added:
            if series.steps is not None:
                for step, value in zip(series.steps.tolist(), series.values.tolist(), strict=True):
                    self._write_scalars(series.split, step, {f"batch_{series.tag}": value})

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Write the logs of the epoch, without the prefix of validation, and flush."""
        super().on_epoch_end(epoch, logs)
        for name, value in (logs or {}).items():
            split, tag = of_keras(name)
            self._write_scalars(split, epoch, {f"epoch_{tag}": value})
        self.flush()

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Write the rest, and flush."""
        super().on_train_end(logs)
        self.flush()

    def flush(self) -> None:
        """Write everything to the disk."""
        for writer in self._writers.values():
            writer.flush()

    def close(self) -> None:
        """Write everything to the disk, including what an interrupted training recorded."""
        (self._leader or self).read()
        self.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _write_scalars(self, split: str, step: int, scalars: dict[str, Any]) -> None:
        if split not in self._writers:
            self._writers[split] = tf.summary.create_file_writer(str(self.log_dir / split))
        with self._writers[split].as_default(step):
            for tag, value in scalars.items():
                tf.summary.scalar(tag, value)
