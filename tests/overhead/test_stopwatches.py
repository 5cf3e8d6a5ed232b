"""Stopwatches around callbacks, called by hand with a clock whose readings are known."""

from __future__ import annotations

import tracemalloc

import keras
import pytest

from lossaudit.overhead import stopwatches
from lossaudit.overhead.stopwatches import BatchCount, EpochWatch, HookWatch, MemoryWatch

MS = 2**-10


class Working(keras.callbacks.Callback):
    """Takes a number of milliseconds in each hook of a batch, and some at the end of an epoch."""

    def __init__(self, clock, *, batch, epoch=0.0):
        super().__init__()
        self.clock, self.batch, self.epoch = clock, batch, epoch

    def on_train_batch_begin(self, batch, logs=None):
        self.clock.now += self.batch

    def on_train_batch_end(self, batch, logs=None):
        self.clock.now += self.batch

    def on_epoch_end(self, epoch, logs=None):
        self.clock.now += self.epoch


class Clock:
    """A clock that stands still unless somebody moves it."""

    now = 0.0

    def perf_counter(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(stopwatches, "time", made)
    return made


def played(clock, callbacks, *, epochs=2, firsts=(0, 1, 2), step=8 * MS):
    """Call the hooks of a training whose executions begin at these batches."""
    hooks = keras.callbacks.CallbackList(callbacks)
    hooks.on_train_begin()
    for epoch in range(epochs):
        hooks.on_epoch_begin(epoch)
        for batch in firsts:
            hooks.on_train_batch_begin(batch)
            clock.now += step
            hooks.on_train_batch_end(batch)
        hooks.on_epoch_end(epoch)
        clock.now += 1.0  # between two epochs
    hooks.on_train_end()


def test_an_epoch_has_its_steps_and_all_hooks_and_nothing_of_what_is_between_epochs(clock):
    watch = EpochWatch()
    played(clock, watch.surrounding([Working(clock, batch=MS, epoch=4 * MS)]))
    assert watch.seconds == 2 * (3 * (8 + 2) + 4) * MS
    assert watch.executions == [3, 3]


def test_the_time_in_hooks_is_that_of_the_callbacks_between_the_marks(clock):
    empty, watch = HookWatch(), HookWatch()
    played(clock, empty.surrounding([]))
    played(clock, watch.surrounding([Working(clock, batch=MS, epoch=4 * MS)]))
    found = watch.times(empty, epoch=3)
    assert (found.median, found.worst, found.batches) == (2 * MS, 2 * MS, 6)
    assert found.share == (3 * 2 + 4) / (3 * (8 + 2) + 4)


def test_the_time_of_an_execution_is_shared_by_its_batches(clock):
    empty, watch = HookWatch(), HookWatch()
    executions = {"firsts": (0, 4, 8), "epochs": 1}
    played(clock, empty.surrounding([]), **executions)
    played(clock, watch.surrounding([Working(clock, batch=MS)]), **executions)
    found = watch.times(empty, epoch=10)
    assert found.batches == 10
    assert found.median == 2 * MS / 4
    assert 2 * MS / 4 < found.worst <= 2 * MS / 2


def test_what_the_watch_itself_takes_is_subtracted_and_never_more(clock):
    empty, watch = HookWatch(), HookWatch()
    played(clock, empty.surrounding([Working(clock, batch=2 * MS)]))
    played(clock, watch.surrounding([Working(clock, batch=MS)]))
    assert watch.times(empty, epoch=3).median == 0


def test_memory_is_counted_at_the_ends_of_the_epochs_that_were_asked_for():
    kept, watch = [], MemoryWatch(0, 2)
    tracemalloc.start()
    try:
        for epoch in range(4):
            kept.append(bytes(10_000))
            watch.on_epoch_end(epoch)
    finally:
        tracemalloc.stop()
    assert len(watch.held) == 2
    assert 19_000 <= watch.held[1] - watch.held[0] < 30_000


@pytest.mark.parametrize(("steps", "batches"), [(7, 7), (None, 5)])
def test_an_epoch_has_the_batches_that_keras_says_or_those_that_were_seen(steps, batches):
    count = BatchCount()
    count.set_params({"steps": steps})
    for batch in range(5):
        count.on_train_batch_end(batch)
    count.on_epoch_end(0)
    assert count.batches == batches
