"""Feed: the data that `fit` was given, to be had once more."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops, tree

from lossaudit.errors import CaptureError
from lossaudit.keras.capture.callers import running

_BATCH_SIZE = 32
"""What `fit` and `evaluate` take where they are not told."""
_IF_SHUFFLED = "and, if the data are shuffled, another draw of order and noise"


@dataclass(frozen=True, eq=False)
class Feed:
    """The arguments of `fit` that say what is trained on, as `fit` takes them.

    Raises:
        CaptureError: the data cannot be had once more, or not the rows of an epoch.
    """

    x: Any
    y: Any = None
    sample_weight: Any = None
    class_weight: Mapping[int, float] | None = None
    batch_size: int | None = None
    shuffle: Any = True
    steps_per_epoch: int | None = None

    def __post_init__(self) -> None:
        if hasattr(self.x, "__next__"):
            raise CaptureError(
                f"the data came from a {type(self.x).__name__}, which gives each batch once"
            )
        if self.steps_per_epoch is not None and self.steps_per_epoch != (number := self._number()):
            raise CaptureError(
                f"an epoch of steps_per_epoch={self.steps_per_epoch} goes on where the one before "
                "ended, in data of "
                f"{number or 'unknown'} batches, so that the rows of the last epoch cannot be had "
                "again"
            )

    @classmethod
    def of_running_fit(cls, model: Any) -> Feed:
        """What the `fit` that is running trains on.

        Raises:
            CaptureError: it is no `fit` of Keras that is running; or as above.
        """
        arguments = running(method(model, "fit"), model)
        if arguments is None:
            raise CaptureError(
                "the data of a training loop that is not `fit` are not known to a callback"
            )
        return cls(**{name: arguments.get(name) for name in cls.__dataclass_fields__})

    @property
    def of_arrays(self) -> bool:
        """Whether Keras forms the batches."""
        return all(hasattr(leaf, "shape") for leaf in tree.flatten(self.x))

    @property
    def is_counted_alike(self) -> bool:
        """Whether `evaluate` forms the same batches as training and weighs each row alike."""
        if not self.of_arrays:
            return self.class_weight is None
        is_weighted = self.class_weight is not None or self.sample_weight is not None
        return not is_weighted and not self._is_mixed and self._size == _BATCH_SIZE

    @property
    def how_counted(self) -> list[str]:
        """In what `evaluate` counts rows otherwise."""
        found = ["class weights"] if self.class_weight is not None else []
        if self.of_arrays:
            found += ["sample weights"] if self.sample_weight is not None else []
            found += (
                [f"batches of {self._size} rows, in evaluate of {_BATCH_SIZE}"]
                if self._size != _BATCH_SIZE
                else []
            )
        return found

    def how_drawn(self, *, noise_anew: bool) -> str:
        """What of the last epoch cannot be had again: the order of its rows, and with it the noise
        that each met.
        """
        noise = "and another draw of noise" if noise_anew else ""
        if self.of_arrays or isinstance(self.x, keras.utils.PyDataset):
            return "and another draw of order and noise" if self.shuffle else noise
        return f"{noise}, and of order if the data are shuffled" if noise else _IF_SHUFFLED

    def as_trained(self) -> dict[str, Any]:
        """The arguments for batches as those of training, which are the same each time this is
        called.
        """
        if not self.of_arrays:
            return {"x": _Quiet(self.x) if isinstance(self.x, keras.utils.PyDataset) else self.x}
        given = {"x": self.x, "y": self.y, "sample_weight": self.sample_weight}
        if self._is_mixed:
            order = np.random.default_rng(0).permutation(self._rows)
            given = tree.map_structure(
                lambda leaf: None if leaf is None else _taken(leaf, order), given
            )
        return {**given, "batch_size": self._size}

    def as_evaluated(self) -> dict[str, Any]:
        """The arguments for `evaluate` as one calls it on the same data."""
        return {"x": self.x, "y": self.y} if self.of_arrays else self.as_trained()

    @property
    def _is_mixed(self) -> bool:
        """Whether a batch holds rows from anywhere in the arrays."""
        return bool(self.shuffle) and self.shuffle != "batch"

    @property
    def _rows(self) -> int:
        return len(next(leaf for leaf in tree.flatten(self.x) if leaf is not None))

    @property
    def _size(self) -> int:
        """Rows of a full batch of arrays."""
        default = (
            math.ceil(self._rows / self.steps_per_epoch) if self.steps_per_epoch else _BATCH_SIZE
        )
        return self.batch_size or default

    def _number(self) -> int | None:
        """Batches of the data; None where they do not say."""
        if self.of_arrays:
            return math.ceil(self._rows / self._size)
        if hasattr(self.x, "cardinality"):
            return number if (number := int(self.x.cardinality())) >= 0 else None
        return len(self.x) if hasattr(self.x, "__len__") else None


class _Quiet(keras.utils.PyDataset):
    """The batches of another, which is not told where epochs end: many shuffle there."""

    def __init__(self, data: Any) -> None:
        super().__init__()
        self._data = data

    @property
    def num_batches(self) -> int | None:
        return self._data.num_batches

    def __getitem__(self, index: int) -> Any:
        return self._data[index]


def method(model: Any, name: str) -> Callable[..., Any]:
    """`fit` or `evaluate` as Keras has it, whatever a subclass or a patch makes of it."""
    trainer = next(
        one
        for one in type(model).__mro__
        if {"fit", "evaluate"} <= vars(one).keys() and _is_of_keras(one)
    )
    return inspect.unwrap(vars(trainer)[name])


def _is_of_keras(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == "keras"


def _taken(leaf: Any, order: Any) -> Any:
    """Rows of an array, a tensor, or a table of pandas, in another order."""
    if hasattr(leaf, "iloc"):
        return leaf.iloc[order]
    return ops.take(leaf, order, axis=0) if ops.is_tensor(leaf) else leaf[order]
