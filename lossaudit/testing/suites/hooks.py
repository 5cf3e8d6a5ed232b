"""HookRecorder: a callback that records every hook call with its logs; and its comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import zip_longest
from typing import Any

import keras
import numpy as np


class HookRecorder(keras.callbacks.Callback):
    """Records name, epoch or batch, and a copy of the logs of every hook call."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, Any, dict[str, Any]]] = []

    def _record(self, hook: str, place: Any, logs: Mapping[str, Any] | None) -> None:
        # A copy, because later callbacks may change the same dictionary.
        self.calls.append((hook, place, dict(logs or {})))


def _recording(hook: str) -> Callable[..., None]:
    if hook.endswith(("train_begin", "train_end", "test_begin", "test_end")):
        return lambda self, logs=None: self._record(hook, None, logs)
    return lambda self, place, logs=None: self._record(hook, place, logs)


HOOKS = tuple(
    f"on_{scope}_{moment}"
    for scope in ("train", "epoch", "train_batch", "test", "test_batch")
    for moment in ("begin", "end")
)
# Keras finds hooks by name. This way no hook can be forgotten or differ from the others.
for _hook in HOOKS:
    setattr(HookRecorder, _hook, _recording(_hook))


def first_difference(one: HookRecorder, two: HookRecorder, names: tuple[str, str]) -> str | None:
    """Describe the first hook call in which two recorders differ; None if all are equal.

    Args:
        one: recorder of the first training.
        two: recorder of the second training.
        names: what the message calls the two trainings.
    """
    for first, second in zip_longest(one.calls, two.calls):
        if first is None or second is None or first[:2] != second[:2]:
            return _side_by_side("the hooks differ:", _call(first), _call(second), names)
        hook, given, found = _call(first), first[2], second[2]
        for key in dict.fromkeys([*given, *found]):
            if key not in given or key not in found or not is_same(given[key], found[key]):
                texts = [repr(logs[key]) if key in logs else "missing" for logs in (given, found)]
                return _side_by_side(f"logs[{key!r}] in {hook}:", texts[0], texts[1], names)
    return None


def is_same(one: Any, two: Any) -> bool:
    """Whether two numbers are equal; NaN equals NaN."""
    return bool(
        np.array_equal(np.asarray(one, np.float64), np.asarray(two, np.float64), equal_nan=True)
    )


def _call(call: tuple[str, Any, dict[str, Any]] | None) -> str:
    if call is None:
        return "no further call"
    return call[0] if call[1] is None else f"{call[0]}({call[1]})"


def _side_by_side(about: str, first: str, second: str, names: tuple[str, str]) -> str:
    width = max(map(len, names))
    return f"{about}\n  {names[0]:<{width}}  {first}\n  {names[1]:<{width}}  {second}"
