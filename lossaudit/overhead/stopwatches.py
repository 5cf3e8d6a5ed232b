"""Stopwatches: callbacks that measure time in epochs and hooks, and memory, of a `fit`."""

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
    """Measures the seconds of the epochs of a `fit`, including the hooks of other callbacks.

    Attributes:
        first: the callback to put before the others.
        last: the callback to put after the others.
        seconds: seconds of all epochs so far.
        executions: how many executions, of one step or several, were begun in each epoch.
    """

    def __init__(self) -> None:
        self.seconds = self._start = 0.0
        self.executions: list[int] = []
        self.first = keras.callbacks.LambdaCallback(on_epoch_begin=self._begin)
        # No hook at the end of a batch: Keras would wait for the loss there, unless it knows that
        # all such hooks may run in another thread.
        self.last = keras.callbacks.LambdaCallback(
            on_train_batch_begin=self._count, on_epoch_end=self._end
        )

    def surrounding(self, callbacks: list[Any]) -> list[Any]:
        """The callbacks, between those of the watch."""
        return [self.first, *callbacks, self.last]

    def _begin(self, epoch: int, logs: Any) -> None:
        self.executions.append(0)
        self._start = time.perf_counter()

    def _count(self, batch: int, logs: Any) -> None:
        self.executions[-1] += 1

    def _end(self, epoch: int, logs: Any) -> None:
        self.seconds += time.perf_counter() - self._start


class HookWatch:
    """Measures the seconds that callbacks spend in their hooks, batch by batch.

    The watch itself reads the clock and appends to a list before and after each hook; `times`
    subtracts that.
    """

    def __init__(self) -> None:
        self._starts: dict[str, list[float]] = {}
        self._ends: dict[str, list[float]] = {}
        self._before, self._after = _Mark(self._starts), _Mark(self._ends)
        self._firsts: list[int] = []

    def surrounding(self, callbacks: list[Any]) -> list[Any]:
        """The callbacks, between those of the watch."""
        numbering = keras.callbacks.LambdaCallback(
            on_train_batch_begin=lambda batch, logs: self._firsts.append(batch)
        )
        return [numbering, self._before, *callbacks, self._after]

    def batch_seconds(self) -> Any:
        """Seconds in the two hooks of each execution, of one batch or several, shape (n,)."""
        return self._spent("on_train_batch_begin") + self._spent("on_train_batch_end")

    def times(self, empty: HookWatch, epoch: int) -> HookTimes:
        """The time in hooks, less the time of the watch itself.

        Args:
            empty: a watch that surrounded no callbacks.
            epoch: how many batches an epoch has.
        """
        nothing = float(np.median(empty.batch_seconds()))
        executions = np.maximum(self.batch_seconds() - nothing, 0)
        # An execution goes from its first batch to that of the next one. After the last one of an
        # epoch that is batch 0 again, hence modulo `epoch`; the shift by 1 maps 0 to `epoch`.
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
    """Counts the bytes in Python and numpy at the ends of some epochs; put it after the others.

    Args:
        epochs: the epochs at whose ends to count.

    Attributes:
        held: bytes that `tracemalloc` counts, for each of these epochs.
    """

    def __init__(self, *epochs: int) -> None:
        super().__init__()
        self._epochs = epochs
        self.held: list[int] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Count the bytes, after collecting garbage in cycles."""
        if epoch in self._epochs:
            gc.collect()
            self.held.append(tracemalloc.get_traced_memory()[0])


class BatchCount(keras.callbacks.Callback):
    """Counts the batches of an epoch.

    Attributes:
        batches: batches of the last epoch.
    """

    def __init__(self) -> None:
        super().__init__()
        self.batches = 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Remember the number of the batch."""
        self.batches = batch + 1

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Take the length of the epoch, which is known by now."""
        # Older versions of Keras give a hook only the first batch of an execution.
        self.batches = self.params.get("steps") or self.batches


class _Mark(keras.callbacks.Callback):
    """Keeps the times when its hooks were called."""

    def __init__(self, times: dict[str, list[float]]) -> None:
        super().__init__()
        for hook in ("on_train_batch_begin", "on_train_batch_end", *_EPOCH, *_TEST_BATCH):
            setattr(self, hook, _noting(times.setdefault(hook, [])))


def _noting(times: list[float]) -> Any:
    # Local names: looking up attributes would add to the measured time.
    note, clock = times.append, time.perf_counter

    def hook(*_: Any, **__: Any) -> None:
        note(clock())

    return hook
