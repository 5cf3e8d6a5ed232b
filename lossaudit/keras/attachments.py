"""Attachment: a RecordingMean in the place of a model's loss tracker, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lossaudit.keras.callers import Training
from lossaudit.keras.metrics import EVALUATION, TRAIN, RecordingMean

_MARK = "_lossaudit_attachment"
_GUARDED = ("make_train_function", "make_test_function", "reset_metrics")
"""Methods of which every training and evaluation calls one before its first batch."""


class Attachment:
    """Lets the loss tracker of a compiled model keep what it averages, until `detach` leaves the model as it was.

    What Keras compiled before is put aside and put back, and what it compiles meanwhile is kept for the next time, so
    that neither the model nor a second attachment is traced again. An exception leaves the model attached; the next
    training or evaluation, which is not the one this was made for, detaches it first.

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
        self._training: Training | None = None

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
        self._history, self._training = getattr(model, "history", None), None
        _copy(self.original, self.tracker)
        wrapped = {
            "train_step": self._marked(model.train_step, TRAIN),
            "test_step": self._marked(model.test_step, EVALUATION),
            **{name: self._guarded(getattr(model, name)) for name in _GUARDED},
            _MARK: self,
        }
        self._wrapped = {name: vars(model).get(name) for name in wrapped}
        # Not through Keras, which would track the metric as one of a layer, and the functions as state.
        for name, value in {"_loss_tracker": self.tracker, **wrapped}.items():
            object.__setattr__(model, name, value)
        self._put_aside = (model.train_function, model.test_function)
        model.train_function, model.test_function = self._compiled

    def belongs_to(self, training: Training) -> None:
        """Say which training this is for, once it has begun."""
        self._training = training

    def detach(self) -> None:
        """Put the original tracker back, with the state it would have had, and what Keras had compiled with it."""
        model = self.model
        self.owner.read()
        for name, before in self._wrapped.items():
            object.__delattr__(model, name)
            if before is not None:
                object.__setattr__(model, name, before)
        if model._loss_tracker is not self.tracker:
            return  # compiled anew since then, so that nothing of before is of use
        _copy(self.tracker, self.original)
        object.__setattr__(model, "_loss_tracker", self.original)
        self._compiled = (model.train_function, model.test_function)
        model.train_function, model.test_function = self._put_aside

    def _marked(self, step: Callable[..., Any], kind: int) -> Callable[..., Any]:
        """The step, whose rows are traced as rows of that kind."""

        def marked(*args: Any, **kwargs: Any) -> Any:
            with self.tracker.recording_as(kind):
                return step(*args, **kwargs)

        return marked

    def _guarded(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """The method, which leaves the model first if whoever calls it is not the training this was made for."""

        def guarded(*args: Any, **kwargs: Any) -> Any:
            if self._is_for_another():
                self.detach()
            return method(*args, **kwargs)

        return guarded

    def _is_for_another(self) -> bool:
        """Whether another `fit` gave the model its History, or the training was left by an exception."""
        another = getattr(self.model, "history", None) is not self._history
        return another or (self._training is not None and self._training.is_over)


def _copy(source: Any, target: Any) -> None:
    target.total.assign(source.total)
    target.count.assign(source.count)
