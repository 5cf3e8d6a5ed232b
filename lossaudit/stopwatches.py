"""Stopwatches: what a `fit` spends in its epochs, and in the hooks of callbacks, as callbacks before and after them."""

from __future__ import annotations

import gc
import time
import tracemalloc
from typing import Any

import keras
import numpy as np

from lossaudit.costs import HookTimes

_EPOCH = ("on_epoch_begin", "on_test_begin", "on_test_end", "on_epoch_end")
_TEST_BATCH = ("on_test_batch_begin", "on_test_batch_end")


class EpochWatch:
    """Seconds of the epochs of a `fit`, the hooks of callbacks between the two of its own included.

    Attributes:
        first: the callback to stand before the others; no batch hook is in its way.
        last: the callback to stand after them.
        seconds: of all epochs so far.
    """

    def __init__(self) -> None:
        self.seconds = self._start = 0.0
        self.first = keras.callbacks.LambdaCallback(on_epoch_begin=self._begin)
        self.last = keras.callbacks.LambdaCallback(on_epoch_end=self._end)

    def surrounding(self, callbacks: list[Any]) -> list[Any]:
        """The callbacks between its own."""
        return [self.first, *callbacks, self.last]

    def _begin(self, epoch: int, logs: Any) -> None:
        self._start = time.perf_counter()

    def _end(self, epoch: int, logs: Any) -> None:
        self.seconds += time.perf_counter() - self._start


class HookWatch:
    """Seconds that the callbacks between its own spend in their hooks, batch by batch.

    Each hook costs a reading of the clock and an append at both ends; `times` takes off what that costs by itself.
    """

    def __init__(self) -> None:
        self._starts: dict[str, list[float]] = {}
        self._ends: dict[str, list[float]] = {}
        self._before, self._after = _Mark(self._starts), _Mark(self._ends)

    def surrounding(self, callbacks: list[Any]) -> list[Any]:
        """The callbacks between its own."""
        return [self._before, *callbacks, self._after]

    def batch_seconds(self) -> Any:
        """Seconds in the two hooks of each batch, or of each execution of several, shape (n,)."""
        return self._spent("on_train_batch_begin") + self._spent("on_train_batch_end")

    def times(self, empty: HookWatch) -> HookTimes:
        """What the hooks took, less what another watch with nothing between its own found."""
        nothing = float(np.median(empty.batch_seconds()))
        batches = np.maximum(self.batch_seconds() - nothing, 0)
        others = sum(self._spent(hook).sum() for hook in (*_EPOCH, *_TEST_BATCH))
        starts, ends = self._starts["on_epoch_begin"], self._ends["on_epoch_end"]
        whole = sum(end - start for start, end in zip(starts, ends, strict=True))
        return HookTimes(
            float(np.median(batches)),
            float(np.quantile(batches, 0.99)),
            float((batches.sum() + others) / whole),
            len(batches),
        )

    def _spent(self, hook: str) -> Any:
        return np.array(self._ends.get(hook, [])) - np.array(self._starts.get(hook, []))


class MemoryWatch(keras.callbacks.Callback):
    """What Python and numpy hold at the ends of some epochs, as `tracemalloc` counts it; to stand after the others.

    Args:
        epochs: at the ends of which.

    Attributes:
        held: bytes, one number for each.
    """

    def __init__(self, *epochs: int) -> None:
        super().__init__()
        self._epochs = epochs
        self.held: list[int] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Read what is held once nothing is held by cycles alone."""
        if epoch in self._epochs:
            gc.collect()
            self.held.append(tracemalloc.get_traced_memory()[0])


class BatchCount(keras.callbacks.Callback):
    """How many batches an epoch has.

    Attributes:
        batches: of the last epoch.
    """

    def __init__(self) -> None:
        super().__init__()
        self.batches = 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Keep the number of the batch."""
        self.batches = batch + 1

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Older versions of Keras tell a hook the first batch of an execution only, but the length is known by now."""
        self.batches = self.params.get("steps") or self.batches


class _Mark(keras.callbacks.Callback):
    """Keeps at what times its hooks were called."""

    def __init__(self, times: dict[str, list[float]]) -> None:
        super().__init__()
        for hook in ("on_train_batch_begin", "on_train_batch_end", *_EPOCH, *_TEST_BATCH):
            object.__setattr__(self, hook, _noting(times.setdefault(hook, [])))


def _noting(times: list[float]) -> Any:
    note, clock = times.append, time.perf_counter

    def hook(*_: Any, **__: Any) -> None:
        note(clock())

    return hook
