"""Attachment: a RecordingMean in the place of a model's loss tracker, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import Any

import keras

from lossaudit.keras.capture.callers import Training
from lossaudit.keras.capture.probes import Probes
from lossaudit.keras.capture.recording_mean import EVALUATION, TRAIN, RecordingMean
from lossaudit.keras.capture.ring import replicas_of

_MARK = "_lossaudit_attachment"
_GUARDED = ("make_train_function", "make_test_function", "reset_metrics")
"""Methods of which every training and evaluation calls one before its first batch."""


class Attachment:
    """Lets the loss tracker of a compiled model keep what it averages, until `detach` leaves the
    model as it was.

    What Keras compiled before is put aside and put back, and what it compiles meanwhile is kept
    for the next time, so that neither the model nor a second attachment is traced again. An
    exception leaves the model attached; the next training or evaluation, which is not the one this
    was made for, detaches it first.

    Args:
        model: a compiled model.
        owner: the callback that reads the tracker.
        capacity: rows of the tracker's ring.
        probes: what is to be kept of each batch beside its loss.
    """

    def __init__(self, model: Any, owner: Any, capacity: int, probes: Probes) -> None:
        self.model, self.owner, self.probes = model, owner, probes
        self.original = model._loss_tracker
        with _scope(model):
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
        """Whether this attachment was made for this model, compiled as it is now."""
        return model is self.model and model._loss_tracker is self.original

    def attach(self) -> None:
        """Put the recording tracker in; before Keras traces the step."""
        model = self.model
        self._history, self._training = getattr(model, "history", None), None
        _copy(self.original, self.tracker)
        replacements = [
            *self.probes.wrapped(model, self.tracker),
            *_listening(model, self.original, self.tracker),
            (model, "train_step", self._marked(model.train_step, TRAIN)),
            (model, "test_step", self._marked(model.test_step, EVALUATION)),
            *((model, name, self._guarded(getattr(model, name))) for name in _GUARDED),
            (model, _MARK, self),
        ]
        self._replaced = [(owner, name, vars(owner).get(name)) for owner, name, _ in replacements]
        # Not through Keras, which would track the metric as one of a layer, and the functions as
        # state.
        for owner, name, value in [(model, "_loss_tracker", self.tracker), *replacements]:
            object.__setattr__(owner, name, value)
        self._put_aside = (model.train_function, model.test_function)
        model.train_function, model.test_function = self._compiled

    def belongs_to(self, training: Training) -> None:
        """Say which training this is for, once it has begun."""
        self._training = training

    def settle(self) -> None:
        """Have the variables hold what they should: on JAX, Keras keeps their values elsewhere
        while it trains.
        """
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()

    def detach(self) -> None:
        """Put the original tracker back, with the state it would have had, and what Keras had
        compiled with it.
        """
        model = self.model
        self.owner.read()
        for owner, name, before in self._replaced:
            object.__delattr__(owner, name)
            if before is not None:
                object.__setattr__(owner, name, before)
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
                logs = step(*args, **kwargs)
                self.tracker.keep_bypassed(logs)
                return logs

        return marked

    def _guarded(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """The method, which leaves the model first if whoever calls it is not the training this
        was made for.
        """

        def guarded(*args: Any, **kwargs: Any) -> Any:
            if self._is_for_another():
                self.detach()
            return method(*args, **kwargs)

        return guarded

    def _is_for_another(self) -> bool:
        """Whether another `fit` gave the model its History, or the training was left by an
        exception.

        Before Keras 3.10 an `evaluate` in a callback gives the model a History too, while the
        training runs.
        """
        another = getattr(self.model, "history", None) is not self._history
        if self._training is None:
            return another
        return self._training.is_over or (another and not self._training.is_running)


def _listening(
    model: Any, original: Any, tracker: RecordingMean
) -> Iterator[tuple[Any, str, Callable[..., Any]]]:
    """What lets the tracker hear the means named "loss" that a model of its own `train_step` has
    beside it.
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


def _scope(model: Any) -> AbstractContextManager[Any]:
    """Where variables of the model are made: on each replica of its strategy."""
    strategy = getattr(model, "distribute_strategy", None)
    return nullcontext() if strategy is None else strategy.scope()


def _copy(source: Any, target: Any) -> None:
    """Total and count, of each replica its own."""
    for name in ("total", "count"):
        ours, theirs = getattr(source, name), getattr(target, name)
        if len(replicas_of(ours)) == 1:
            theirs.assign(ours)
            continue
        for one, other in zip(replicas_of(ours), replicas_of(theirs), strict=True):
            other.assign(one)
