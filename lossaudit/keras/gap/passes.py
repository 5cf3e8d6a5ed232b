"""Pass: the losses of all rows once, by a step of a model whose weights do not change."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import wraps
from typing import Any

import keras
import numpy as np

from lossaudit.arithmetic.accumulators import WeightedMean
from lossaudit.arithmetic.arrays import Floats
from lossaudit.arithmetic.bounds import REWRITTEN, mean_bound
from lossaudit.errors import CaptureError
from lossaudit.keras.capture.loss_recorder import LossRecorder
from lossaudit.keras.class_weights import ClassWeight, weights_by_class
from lossaudit.keras.gap.feed import method
from lossaudit.keras.patches import patched
from lossaudit.keras.states import still
from lossaudit.predictions.truth import Batches
from lossaudit.recording import keys
from lossaudit.recording.recording import Recording
from lossaudit.recording.series import Series


@dataclass(frozen=True, eq=False)
class Pass:
    """The batches of one pass over the data.

    Args:
        losses: the loss of each batch, shape (n,).
        weights: the weight of each batch in the mean, shape (n,).
        penalties: the part of each loss that `model.losses` added, shape (n,); None if nothing
            was added or recorded.
        has_masks: whether the model masks entries of a row.
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
            CaptureError: the losses, or the penalties of some batches, were not recorded.
        """
        losses = _series(recording, keys.LOSS, split)
        penalties = _series(recording, keys.REGULARIZATION, split)
        if losses is None:
            missed = recording.metadata.get(keys.NOT_CAPTURED, {}).get(split)
            raise CaptureError(missed or f"no loss of the {split} split was recorded")
        if penalties is not None and len(penalties) != len(losses):
            raise CaptureError(
                f"{len(penalties)} penalties were recorded for {len(losses)} batches: each batch "
                "has one"
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
        """The number of the last epoch of training, and its batches."""
        whole = cls.of(recording, "train")
        batches = Batches.of(recording.find(tag="loss", split="train", covers="batch"))
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
        """The exact mean of the penalties; 0 without any."""
        return Fraction(0) if self.penalties is None else _mean(self.penalties, self.weights)

    def data_loss(self) -> Fraction:
        """The loss without its penalty."""
        return self.loss() - self.penalty()

    def bound(self) -> float:
        """How far the mean of Keras may be from the exact one, proven."""
        # XLA may fold the division by the rows into the product with them: `REWRITTEN`.
        bound = mean_bound(
            self.losses, self.weights, order="sequential", dtype=self.dtype, roundings=REWRITTEN
        )
        return float(bound.proven[-1])

    def refuse_other_rows(self, again: Pass) -> None:
        """Refuse another pass with a different number of batches or rows.

        Raises:
            CaptureError: one of the numbers differs.
        """
        rows, more = float(self.weights.sum()), float(again.weights.sum())
        if len(self) != len(again) or rows != more:
            raise CaptureError(
                f"the data gave {len(self)} batches ({rows:g} rows) in one pass, and {len(again)} "
                f"({more:g} rows) in the next"
            )


def trained(model: Any, data: Mapping[str, Any], class_weight: ClassWeight | None = None) -> Pass:
    """One epoch of `fit` in the order of the data, with an optimizer that changes nothing."""
    recorder = LossRecorder(penalties=True)
    # BackupAndRestore leaves an initial epoch in the model, after which nothing would be trained.
    from_the_start = patched((model, "_initial_epoch", None))
    with from_the_start, still(model.optimizer), _without_repeated_warnings():
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
    model: Any, data: Mapping[str, Any], class_weight: ClassWeight | None = None
) -> tuple[Pass, float]:
    """One evaluation, and the loss that it returns."""
    recorder = LossRecorder(penalties=True)
    with _weighing_classes(model, class_weight), _without_repeated_warnings():
        logs = method(model, "evaluate")(
            model, **data, return_dict=True, verbose=0, callbacks=[recorder]
        )
    if "loss" not in logs:
        raise CaptureError(f"evaluate returns no loss, only {', '.join(logs) or 'an empty dict'}")
    return Pass.of(recorder.recording, "test"), float(logs["loss"])


@contextmanager
def _without_repeated_warnings() -> Iterator[None]:
    """Suppress a warning that Keras gave in the training already, about data of unknown length."""
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


def _weighing_classes(
    model: Any, class_weight: ClassWeight | None
) -> AbstractContextManager[None]:
    """Weight classes in evaluation as in training; `evaluate` has no argument for it."""
    if class_weight is None:
        return nullcontext()
    return patched((model, "test_step", _with_weights(model.test_step, class_weight)))


def _with_weights(test_step: Callable[..., Any], class_weight: ClassWeight) -> Callable[..., Any]:
    @wraps(test_step)
    def weighted(*args: Any) -> Any:
        # On JAX the state comes before the batch.
        x, y, _ = keras.utils.unpack_x_y_sample_weight(args[-1])
        return test_step(*args[:-1], (x, y, weights_by_class(y, class_weight)))

    return weighted
