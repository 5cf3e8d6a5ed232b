"""Callers: finds the running CallbackList and `fit` by walking the stack.

Keras gives a callback its model, but not the other callbacks or the current `fit`.
"""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import keras


class Training:
    """The training that is calling its callbacks; knows whether it still runs.

    An exception ends a training without any further call. But a loop such as `fit` has its
    CallbackList in a local variable: the training is over when no running function has. A loop
    that keeps the list in an attribute only is never known to be over.
    """

    def __init__(self) -> None:
        calling = _calling_list()
        self._callbacks = None if calling is None else weakref.ref(calling)
        self._was_local = self._is_local()

    @property
    def is_over(self) -> bool:
        """Whether the loop that had the callbacks in a variable was left."""
        return self._was_local and not self._is_local()

    @property
    def is_running(self) -> bool:
        """Whether the loop that has the callbacks in a variable is known to run."""
        return self._was_local and self._is_local()

    def _is_local(self) -> bool:
        """Whether a running function has the callbacks in a local variable."""
        callbacks = self._callbacks and self._callbacks()
        if callbacks is None:
            return False
        # `self` is left out: methods of the CallbackList itself do not show that a loop runs.
        # A list, because another thread may add variables to a frame.
        return any(
            value is callbacks
            for frame in _frames()
            for name, value in list(frame.f_locals.items())
            if name != "self"
        )


def companions() -> list[Any]:
    """All callbacks of the calling CallbackList; none if a loop calls a callback directly."""
    calling = _calling_list()
    return [] if calling is None else list(calling.callbacks)


def running(function: Callable[..., Any], owner: Any) -> dict[str, Any] | None:
    """The local variables of the innermost running call of an object's method; None if none is."""
    code = function.__code__
    found = (frame.f_locals for frame in _frames() if frame.f_code is code)
    return next((dict(names) for names in found if names.get("self") is owner), None)


def _calling_list() -> Any:
    callers = (frame.f_locals.get("self") for frame in _frames())
    return next(
        (caller for caller in callers if isinstance(caller, keras.callbacks.CallbackList)), None
    )


def _frames() -> Iterator[FrameType]:
    """The running functions outside of this module, innermost first."""
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_globals is not globals():
            yield frame
        frame = frame.f_back
