"""Trial: measures what callbacks cost, by fits with and without them and an A/A control.

    from lossaudit.overhead import measure
    print(measure(lambda: [MyCallback()], model=model, data=(x, y), batch_size=64))

The command `lossaudit bench MODULE:CALLBACK` does the same.
"""

from __future__ import annotations

import gc
import math
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from lossaudit.arithmetic.arrays import Floats
from lossaudit.overhead.costs import Growth, HookTimes, Overhead, doubts_of
from lossaudit.overhead.examples_of_size import SIZES, example
from lossaudit.overhead.machine import machine
from lossaudit.overhead.timings import FEWEST, interleaved, ratio_of, resolution_of

if TYPE_CHECKING:
    from lossaudit.overhead.stopwatches import EpochWatch, HookWatch

MakeCallbacks = Callable[[], Any]
"""Makes one callback, or a list of them."""

PLAIN, AGAIN = "fit", "fit again"
"""The runs without callbacks: the baseline of all others, and its control."""

_MEMORY_SECONDS = 2.0
_FEWEST_EPOCHS = 4


def measure(
    make_callbacks: MakeCallbacks,
    model: Any = None,
    data: Any = None,
    *,
    name: str | None = None,
    rounds: int = 31,
    seconds: float = 0.25,
    memory: int | None = None,
    seed: int = 0,
    **training: Any,
) -> Overhead:
    """Measure what callbacks cost a training.

    Each round trains the model once with the callbacks and twice without, from the same state and
    in shuffled order. The time of the epochs with them is divided by the time without them in the
    same round. The second training without them is the control. Two further trainings time the
    hooks and count memory.

    Args:
        make_callbacks: makes a callback or a list of callbacks; called once, every training gets
            the result.
        model: a compiled model; it is built if necessary and otherwise left as it was. Default:
            the smallest of `SIZES`.
        data: (x, y), (x, y, sample_weight), or whatever `fit` takes as its first argument.
        name: name of the result; default: the name of `make_callbacks`.
        rounds: how many pairs.
        seconds: least seconds of a training, unless `epochs` is given.
        memory: over about how many batches to count memory; 0 for not at all, None for as many as
            take a few seconds.
        seed: seed of the order and of the bootstrap.
        training: further arguments of `fit`, such as `batch_size` and `validation_data`.

    Raises:
        ValueError: an argument is out of range, only one of `model` and `data` is given, or the
            callbacks stop a training.
        TypeError: `make_callbacks` cannot be called.
    """
    name = name or str(getattr(make_callbacks, "__name__", type(make_callbacks).__name__))
    found = compare(
        {name: make_callbacks},
        model,
        data,
        rounds=rounds,
        seconds=seconds,
        memory=memory,
        seed=seed,
        **training,
    )
    return found[0]


def compare(
    candidates: Mapping[str, MakeCallbacks],
    model: Any = None,
    data: Any = None,
    *,
    rounds: int = 31,
    seconds: float = 0.25,
    memory: int | None = None,
    seed: int = 0,
    shown: Callable[[Sequence[int]], Iterable[int]] = iter,
    **training: Any,
) -> list[Overhead]:
    """Measure what several candidates cost the same training, in the same rounds.

    Args:
        candidates: for each name, a function that makes the callbacks, as for `measure`.
        model: see `measure`.
        data: see `measure`.
        rounds: see `measure`.
        seconds: see `measure`.
        memory: see `measure`.
        seed: see `measure`.
        shown: wraps the rounds to show progress.
        training: see `measure`.

    Raises:
        ValueError: see `measure`; or a candidate has a name of plain fit.
        TypeError: see `measure`.
    """
    _refuse_candidates(candidates)
    _refuse_figures(rounds, seconds, memory)
    _refuse_training(model, data, training)
    if model is None:
        model, data = example()
        training = {"batch_size": SIZES["smallest"].batch_size, **training}
    given = _arguments(data)
    _build(model, given)
    with _undisturbed(model):
        made = {name: _listed(make()) for name, make in candidates.items()}
        trial = _Trial(model, given, training, {PLAIN: [], AGAIN: [], **made})
        trial.prepare(seconds)
        runs = {name: partial(trial.epoch_seconds, name) for name in trial.arms}
        setup = {**machine(), **trial.about()}
        times = interleaved(runs, rounds, seed=seed, shown=shown)
        return [trial.overhead(name, times, setup, memory=memory, seed=seed) for name in made]


