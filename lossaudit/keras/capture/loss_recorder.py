"""LossRecorder: a callback that captures the true loss of every batch, and judges nothing."""

from __future__ import annotations

import warnings
from os import PathLike
from pathlib import Path
from typing import Any

import keras

from lossaudit.errors import CaptureError, RunFileError, RunFileWarning
from lossaudit.keras.capture.attachment import Attachment
from lossaudit.keras.capture.callers import Training, companions
from lossaudit.keras.capture.probes import Probes, weights_of_outputs
from lossaudit.keras.capture.recording_mean import EVALUATION, TRAIN
from lossaudit.keras.capture.rows import Capture, split_of
from lossaudit.keras.capture.samples import Sample, Samples
from lossaudit.recording import keys
from lossaudit.recording.recording import Recording, recording_of_sessions, with_more
from lossaudit.recording.runfile import RunFile
from lossaudit.recording.series import Series

_HOOKS_AHEAD = 3
"""Executions for which the ring keeps room: one that a hook announces, one that it does not, and
marks of resets.
"""


class LossRecorder(keras.callbacks.Callback):
    """Captures value, rows, step, epoch and split of every batch from inside the training step.

    While a training runs, a `RecordingMean` stands in the place of the model's loss tracker; it
    computes what the tracker computes, so `History` and weights are bit for bit what they are
    without it. Afterwards the model is as it was; after an exception it is so as soon as something
    else trains or evaluates it.

    The step is traced anew for it. A layer whose `trainable` was changed since Keras traced the
    model is therefore trained as it is now, while Keras alone would go on as it was: compile the
    model again, as Keras asks.

    Steps of train batches count from 0 over one `fit`; those of validation and test batches count
    the batches of their split. An epoch of the split "test" is one evaluation outside `fit`'s own
    validation.

    What bypasses the tracker, as a `train_step` with a loss of its own may, is not captured; the
    recording's `metadata["not_captured"]` then says of which split, and `audit` reports it as
    LA401.

    Args:
        path: a run file that grows with the training, chunk by chunk, so that the memory of a long
            run does not, and that keeps what was captured when the process is killed;
            `lossaudit.read` reads it at any time. A file that exists is continued. If it cannot be
            written, RunFileWarning says so, and the training goes on.
        rows: how many rows there are to train on in an epoch; an audit then notices those that
            were not (LA204).
        metrics: keep every compiled metric of each batch alone, as series of their own tags.
        components: keep what regularizers add to the loss, and the loss of each output
            (`probes.Probes`).
        penalties: keep what regularizers add to the loss, alone.
        gradients: keep norm, mean and variance of each gradient, and whether all are finite; on
            TensorFlow.
        predictions: (every, rows): of every so many batches, keep targets and predictions of the
            first so many rows as `Sample` in the list `predictions`, in memory; on TensorFlow and
            one replica.
    """

    capacity = 4096
    """Rows of the ring inside the graph, which is read before it is full; more if one execution
    writes more.
    """

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
        """What the latest `fit` did; so far, while it runs or if it was interrupted."""
        if self._leader is not None:
            return self._leader.recording
        self.read()
        captured = self._capture.recording
        return (
            captured
            if self._file is None
            else with_more(recording_of_sessions(self._file.sessions()), self._unwritten, captured)
        )

    @property
    def recordings(self) -> list[Recording]:
        """The recordings of every `fit` that this recorder was given to, in order."""
        if self._leader is not None:
            return self._leader.recordings
        return [*self._finished, self.recording]

    @property
    def predictions(self) -> list[Sample]:
        """Targets and predictions that were asked for, of the latest `fit`."""
        return (self._leader or self)._predictions

    def set_model(self, model: Any) -> None:
        """Take the place of the loss tracker, unless a recorder beside this one captures for both."""
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
        """Remember which epoch the coming batches belong to."""
        self.read()
        self._capture.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Count the batch."""
        self._count("train")

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
        """Rows until now were not of this evaluation."""
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
        """Rows until now were of this evaluation."""
        self.read()
        self._in_test = False
        self._loop_rows_are_train(True)
        if not self._in_fit:
            self._detach()
            self._close()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Read the epoch's rows; by now the model is built."""
        self.read()
        if self._attachment is not None:
            self._capture.metadata.setdefault(keys.OUTPUTS, weights_of_outputs(self.model))

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Leave the model as it was, and the run file complete."""
        self._in_fit = False
        self._detach()
        self._close()

    def read(self) -> None:
        """Move what the graph has recorded into memory."""
        self._unread = 0
        if self._attachment is not None:
            self._attachment.settle()
            tracker = self._attachment.tracker
            replicas, lost = tracker.take()
            self._capture.bypassed |= tracker.bypassed
            by_tag = [tracker.sorted_by_tag(rows) for rows in replicas]
            tags = {tag: [of_replica[tag] for of_replica in by_tag] for tag in by_tag[0]}
            tags[keys.LOSS] = tags.pop(tracker.name)
            added = self._capture.add(tags, lost, in_validation=self._in_validation)
            self._write()
            self._read_samples()
            self.on_recorded(added)
            for follower in self._followers:
                follower._append(added, self._capture)
                follower.on_recorded(added)

    @property
    def _in_validation(self) -> bool:
        """Whether it is `fit` that evaluates, and not a callback or somebody else."""
        return self._in_fit and self._in_test

    def on_recorded(self, added: list[Series]) -> None:
        """Called with what was captured since the last time; for subclasses that pass it on."""

    def _read_samples(self) -> None:
        samples = self._probes.samples
        for kind, number, targets, predictions in samples.take() if samples else ():
            split = split_of(kind, self._in_validation)
            step = number + (self._capture.first_step if split == "train" else 0)
            self._predictions.append(
                Sample(split, self._capture.epoch, step, targets, predictions)
            )

    def _open(self, path: Path) -> None:
        """Begin a session of the run file; steps go on where those of the optimizer do."""
        self._unwritten = []
        try:
            continued = path.exists() and path.stat().st_size > 0
            self._file = RunFile(path)
            (self._leader or self)._capture.first_step = (
                _steps_taken(self.model) if continued else 0
            )
        except (OSError, RunFileError) as error:
            self._say_not_written(error)

    def _reopen(self) -> None:
        """For an evaluation by itself: go on with the file of the training before it, or begin
        one.
        """
        if self.path is not None and self._file is None:
            self._open(self.path)
        elif self._file is not None and self._file.closed:
            try:
                self._file.reopen()
            except RunFileError as error:
                self._say_not_written(error)

    def _close(self) -> None:
        if self._file is not None and not self._file.closed:
            self._write()
            self._file.close()

    def _write(self) -> None:
        """Move what was captured to the run file, if there is one; what cannot be written stays in
        memory.
        """
        if self._leader is None and self._file is not None and not self._file.closed:
            self._append(self._capture.take(), self._capture)

    def _append(self, parts: list[Series], capture: Capture) -> None:
        """Write to the run file, if there is one; what cannot be written is said once, kept, and
        tried again.
        """
        if self._file is None or self._file.closed:
            return
        self._unwritten += parts
        try:
            self._file.append(self._unwritten, metadata=capture.described)
            self._unwritten = []
        except RunFileError as error:
            if keys.NOT_WRITTEN not in self._capture.metadata:
                self._say_not_written(error)

    def _lead(self, follower: LossRecorder) -> None:
        """Record for another recorder of the same training what it asks for beside the loss."""
        self._followers.append(follower)
        self._rows = follower._rows if self._rows is None else self._rows
        probes = self._probes.joined(follower._probes)
        if probes != self._probes:
            self._probes = probes
            self._detach()
            self._attachment = None
        self._attach(self.model)

    def _say_not_written(self, error: Exception) -> None:
        self._capture.metadata = {**self._capture.metadata, keys.NOT_WRITTEN: str(error)}
        warnings.warn(
            f"the training goes on, and is recorded in memory: {error}",
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
            return  # not compiled: `fit` and `evaluate` will say so
        if self._attachment is not None and Attachment.of(model) is self._attachment:
            return
        if self._attachment is None or not self._attachment.serves(model):
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
        """Count a hook, and read the ring while the rows of the next execution still fit in."""
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
        """In a hand-written loop no `test_step` says which rows are of an evaluation; the hooks
        do.
        """
        if self._attachment is not None:
            self._attachment.tracker.kind = TRAIN if is_train else EVALUATION


def _about(model: Any) -> dict[str, Any]:
    """The set-up that the numbers come from."""
    return {
        keys.KERAS: keras.__version__,
        keys.BACKEND: keras.backend.backend(),
        keys.DTYPE: str(
            getattr(getattr(model, "_loss_tracker", None), "dtype", None) or keras.config.floatx()
        ),
        keys.MODEL: type(model).__name__,
        keys.STEPS_PER_EXECUTION: int(getattr(model, "steps_per_execution", 1)),
        keys.JIT_COMPILE: bool(getattr(model, "jit_compile", False)),
        keys.RUN_EAGERLY: bool(getattr(model, "run_eagerly", False)),
        keys.REDUCTION: _reduction(getattr(model, "loss", None)),
        keys.REPLICAS: int(
            getattr(getattr(model, "distribute_strategy", None), "num_replicas_in_sync", 1)
        ),
    }


def _reduction(loss: Any) -> str | None:
    """How a loss makes one number of those of its rows; None where that is not to be told."""
    return str(loss.reduction or "none") if isinstance(loss, keras.losses.Loss) else None


def _refuse_workers(strategy: Any) -> None:
    """Refuse a strategy over several processes, of which each sees only its own rows."""
    name = type(strategy).__name__
    of_workers = getattr(
        getattr(strategy, "extended", None), "_in_multi_worker_mode", lambda: False
    )
    if name.startswith("ParameterServer") or of_workers():
        raise CaptureError(
            f"Keras 3 cannot train with several workers ({name}), and LossRecorder cannot record "
            "there: in a loop of "
            f"your own, record each worker's losses and rows with `lossaudit.Recorder`"
        )


def _steps_taken(model: Any) -> int:
    """The batches that an optimizer has seen, also before its state was restored from a
    checkpoint.
    """
    optimizer = model.optimizer
    return int(optimizer.iterations) * int(
        getattr(optimizer, "gradient_accumulation_steps", None) or 1
    )
