"""Attachment: puts a RecordingMean in place of a model's loss tracker, and undoes that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import keras

from lossaudit.keras.backend import replicas_of, scope_of
from lossaudit.keras.capture.callers import Training
from lossaudit.keras.capture.probes import Probes
from lossaudit.keras.capture.recording_mean import EVALUATION, TRAIN, RecordingMean
from lossaudit.keras.patches import Patch, Replacement

_MARK = "_lossaudit_attachment"
_GUARDED = ("make_train_function", "make_test_function", "reset_metrics")
"""Methods; every training and evaluation calls at least one before its first batch."""


class Attachment:
    """Makes the loss tracker of a compiled model keep what it averages, until `detach`.

    `detach` leaves the model as it was. The functions that Keras had compiled are set aside and
    put back; those compiled meanwhile are kept for the next `attach`. So neither the model nor a
    second attachment is traced again.

    An exception leaves the model attached. The next training or evaluation detaches it first.

    Args:
        model: a compiled model.
        owner: the callback that reads the tracker.
        capacity: rows of the tracker's ring.
        probes: what to keep of each batch in addition to its loss.
    """

    def __init__(self, model: Any, owner: Any, capacity: int, probes: Probes) -> None:
        self.model, self.owner, self.probes = model, owner, probes
        self.original = model._loss_tracker
        with scope_of(model):
            self.tracker = RecordingMean(
                name=self.original.name, dtype=self.original.dtype, capacity=capacity
            )
        self._compiled: tuple[Any, Any] = (None, None)
        self._training: Training | None = None

    @classmethod
    def of(cls, model: Any) -> Attachment | None:
        """The attachment that a model has at present."""
        return vars(model).get(_MARK)

    def serves(self, model: Any) -> bool:
        """Whether this attachment was made for this model as it is compiled now."""
        return model is self.model and model._loss_tracker is self.original

    def attach(self) -> None:
        """Put the recording tracker in place, before Keras traces the step."""
        model = self.model
        self._history, self._training = getattr(model, "history", None), None
        _copy(self.original, self.tracker)
        replacements = [
            *self.probes.replacements(model, self.tracker),
            *_followers(model, self.original, self.tracker),
            (model, "train_step", self._marked(model.train_step, TRAIN)),
            (model, "test_step", self._marked(model.test_step, EVALUATION)),
            *((model, name, self._guarded(getattr(model, name))) for name in _GUARDED),
            (model, _MARK, self),
        ]
        self._tracker_patch = Patch(model, "_loss_tracker", self.tracker)
        self._patches = [Patch(*replacement) for replacement in replacements]
        # Keras keeps a compiled function until the next `compile`; one that was traced with the
        # other tracker would go on updating that one.
        self._set_aside = (model.train_function, model.test_function)
        model.train_function, model.test_function = self._compiled

    def belongs_to(self, training: Training) -> None:
        """Remember which training this is for, once it has begun."""
        self._training = training

    def settle(self) -> None:
        """Bring the variables up to date."""
        # On JAX, Keras keeps the state outside of the variables while it trains.
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()

    def detach(self) -> None:
        """Put back the original tracker, with its state brought up to date, and what was compiled.

        If the model was compiled anew meanwhile, only the patches are undone.
        """
        model = self.model
        self.owner.read()
        # In reverse order: the outermost of several replacements goes first.
        for patch in reversed(self._patches):
            patch.undo()
        if model._loss_tracker is not self.tracker:
            # `compile` has made a new tracker: nothing that was set aside is of use any more.
            return
        _copy(self.tracker, self.original)
        self._tracker_patch.undo()
        self._compiled = (model.train_function, model.test_function)
        model.train_function, model.test_function = self._set_aside

    def _marked(self, step: Callable[..., Any], kind: int) -> Callable[..., Any]:
        """The step, traced so that it writes rows of this kind."""

        def marked(*args: Any, **kwargs: Any) -> Any:
            with self.tracker.recording_as(kind):
                logs = step(*args, **kwargs)
                self.tracker.keep_bypassed(logs)
                return logs

        return marked

    def _guarded(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """The method, preceded by `detach` if another training or evaluation calls it."""

        def guarded(*args: Any, **kwargs: Any) -> Any:
            if self._is_for_another():
                self.detach()
            return method(*args, **kwargs)

        return guarded

    def _is_for_another(self) -> bool:
        """Whether another `fit` has begun, or an exception has ended the training of this one."""
        # Every `fit` gives the model a new History. Before Keras 3.10 so does an `evaluate` in a
        # callback, while the training goes on.
        another = getattr(self.model, "history", None) is not self._history
        if self._training is None:
            return another
        return self._training.is_over or (another and not self._training.is_running)


def _followers(model: Any, original: Any, tracker: RecordingMean) -> Iterator[Replacement]:
    """Methods that pass on to the tracker what the model's other means named "loss" average.

    A model with its own `train_step` may have such a mean in addition to the loss tracker.
    """
    for metric in model.metrics:
        if (
            isinstance(metric, keras.metrics.Mean)
            and metric.name == original.name
            and metric is not original
        ):
            yield metric, "update_state", _followed(metric.update_state, tracker.keep)
            yield metric, "reset_state", _followed(metric.reset_state, tracker.mark_reset)


def _followed(method: Callable[..., Any], follow: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def followed(*args: Any, **kwargs: Any) -> Any:
        result = method(*args, **kwargs)
        follow(*args, **kwargs)
        return result

    return followed


def _copy(source: Any, target: Any) -> None:
    """Copy total and count of a mean, on each replica its own."""
    for name in ("total", "count"):
        old, new = getattr(source, name), getattr(target, name)
        if len(replicas_of(old)) == 1:
            new.assign(old)
            continue
        for one, other in zip(replicas_of(old), replicas_of(new), strict=True):
            other.assign(one)
