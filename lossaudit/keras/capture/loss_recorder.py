"""LossRecorder: a callback that captures the true loss of every batch and judges nothing."""

from __future__ import annotations

import warnings
from functools import cache
from os import PathLike
from pathlib import Path
from typing import Any

import keras

from lossaudit.errors import CaptureError, RunFileError, RunFileWarning
from lossaudit.keras.backend import number_of_replicas
from lossaudit.keras.capture.attachment import Attachment
from lossaudit.keras.capture.callers import Training, companions
from lossaudit.keras.capture.probes import Probes, weights_of_outputs
from lossaudit.keras.capture.recording_mean import EVALUATION, TRAIN
from lossaudit.keras.capture.rows import Capture, split_of_kind
from lossaudit.keras.capture.samples import Sample, Samples
from lossaudit.recording import keys
from lossaudit.recording.recording import Recording, recording_of_sessions, with_more
from lossaudit.recording.runfile import RunFile
from lossaudit.recording.series import Series

_HOOKS_AHEAD = 3
"""For how many further executions the ring has room: the next, one without a hook, and resets."""


class LossRecorder(keras.callbacks.Callback):
    """Captures value, rows, step, epoch and split of every batch inside the training step.

    While a training runs, a `RecordingMean` replaces the model's loss tracker. It computes what
    the tracker computes, so `History` and weights are bit-identical to a training without it.
    Afterwards the model is as it was; after an exception, as soon as something else trains or
    evaluates it.

    Keras traces the step anew for the recorder. If the `trainable` of a layer was changed since
    the last `compile`, the new value therefore takes effect, while Keras alone would ignore it.
    Compile the model again, as Keras asks.

    Steps of train batches count from 0 over one `fit`; those of validation and test batches count
    the batches of their split. An epoch of the split "test" is one evaluation that is not `fit`'s
    own validation.

    Some losses bypass the tracker, for example in a custom `train_step`, and are not captured. The
    recording's `metadata["not_captured"]` then names the split, and `audit` reports LA401.

    Args:
        path: a run file that grows with the training, chunk by chunk, so that a long run needs no
            more memory. It has everything captured so far even if the process is killed;
            `lossaudit.read` reads it at any time. An existing file is continued. If it cannot be
            written, training continues with a RunFileWarning.
        rows: how many rows an epoch should train on; an audit then finds missing ones (LA204).
        metrics: keep every compiled metric of each batch alone, as a series with its own tag.
        components: keep what regularizers add to the loss, and the loss of each output
            (see `Probes`).
        penalties: keep what regularizers add to the loss, alone.
        gradients: keep norm, mean and variance of each gradient, and whether all are finite; on
            TensorFlow.
        predictions: (every, rows): of every k-th batch, keep targets and predictions of the first
            rows as `Sample` in the list `predictions`, in memory; on TensorFlow and one replica.
    """

    capacity = 4096
    """Rows of the ring in the graph; there are more if one execution writes more."""

    def __init__(
        self,
        path: str | PathLike[str] | None = None,
        *,
        rows: int | None = None,
        metrics: bool = False,
        components: bool = False,
        gradients: bool = False,
        predictions: tuple[int, int] | None = None,
        penalties: bool = False,
    ) -> None:
        super().__init__()
        self.path = None if path is None else Path(path)
        self._file: RunFile | None = None
        self._unwritten: list[Series] = []
        samples = None if predictions is None else Samples(*predictions)
        self._probes = Probes(metrics, components, gradients, samples, penalties)
        self._predictions: list[Sample] = []
        self._rows = rows
        self._finished: list[Recording] = []
        self._capture = Capture()
        self._attachment: Attachment | None = None
        self._leader: LossRecorder | None = None
        self._followers: list[LossRecorder] = []
        self._in_fit = self._in_test = False
        self._unread = 0

    @property
    def recording(self) -> Recording:
        """The latest `fit`: all of it, or what there is so far."""
        if self._leader is not None:
            return self._leader.recording
        self.read()
        captured = self._capture.recording
        if self._file is None:
            return captured
        written = recording_of_sessions(self._file.sessions())
        return with_more(written, self._unwritten, captured)

    @property
    def recordings(self) -> list[Recording]:
        """The recordings of every `fit` that had this recorder, in order."""
        if self._leader is not None:
            return self._leader.recordings
        return [*self._finished, self.recording]

    @property
    def predictions(self) -> list[Sample]:
        """The requested targets and predictions of the latest `fit`."""
        return (self._leader or self)._predictions

    def set_model(self, model: Any) -> None:
        """Replace the loss tracker, unless another recorder of the same training has done so.

        That one then captures for both.
        """
        super().set_model(model)
        present = Attachment.of(model)
        if present is not None and present.owner is not self and present.owner in companions():
            self._leader, self._attachment = present.owner, None
            present.owner._lead(self)
            return
        if present is not None:
            present.detach()
        self._leader, self._followers, self._in_fit, self._in_test = None, [], False, False
        self._attach(model)

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Start a new recording."""
        if self._capture.seen:
            self._finished.append(self.recording)
        self._capture = Capture(self._capture.metadata)
        self._in_fit = True
        self._predictions = []
        if self._probes.samples is not None:
            self._probes.samples.restart()
        self._join_training()
        self._close()
        if self.path is not None:
            self._open(self.path)

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Remember the epoch of the batches to come."""
        self.read()
        self._capture.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Count the batch."""
        self._count("train")

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
        """Read the rows before this evaluation."""
        self.read()
        if not self._in_fit:
            self._join_training()
            self._reopen()
        self._in_test = True
        self._loop_rows_are_train(False)

    def on_test_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Count the batch."""
        self._count("validation" if self._in_fit else "test")

    def on_test_end(self, logs: dict[str, float] | None = None) -> None:
        """Read the rows of this evaluation."""
        self.read()
        self._in_test = False
        self._loop_rows_are_train(True)
        if not self._in_fit:
            self._detach()
            self._close()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Read the epoch's rows."""
        self.read()
        # Not earlier: only a model that has trained is sure to be built.
        if self._attachment is not None:
            self._capture.metadata.setdefault(keys.OUTPUTS, weights_of_outputs(self.model))

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Put the model's own tracker back, and complete the run file."""
        self._in_fit = False
        self._detach()
        self._close()

    def read(self) -> None:
        """Move what the graph has recorded into memory, or into the run file."""
        self._unread = 0
        if self._attachment is None:
            return
        self._attachment.settle()
        tracker = self._attachment.tracker
        replicas, lost = tracker.take()
        self._capture.bypassed |= tracker.bypassed
        by_tag = [tracker.sorted_by_tag(rows) for rows in replicas]
        tags = {tag: [of_replica[tag] for of_replica in by_tag] for tag in by_tag[0]}
        tags[keys.LOSS] = tags.pop(tracker.name)
        parts = self._capture.add(tags, lost, in_validation=self._in_validation)
        self._write()
        self._read_samples()
        # Most recorders need no series before the training ends, so make them on demand, once.
        added = cache(lambda: self._capture.series_of(parts))
        for recorder in (self, *self._followers):
            if recorder is not self and recorder._is_writing:
                recorder._append(added(), self._capture)
            if recorder._has_reader:
                recorder.on_recorded(added())

    @property
    def _in_validation(self) -> bool:
        """Whether `fit` itself is evaluating, not a callback or another caller."""
        return self._in_fit and self._in_test

    @property
    def _has_reader(self) -> bool:
        """Whether a subclass reads what is recorded as it comes."""
        return type(self).on_recorded is not LossRecorder.on_recorded

    def on_recorded(self, added: list[Series]) -> None:
        """Receive what was captured since the last call; for subclasses that pass it on."""

    def _read_samples(self) -> None:
        samples = self._probes.samples
        for kind, number, targets, predictions in samples.take() if samples else ():
            split = split_of_kind(kind, self._in_validation)
            step = number + (self._capture.first_step if split == "train" else 0)
            self._predictions.append(
                Sample(split, self._capture.epoch, step, targets, predictions)
            )

    def _open(self, path: Path) -> None:
        """Begin a session of the run file; steps continue those of the optimizer."""
        self._unwritten = []
        try:
            continued = path.exists() and path.stat().st_size > 0
            self._file = RunFile(path)
            (self._leader or self)._capture.first_step = (
                _steps_taken(self.model) if continued else 0
            )
        except (OSError, RunFileError) as error:
            self._warn_not_written(error)

    def _reopen(self) -> None:
        """Continue the file of the previous training, or begin one, for an evaluation alone."""
        if self.path is not None and self._file is None:
            self._open(self.path)
        elif self._file is not None and self._file.closed:
            try:
                self._file.reopen()
            except RunFileError as error:
                self._warn_not_written(error)

    def _close(self) -> None:
        if self._file is not None and not self._file.closed:
            self._write()
            self._file.close()

    @property
    def _is_writing(self) -> bool:
        return self._file is not None and not self._file.closed

    def _write(self) -> None:
        """Move what was captured to the run file, if one is open."""
        if self._leader is None and self._is_writing:
            self._append(self._capture.take(), self._capture)

    def _append(self, parts: list[Series], capture: Capture) -> None:
        """Write to the run file, if one is open.

        What cannot be written is kept and tried again; the first failure is a warning.
        """
        if self._file is None or self._file.closed:
            return
        self._unwritten += parts
        try:
            self._file.append(self._unwritten, metadata=capture.described)
            self._unwritten = []
        except RunFileError as error:
            if keys.NOT_WRITTEN not in self._capture.metadata:
                self._warn_not_written(error)

    def _lead(self, follower: LossRecorder) -> None:
        """Capture for another recorder of the same training as well."""
        self._followers.append(follower)
        self._rows = follower._rows if self._rows is None else self._rows
        probes = self._probes.joined(follower._probes)
        if probes != self._probes:
            self._probes = probes
            self._detach()
            self._attachment = None
        self._attach(self.model)

    def _warn_not_written(self, error: Exception) -> None:
        self._capture.metadata = {**self._capture.metadata, keys.NOT_WRITTEN: str(error)}
        warnings.warn(
            f"training continues; losses are kept in memory only: {error}",
            RunFileWarning,
            stacklevel=2,
        )

    def _attach(self, model: Any) -> None:
        self._capture.metadata = {
            **_about(model),
            **({} if self._rows is None else {keys.ROWS: self._rows}),
        }
        _refuse_workers(getattr(model, "distribute_strategy", None))
        if getattr(model, "_loss_tracker", None) is None:
            # Not compiled: `fit` and `evaluate` will raise.
            return
        if self._attachment is not None and Attachment.of(model) is self._attachment:
            return
        if self._attachment is None or not self._attachment.serves(model):
            # A ring smaller than what a few executions write could never be read in time.
            ahead = _HOOKS_AHEAD * model.steps_per_execution * (1 + self._probes.most(model))
            self._attachment = Attachment(model, self, max(self.capacity, ahead), self._probes)
        self._attachment.attach()

    def _join_training(self) -> None:
        if self._attachment is not None:
            self._attachment.belongs_to(Training())

    def _detach(self) -> None:
        if (
            self._attachment is not None
            and Attachment.of(self._attachment.model) is self._attachment
        ):
            self._attachment.detach()

    def _count(self, split: str) -> None:
        """Count a hook; read the ring if the rows of the next executions might not fit."""
        self._capture.seen[split] = self._capture.seen.get(split, 0) + 1
        self._unread += 1
        if self._attachment is not None:
            tracker = self._attachment.tracker
            steps = self._capture.metadata.get(keys.STEPS_PER_EXECUTION, 1)
            hooks = self._unread + _HOOKS_AHEAD - 1
            samples = self._probes.samples
            is_tight = samples is not None and not samples.has_room_for(hooks * steps)
            if is_tight or hooks * steps * (1 + len(tracker.tags)) >= tracker.ring.capacity:
                self.read()

    def _loop_rows_are_train(self, is_train: bool) -> None:
        """Let the hooks tell train rows from others; a hand-written loop has no `test_step`."""
        if self._attachment is not None:
            self._attachment.tracker.kind = TRAIN if is_train else EVALUATION