class _Trial:
    """The trainings of one measurement, all from the same state.

    Args:
        model: the model to train.
        data: the data, as arguments of `fit`.
        training: further arguments of `fit`.
        arms: the callbacks of each run, by name.
    """

    def __init__(
        self,
        model: Any,
        data: Mapping[str, Any],
        training: Mapping[str, Any],
        arms: Mapping[str, list[Any]],
    ) -> None:
        self.arms = arms
        self._model, self._data = model, data
        self._training = {"verbose": 0, **training}
        self._own = _listed(self._training.pop("callbacks", None) or [])
        self._epochs = int(self._training.pop("epochs", 0))
        self._whole: list[int] = []
        self._outside: dict[str, list[float]] = {name: [] for name in arms}
        self._batches, self._epoch, self._growths = 0, 0.0, dict[str, float]()

    def prepare(self, seconds: float) -> None:
        """Trace each arm, count the batches of an epoch, and choose how many epochs to train."""
        from lossaudit.keras.states import State
        from lossaudit.overhead.stopwatches import BatchCount

        # The first `fit` of an arm also traces the step, and a callback may have it traced anew.
        for name, callbacks in self.arms.items():
            self._fit(name, callbacks, 1)
        self._state = State(self._model)
        count = BatchCount()
        self._whole = self._fit(PLAIN, [count], 1).executions
        self._batches, self._epoch = count.batches, self.epoch_seconds(PLAIN, 1)
        self._epochs = self._epochs or math.ceil(seconds / self._epoch)
        self._outside[PLAIN].clear()

    def epoch_seconds(self, name: str, epochs: int = 0) -> float:
        """Train once and return the seconds of the epochs."""
        self._reset()
        start = time.perf_counter()
        watch = self._fit(name, self.arms[name], epochs or self._epochs)
        self._outside[name].append(time.perf_counter() - start - watch.seconds)
        return watch.seconds

    def about(self) -> dict[str, Any]:
        """The settings of the model, and how many epochs it is trained."""
        names = ("steps_per_execution", "jit_compile", "run_eagerly")
        settings = {name: getattr(self._model, name, None) for name in names}
        return {"parameters": int(self._model.count_params()), "epochs": self._epochs, **settings}

    def overhead(
        self,
        name: str,
        times: Mapping[str, Floats],
        setup: Mapping[str, Any],
        *,
        memory: int | None,
        seed: int,
    ) -> Overhead:
        """What the callbacks of an arm cost."""
        resolution = resolution_of()
        ratio, control = (
            ratio_of(times[one], times[PLAIN], resolution=resolution, seed=seed)
            for one in (name, AGAIN)
        )
        batches = self._batches * self._epochs
        longer = np.subtract(self._outside[name], self._outside[PLAIN])
        return Overhead(
            name=name,
            ratio=ratio.median,
            interval=ratio.interval,
            control=control.interval,
            step=float(np.median(times[PLAIN])) / batches,
            pairs=ratio.pairs,
            batches=batches,
            outside=float(np.median(longer)),
            hooks=self._hooks(name),
            growth=None if memory == 0 else self._growth(name, memory),
            doubts=doubts_of(ratio, control),
            setup=setup,
        )

    def _hooks(self, name: str) -> HookTimes:
        return self._watched(name).times(self._unhooked, self._batches)

    @cached_property
    def _unhooked(self) -> HookWatch:
        """A watch that surrounded no callbacks."""
        return self._watched(PLAIN)

    def _watched(self, name: str) -> HookWatch:
        from lossaudit.overhead.stopwatches import HookWatch

        self._reset()
        watch = HookWatch()
        self._fit(name, watch.surrounding(self.arms[name]), self._epochs)
        return watch

    def _growth(self, name: str, wanted: int | None) -> Growth:
        """The memory an arm keeps from the end of its second epoch to the end of its last.

        That of plain fit is subtracted.
        """
        enough = _MEMORY_SECONDS / self._epoch if wanted is None else 2 + wanted / self._batches
        epochs = max(_FEWEST_EPOCHS, math.ceil(enough))
        batches = self._batches * (epochs - 2)
        for one in (PLAIN, name):
            if one not in self._growths:
                self._growths[one] = self._held(one, epochs)
        return Growth((self._growths[name] - self._growths[PLAIN]) / batches, batches)

    def _held(self, name: str, epochs: int) -> float:
        from lossaudit.overhead.stopwatches import MemoryWatch

        self._reset()
        # From the end of the second epoch on, because the first one allocates caches.
        watch = MemoryWatch(1, epochs - 1)
        with _traced_memory():
            self._fit(name, [*self.arms[name], watch], epochs)
        return watch.held[1] - watch.held[0]

    def _fit(self, name: str, callbacks: list[Any], epochs: int) -> EpochWatch:
        """Train the model.

        Raises:
            ValueError: the arm trained fewer or other batches than plain fit.
        """
        from lossaudit.overhead.stopwatches import EpochWatch

        watch = EpochWatch()
        inside = [*self._own, *watch.surrounding(callbacks)]
        self._model.fit(**self._data, epochs=epochs, callbacks=inside, **self._training)
        if self._whole and watch.executions != self._whole * epochs:
            raise ValueError(
                f"{name!r} trained {len(watch.executions)} epochs with {sum(watch.executions)} "
                f"executions of a step, not {epochs} with {self._whole[0] * epochs}: a training "
                "that stops early, or whose epochs differ, cannot be compared"
            )
        return watch

    def _reset(self) -> None:
        self._state.restore()
        gc.collect()


