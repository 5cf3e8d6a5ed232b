"""Witness: a callback that keeps what every hook was given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import zip_longest
from typing import Any

import keras
import numpy as np


class Witness(keras.callbacks.Callback):
    """Keeps a copy of the logs of every hook."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, Any, dict[str, Any]]] = []

    def _note(self, hook: str, place: Any, logs: Mapping[str, Any] | None) -> None:
        self.seen.append((hook, place, dict(logs or {})))


def _noting(hook: str) -> Callable[..., None]:
    if hook.endswith(("train_begin", "train_end", "test_begin", "test_end")):
        return lambda self, logs=None: self._note(hook, None, logs)
    return lambda self, place, logs=None: self._note(hook, place, logs)


HOOKS = tuple(
    f"on_{scope}_{moment}"
    for scope in ("train", "epoch", "train_batch", "test", "test_batch")
    for moment in ("begin", "end")
)
for _hook in HOOKS:
    setattr(Witness, _hook, _noting(_hook))


def first_apart(one: Witness, two: Witness, names: tuple[str, str]) -> str | None:
    """The first hook that two witnesses were not called alike for, or with other logs; None where
    there is none.
    """
    for first, second in zip_longest(one.seen, two.seen):
        if first is None or second is None or first[:2] != second[:2]:
            return _beside("the hooks differ:", _called(first), _called(second), names)
        hook, given, found = _called(first), first[2], second[2]
        for key in dict.fromkeys([*given, *found]):
            if key not in given or key not in found or not is_same(given[key], found[key]):
                pair = [repr(logs[key]) if key in logs else "not there" for logs in (given, found)]
                return _beside(f"logs[{key!r}] in {hook}:", pair[0], pair[1], names)
    return None


def is_same(one: Any, two: Any) -> bool:
    """Whether two numbers are equal, NaN included."""
    return bool(
        np.array_equal(np.asarray(one, np.float64), np.asarray(two, np.float64), equal_nan=True)
    )


def _called(seen: tuple[str, Any, dict[str, Any]] | None) -> str:
    if seen is None:
        return "no further hook"
    return seen[0] if seen[1] is None else f"{seen[0]}({seen[1]})"


def _beside(about: str, first: str, second: str, names: tuple[str, str]) -> str:
    width = max(map(len, names))
    return f"{about}\n  {names[0]:<{width}}  {first}\n  {names[1]:<{width}}  {second}"
