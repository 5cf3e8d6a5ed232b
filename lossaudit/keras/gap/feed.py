"""Feed: replays the data given to `fit`."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops, tree

from lossaudit.errors import CaptureError
from lossaudit.keras.capture.callers import running
from lossaudit.keras.class_weights import ClassWeight

_BATCH_SIZE = 32
"""The default of `fit` and `evaluate`."""
_IF_SHUFFLED = "and, if the data are shuffled, another draw of order and noise"


@dataclass(frozen=True, eq=False)
class Feed:
    """The arguments of `fit` that define its data.

    Raises:
        CaptureError: the data, or the rows of an epoch, cannot be replayed.
    """

    x: Any
    y: Any = None
    sample_weight: Any = None
    class_weight: ClassWeight | None = None
    batch_size: int | None = None
    shuffle: Any = True
    steps_per_epoch: int | None = None

    def __post_init__(self) -> None:
        if hasattr(self.x, "__next__"):
            raise CaptureError(
                f"the data came from a {type(self.x).__name__}, which yields each batch only once"
            )
        if self.steps_per_epoch is not None and self.steps_per_epoch != (number := self._number()):
            raise CaptureError(
                f"an epoch of steps_per_epoch={self.steps_per_epoch} continues where the previous "
                f"one ended, in data of {number or 'unknown'} batches: the rows of the last epoch "
                "cannot be replayed"
            )

    @classmethod
    def of_running_fit(cls, model: Any) -> Feed:
        """The data of the running `fit`.

        Raises:
            CaptureError: the running training is not a `fit` of Keras; or as above.
        """
        arguments = running(method(model, "fit"), model)
        if arguments is None:
            raise CaptureError(
                "a callback does not know the data of a training loop that is not `fit`"
            )
        return cls(**{name: arguments.get(name) for name in cls.__dataclass_fields__})

    @property
    def of_arrays(self) -> bool:
        """Whether Keras itself forms the batches."""
        return all(hasattr(leaf, "shape") for leaf in tree.flatten(self.x))

    @property
    def evaluates_alike(self) -> bool:
        """Whether `evaluate` has the same batches and row weights as training."""
        if not self.of_arrays:
            return self.class_weight is None
        is_weighted = self.class_weight is not None or self.sample_weight is not None
        return not is_weighted and not self._is_mixed and self._size == _BATCH_SIZE

    @property
    def counted_differently(self) -> list[str]:
        """How `evaluate` weights or groups rows differently, in words."""
        found = ["class weights"] if self.class_weight is not None else []
        if self.of_arrays and self.sample_weight is not None:
            found.append("sample weights")
        if self.of_arrays and self._size != _BATCH_SIZE:
            found.append(f"batches of {self._size} rows, in evaluate of {_BATCH_SIZE}")
        return found

    def drawn_anew(self, *, noise_anew: bool) -> str:
        """What a replay of the last epoch draws anew, in words: order of rows, noise, or nothing.

        Args:
            noise_anew: whether the seed generators of the epoch are unknown.
        """
        noise = "and another draw of noise" if noise_anew else ""
        if self.of_arrays or isinstance(self.x, keras.utils.PyDataset):
            return "and another draw of order and noise" if self.shuffle else noise
        return f"{noise}, and of order if the data are shuffled" if noise else _IF_SHUFFLED

    def as_trained(self) -> dict[str, Any]:
        """The arguments of `fit` or `evaluate` for batches as in training, the same every time."""
        if not self.of_arrays:
            return {"x": _Quiet(self.x) if isinstance(self.x, keras.utils.PyDataset) else self.x}
        given = {"x": self.x, "y": self.y, "sample_weight": self.sample_weight}
        if self._is_mixed:
            # Any order will do, but every pass must have the same one.
            order = np.random.default_rng(0).permutation(self._rows)
            given = tree.map_structure(
                lambda leaf: None if leaf is None else _taken(leaf, order), given
            )
        return {**given, "batch_size": self._size}

    def as_evaluated(self) -> dict[str, Any]:
        """The arguments of an ordinary `evaluate` on the same data."""
        return {"x": self.x, "y": self.y} if self.of_arrays else self.as_trained()

    @property
    def _is_mixed(self) -> bool:
        """Whether the rows of a batch come from anywhere in the arrays."""
        # shuffle="batch" moves blocks of consecutive rows only.
        return bool(self.shuffle) and self.shuffle != "batch"

    @property
    def _rows(self) -> int:
        return len(next(leaf for leaf in tree.flatten(self.x) if leaf is not None))

    @property
    def _size(self) -> int:
        """Rows of a full batch of arrays."""
        if self.batch_size:
            return self.batch_size
        if self.steps_per_epoch:
            return math.ceil(self._rows / self.steps_per_epoch)
        return _BATCH_SIZE

    def _number(self) -> int | None:
        """How many batches the data have; None if unknown."""
        if self.of_arrays:
            return math.ceil(self._rows / self._size)
        if hasattr(self.x, "cardinality"):
            return number if (number := int(self.x.cardinality())) >= 0 else None
        return len(self.x) if hasattr(self.x, "__len__") else None


class _Quiet(keras.utils.PyDataset):
    """Wraps a PyDataset and hides `on_epoch_end`, because many data sets reshuffle there."""

    def __init__(self, data: Any) -> None:
        super().__init__()
        self._data = data

    @property
    def num_batches(self) -> int | None:
        return self._data.num_batches

    def __getitem__(self, index: int) -> Any:
        return self._data[index]


def method(model: Any, name: str) -> Callable[..., Any]:
    """`fit` or `evaluate` as Keras defines it, without overrides and patches."""
    trainer = next(
        one
        for one in type(model).__mro__
        if {"fit", "evaluate"} <= vars(one).keys() and _is_of_keras(one)
    )
    return inspect.unwrap(vars(trainer)[name])


def _is_of_keras(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == "keras"


def _taken(leaf: Any, order: Any) -> Any:
    """Rows of an array, a tensor, or a pandas table, in another order."""
    if hasattr(leaf, "iloc"):
        return leaf.iloc[order]
    return ops.take(leaf, order, axis=0) if ops.is_tensor(leaf) else leaf[order]
