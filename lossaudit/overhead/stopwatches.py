"""Stopwatches: what a `fit` spends in its epochs, and in the hooks of callbacks, as callbacks
before and after them.
"""

from __future__ import annotations

import gc
import time
import tracemalloc
from typing import Any

import keras
import numpy as np

from lossaudit.overhead.costs import HookTimes

_EPOCH = ("on_epoch_begin", "on_test_begin", "on_test_end", "on_epoch_end")
_TEST_BATCH = ("on_test_batch_begin", "on_test_batch_end")


class EpochWatch:
    """Seconds of the epochs of a `fit`, the hooks of callbacks between the two of its own
    included.

    Attributes:
        first: the callback to stand before the others.
        last: the callback to stand after them. It has no hook at the end of a batch, where Keras
            waits for the loss if any callback has one that is not known to be safe in another
            thread.
        seconds: of all epochs so far.
        executions: how many of a step or of several were begun in each epoch.
    """

    def __init__(self) -> None:
        self.seconds = self._start = 0.0
        self.executions: list[int] = []
        self.first = keras.callbacks.LambdaCallback(on_epoch_begin=self._begin)
        self.last = keras.callbacks.LambdaCallback(
            on_train_batch_begin=self._count, on_epoch_end=self._end
        )

    def surrounding(self, callbacks: list[Any]) -> list[Any]:
        """The callbacks between its own."""
        return [self.first, *callbacks, self.last]

    def _begin(self, epoch: int, logs: Any) -> None:
        self.executions.append(0)
        self._start = time.perf_counter()

    def _count(self, batch: int, logs: Any) -> None:
        self.executions[-1] += 1

    def _end(self, epoch: int, logs: Any) -> None:
        self.seconds += time.perf_counter() - self._start


class HookWatch:
    """Seconds that the callbacks between its own spend in their hooks, batch by batch.

    Each hook costs a reading of the clock and an append at both ends; `times` takes off what that
    costs by itself.
    """

    def __init__(self) -> None:
        self._starts: dict[str, list[float]] = {}
        self._ends: dict[str, list[float]] = {}
        self._before, self._after = _Mark(self._starts), _Mark(self._ends)
        self._firsts: list[int] = []

    def surrounding(self, callbacks: list[Any]) -> list[Any]:
        """The callbacks between its own."""
        numbering = keras.callbacks.LambdaCallback(
            on_train_batch_begin=lambda batch, logs: self._firsts.append(batch)
        )
        return [numbering, self._before, *callbacks, self._after]

    def batch_seconds(self) -> Any:
        """Seconds in the two hooks of each batch, or of each execution of several, shape (n,)."""
        return self._spent("on_train_batch_begin") + self._spent("on_train_batch_end")

    def times(self, empty: HookWatch, epoch: int) -> HookTimes:
        """What the hooks took, less what another watch with nothing between its own found.

        Args:
            empty: the other watch.
            epoch: how many batches an epoch has.
        """
        nothing = float(np.median(empty.batch_seconds()))
        executions = np.maximum(self.batch_seconds() - nothing, 0)
        sizes = (np.diff([*self._firsts, 0]) - 1) % epoch + 1
        batches = executions / sizes
        others = sum(self._spent(hook).sum() for hook in (*_EPOCH, *_TEST_BATCH))
        starts, ends = self._starts["on_epoch_begin"], self._ends["on_epoch_end"]
        whole = sum(end - start for start, end in zip(starts, ends, strict=True))
        return HookTimes(
            float(np.median(batches)),
            float(np.quantile(batches, 0.99)),
            float((executions.sum() + others) / whole),
            int(sizes.sum()),
        )

    def _spent(self, hook: str) -> Any:
        return np.array(self._ends.get(hook, [])) - np.array(self._starts.get(hook, []))


class MemoryWatch(keras.callbacks.Callback):
    """What Python and numpy hold at the ends of some epochs, as `tracemalloc` counts it; to stand
    after the others.

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
        """Older versions of Keras tell a hook the first batch of an execution only, but the length
        is known by now.
        """
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
