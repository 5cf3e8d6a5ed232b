"""Attachment: a RecordingMean in the place of a model's loss tracker, and the way back."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import keras

from lossaudit.keras.metrics import EVALUATION, TRAIN, RecordingMean

_MARK = "_lossaudit_attachment"
_WRAPPED = ("train_step", "test_step", "make_train_function")


class Attachment:
    """Lets the loss tracker of a compiled model keep what it averages, until `detach` leaves the model as it was.

    What Keras compiled before is put aside and put back, and what it compiles meanwhile is kept for the next time, so
    that neither the model nor a second attachment is traced again.

    Args:
        model: a compiled model.
        owner: the callback that reads the tracker.
        capacity: rows of the tracker's ring.
    """

    def __init__(self, model: Any, owner: Any, capacity: int) -> None:
        self.model, self.owner = model, owner
        self.original = model._loss_tracker
        self.tracker = RecordingMean(name=self.original.name, dtype=self.original.dtype, capacity=capacity)
        self._compiled: tuple[Any, Any] = (None, None)

    @classmethod
    def of(cls, model: Any) -> Attachment | None:
        """The attachment that a model has at present."""
        return vars(model).get(_MARK)

    def serves(self, model: Any) -> bool:
        """Whether this attachment was made for this model, compiled as it is now."""
        return model is self.model and model._loss_tracker is self.original

    def attach(self) -> None:
        """Put the recording tracker in; before Keras traces the step."""
        model = self.model
        self._put_aside = (model.train_function, model.test_function)
        self._history = getattr(model, "history", None)
        _copy(self.original, self.tracker)
        steps = {
            "train_step": self._marked(model.train_step, TRAIN),
            "test_step": self._marked(model.test_step, EVALUATION),
            "make_train_function": self._make_train_function,
        }
        # Not through Keras, which would track the metric as one of a layer, and the functions as state.
        for name, value in {"_loss_tracker": self.tracker, _MARK: self, **steps}.items():
            object.__setattr__(model, name, value)
        model.train_function, model.test_function = self._compiled

    def detach(self) -> None:
        """Put the original tracker back, with the state it would have had, and what Keras had compiled with it."""
        model = self.model
        self.owner.read()
        _copy(self.tracker, self.original)
        object.__setattr__(model, "_loss_tracker", self.original)
        for name in (*_WRAPPED, _MARK):
            object.__delattr__(model, name)
        self._compiled = (model.train_function, model.test_function)
        model.train_function, model.test_function = self._put_aside

    def _marked(self, step: Callable[[Any], Any], kind: int) -> Callable[[Any], Any]:
        """The step, whose rows are traced as rows of that kind."""

        def marked(*args: Any, **kwargs: Any) -> Any:
            with self.tracker.recording_as(kind):
                return step(*args, **kwargs)

        return marked

    def _make_train_function(self, force: bool = False) -> Any:
        """Leave the model first if this is another `fit` than ours, which an exception must have ended."""
        if getattr(self.model, "history", None) is not self._history:
            self.detach()
            return self.model.make_train_function(force)
        return type(self.model).make_train_function(self.model, force)


def companions() -> list[Any]:
    """The callbacks of the CallbackList that is calling: Keras hands a callback its model, but not its companions."""
    frame = inspect.currentframe()
    while frame is not None:
        caller = frame.f_locals.get("self")
        if isinstance(caller, keras.callbacks.CallbackList):
            return list(caller.callbacks)
        frame = frame.f_back
    return []


def _copy(source: Any, target: Any) -> None:
    target.total.assign(source.total)
    target.count.assign(source.count)