def _about(model: Any) -> dict[str, Any]:
    """The set-up of the training, for the metadata."""
    tracker = getattr(model, "_loss_tracker", None)
    return {
        keys.KERAS: keras.__version__,
        keys.BACKEND: keras.backend.backend(),
        keys.DTYPE: str(getattr(tracker, "dtype", None) or keras.config.floatx()),
        keys.MODEL: type(model).__name__,
        keys.STEPS_PER_EXECUTION: int(getattr(model, "steps_per_execution", 1)),
        keys.JIT_COMPILE: bool(getattr(model, "jit_compile", False)),
        keys.RUN_EAGERLY: bool(getattr(model, "run_eagerly", False)),
        keys.REDUCTION: _reduction(getattr(model, "loss", None)),
        keys.REPLICAS: number_of_replicas(model),
    }


def _reduction(loss: Any) -> str | None:
    """How a loss reduces the losses of its rows to one number; None if unknown."""
    return str(loss.reduction or "none") if isinstance(loss, keras.losses.Loss) else None


def _refuse_workers(strategy: Any) -> None:
    """Refuse a strategy over several processes: each process sees only its own rows."""
    name = type(strategy).__name__
    extended = getattr(strategy, "extended", None)
    of_workers = getattr(extended, "_in_multi_worker_mode", lambda: False)
    if name.startswith("ParameterServer") or of_workers():
        raise CaptureError(
            f"Keras 3 cannot train with several workers ({name}), and LossRecorder cannot record "
            "there: write your own loop, and record each worker's losses and rows with "
            "`lossaudit.Recorder`"
        )


def _steps_taken(model: Any) -> int:
    """How many batches the optimizer has seen, including those before a restored checkpoint."""
    optimizer = model.optimizer
    accumulated = getattr(optimizer, "gradient_accumulation_steps", None) or 1
    return int(optimizer.iterations) * int(accumulated)
