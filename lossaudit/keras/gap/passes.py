"""Pass: the losses of all rows once, by the train step or the evaluation step of a model whose
weights stand still.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import wraps
from typing import Any

import keras
import numpy as np
from keras import ops

from lossaudit.arithmetic.accumulators import WeightedMean
from lossaudit.arithmetic.arrays import Floats
from lossaudit.arithmetic.bounds import REWRITTEN, mean_bound
from lossaudit.errors import CaptureError
from lossaudit.keras.capture.loss_recorder import LossRecorder
from lossaudit.keras.gap.feed import method
from lossaudit.keras.states import still
from lossaudit.predictions.truth import Batches
from lossaudit.recording import keys
from lossaudit.recording.recording import Recording
from lossaudit.recording.series import Series

ClassWeight = Mapping[int, float] | None


@dataclass(frozen=True, eq=False)
class Pass:
    """The batches of one pass over the data.

    Args:
        losses: the loss of each batch, shape (n,).
        weights: what each of them weighs in the mean, shape (n,).
        penalties: what `model.losses` put into each of them, shape (n,); None where it has none,
            or none is known.
        has_masks: whether some entries of a row do not count.
        dtype: the float type in which Keras averages.
    """

    losses: Floats
    weights: Floats
    penalties: Floats | None
    has_masks: bool
    dtype: str

    @classmethod
    def of(cls, recording: Recording, split: str) -> Pass:
        """All batches of a split.

        Raises:
            CaptureError: their losses, or the penalties of some of them, were not recorded.
        """
        losses, penalties = (
            _series(recording, keys.LOSS, split),
            _series(recording, keys.REGULARIZATION, split),
        )
        if losses is None:
            missed = recording.metadata.get(keys.NOT_CAPTURED, {}).get(split)
            raise CaptureError(missed or f"no loss of the {split} split was recorded")
        if penalties is not None and len(penalties) != len(losses):
            raise CaptureError(
                f"{len(penalties)} penalties were recorded of {len(losses)} batches: each has one"
            )
        return cls(
            losses.values,
            np.ones(len(losses)) if losses.weights is None else losses.weights,
            None if penalties is None else penalties.values,
            any(one.tag.partition("/")[0] == "tokens" for one in recording.select(split=split)),
            losses.dtype,
        )

    @classmethod
    def of_last_epoch(cls, recording: Recording) -> tuple[int, Pass]:
        """The last epoch that was trained, and its number."""
        whole = cls.of(recording, "train")
        batches = Batches.of(recording.find(tag=keys.LOSS, split="train", covers="batch"))
        last = slice(int(batches.starts[-1]), None)
        penalties = None if whole.penalties is None else whole.penalties[last]
        kept = replace(
            whole, losses=whole.losses[last], weights=whole.weights[last], penalties=penalties
        )
        return int(batches.epochs[-1]), kept

    def __len__(self) -> int:
        return len(self.losses)

    def loss(self) -> Fraction:
        """The exact mean of the losses."""
        return _mean(self.losses, self.weights)

    def penalty(self) -> Fraction:
        """The exact mean of the penalties; 0 if there are none."""
        return Fraction(0) if self.penalties is None else _mean(self.penalties, self.weights)

    def data_loss(self) -> Fraction:
        """The loss without its penalty."""
        return self.loss() - self.penalty()

    def bound(self) -> float:
        """How far the mean of Keras may be from the exact one."""
        bound = mean_bound(
            self.losses, self.weights, order="sequential", dtype=self.dtype, roundings=REWRITTEN
        )
        return float(bound.proven[-1])

    def refuse_other_rows(self, again: Pass) -> None:
        """Refuse another pass that has not the same number of batches and rows.

        Raises:
            CaptureError: it has not.
        """
        rows, more = float(self.weights.sum()), float(again.weights.sum())
        if len(self) != len(again) or rows != more:
            raise CaptureError(
                f"the data gave {len(self)} batches ({rows:g} rows) in one pass, and {len(again)} "
                f"({more:g} rows) in "
                f"the next"
            )


def trained(model: Any, data: Mapping[str, Any], class_weight: ClassWeight = None) -> Pass:
    """One epoch of `fit`, in the order of the data, in which the optimizer does nothing."""
    recorder = LossRecorder(penalties=True)
    object.__setattr__(model, "_initial_epoch", None)  # BackupAndRestore leaves one
    with still(model.optimizer), _without_repeated_warnings():
        method(model, "fit")(
            model,
            **data,
            class_weight=class_weight,
            shuffle=False,
            verbose=0,
            callbacks=[recorder],
        )
    return Pass.of(recorder.recording, "train")


def evaluated(
    model: Any, data: Mapping[str, Any], class_weight: ClassWeight = None
) -> tuple[Pass, float]:
    """One evaluation, and the loss that it gives."""
    recorder = LossRecorder(penalties=True)
    with _weighing_classes(model, class_weight), _without_repeated_warnings():
        logs = method(model, "evaluate")(
            model, **data, return_dict=True, verbose=0, callbacks=[recorder]
        )
    if "loss" not in logs:
        raise CaptureError(f"evaluate gives no loss, but {', '.join(logs) or 'nothing'}")
    return Pass.of(recorder.recording, "test"), float(logs["loss"])


@contextmanager
def _without_repeated_warnings() -> Iterator[None]:
    """Keras warned in the training itself that it was not told where data of unknown size end."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Your input ran out of data")
        yield


def _series(recording: Recording, tag: str, split: str) -> Series | None:
    found = recording.select(tag=tag, split=split, covers="batch")
    return found[0] if found else None


def _mean(values: Floats, weights: Floats) -> Fraction:
    if not np.isfinite(values).all():
        raise CaptureError("the loss of a batch is not finite")
    mean = WeightedMean()
    mean.update_state(values, sample_weight=weights)
    return mean.fraction()


@contextmanager
def _weighing_classes(model: Any, class_weight: ClassWeight) -> Iterator[None]:
    """Let evaluation weigh classes as training does; `evaluate` cannot be told to."""
    if class_weight is None:
        yield
        return
    own = vars(model).get("test_step")
    object.__setattr__(model, "test_step", _with_weights(model.test_step, class_weight))
    try:
        yield
    finally:
        object.__delattr__(model, "test_step")
        if own is not None:
            object.__setattr__(model, "test_step", own)


def _with_weights(
    test_step: Callable[..., Any], class_weight: Mapping[int, float]
) -> Callable[..., Any]:
    @wraps(test_step)
    def weighing(*args: Any) -> Any:
        x, y, _ = keras.utils.unpack_x_y_sample_weight(args[-1])
        return test_step(*args[:-1], (x, y, _weights_of_classes(y, class_weight)))

    return weighing


def _weights_of_classes(y: Any, class_weight: Mapping[int, float]) -> Any:
    """The weight of each row by its class, 1 if unnamed: the number in `y`, or the place of its
    largest entry.
    """
    if len(y.shape) > 1:
        y = ops.argmax(y, axis=-1) if y.shape[-1] != 1 else ops.squeeze(y, axis=-1)
    unnamed = max(class_weight) + 1
    table = np.array(
        [class_weight.get(number, 1.0) for number in range(unnamed + 1)], keras.config.floatx()
    )
    numbers = ops.cast(ops.round(y), "int32")
    is_named = ops.logical_and(numbers >= 0, numbers < unnamed)
    return ops.take(table, ops.where(is_named, numbers, unnamed), axis=0)
