"""Who is calling: Keras hands a callback its model, but neither its companions nor the training it
takes part in.
"""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import keras


class Training:
    """The training that is calling its callbacks, and whether it still runs, which an exception
    ends without a word.

    A loop such as `fit` holds its CallbackList in a variable: it is over when no running function
    does any more. Of a loop that never held it so, because it keeps it in an attribute, nobody can
    tell.
    """

    def __init__(self) -> None:
        self._callbacks = (
            weakref.ref(calling) if (calling := _calling_list()) is not None else None
        )
        self._was_held = self._is_held()

    @property
    def is_over(self) -> bool:
        """Whether the loop that held the callbacks was left."""
        return self._was_held and not self._is_held()

    @property
    def is_running(self) -> bool:
        """Whether the loop that holds the callbacks is known to run."""
        return self._was_held and self._is_held()

    def _is_held(self) -> bool:
        callbacks = self._callbacks and self._callbacks()
        if callbacks is None:
            return False
        return any(
            value is callbacks
            for frame in _frames()
            for name, value in list(frame.f_locals.items())
            if name != "self"
        )


def companions() -> list[Any]:
    """The callbacks of the CallbackList that is calling; none in a loop that calls a callback by
    itself.
    """
    calling = _calling_list()
    return [] if calling is None else list(calling.callbacks)


def running(function: Callable[..., Any], owner: Any) -> dict[str, Any] | None:
    """The variables of the innermost call of a method of an object that is running; None if none
    is.
    """
    code = function.__code__
    found = (frame.f_locals for frame in _frames() if frame.f_code is code)
    return next((dict(names) for names in found if names.get("self") is owner), None)


def _calling_list() -> Any:
    callers = (frame.f_locals.get("self") for frame in _frames())
    return next(
        (caller for caller in callers if isinstance(caller, keras.callbacks.CallbackList)), None
    )


def _frames() -> Iterator[FrameType]:
    """The running functions, innermost first, but for those of this module."""
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_globals is not globals():
            yield frame
        frame = frame.f_back