def _refuse_figures(rounds: int, seconds: float, memory: int | None) -> None:
    if rounds < FEWEST:
        raise ValueError(
            f"rounds={rounds} must be at least {FEWEST}: fewer pairs give no interval of a median"
        )
    if not 0 < seconds < math.inf:
        raise ValueError(f"seconds={seconds} must be positive and finite")
    if memory is not None and memory < 0:
        raise ValueError(f"memory={memory} must not be negative")


def _refuse_training(model: Any, data: Any, training: Mapping[str, Any]) -> None:
    if (model is None) != (data is None):
        raise ValueError(f"model={model!r:.40} and data={data!r:.40} must be given together")
    if model is not None and getattr(model, "optimizer", None) is None:
        raise ValueError(f"model={model!r:.80} must be a compiled model")
    if training.get("initial_epoch", 0) != 0:
        raise ValueError(
            f"initial_epoch={training['initial_epoch']!r} must be 0: every training starts afresh"
        )
    if training.get("epochs", 1) < 1:
        raise ValueError(f"epochs={training['epochs']!r} must be at least 1")


def _refuse_candidates(candidates: Mapping[str, MakeCallbacks]) -> None:
    for name, make in candidates.items():
        if name in (PLAIN, AGAIN):
            raise ValueError(
                f"candidates has {name!r}, which is a name of plain fit: choose another"
            )
        if not callable(make):
            raise TypeError(
                f"candidates[{name!r}] must be callable, to make callbacks, not {make!r:.80}"
            )


def _listed(callbacks: Any) -> list[Any]:
    return list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks]


def _arguments(data: Any) -> dict[str, Any]:
    """The data as arguments of `fit`."""
    items = data if isinstance(data, (tuple, list)) else (data,)
    names = ("x", "y", "sample_weight")
    if not 1 <= len(items) <= len(names):
        raise ValueError(f"data has {len(items)} items, not one to three: x, y, sample_weight")
    return dict(zip(names, items, strict=False))


def _build(model: Any, data: Mapping[str, Any]) -> None:
    """Make all variables that a training needs, before any of them changes."""
    if not model.built:
        try:
            model.evaluate(**data, steps=1, verbose=0)
        except Exception as error:
            raise ValueError(
                f"model={model.name!r} is not built, and evaluate cannot build it: {error}"
            ) from error
        model.reset_metrics()
    if not model.optimizer.built:
        from lossaudit.keras.backend import scope_of

        with scope_of(model):
            model.optimizer.build(model.trainable_variables)


@contextmanager
def _undisturbed(model: Any) -> Iterator[None]:
    """Restore the model afterwards, and keep garbage collection short meanwhile."""
    from lossaudit.keras.states import State

    with State.kept(model):
        gc.collect()
        # Objects from before the measurement would make every collection in it longer.
        gc.freeze()
        try:
            yield
        finally:
            gc.unfreeze()
            # For metrics that Keras builds in the first step only; the others are restored.
            model.reset_metrics()


@contextmanager
def _traced_memory() -> Iterator[None]:
    """Count the memory of Python and numpy; a program that counted before continues to."""
    was_tracing = tracemalloc.is_tracing()
    tracemalloc.start()
    try:
        yield
    finally:
        if not was_tracing:
            tracemalloc.stop()
