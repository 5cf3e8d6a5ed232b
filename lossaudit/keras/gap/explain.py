"""Gap: measures why `evaluate` does not return the loss that `fit` reported."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import keras

from lossaudit.errors import CaptureError
from lossaudit.keras.backend import number_of_replicas
from lossaudit.keras.class_weights import ClassWeight
from lossaudit.keras.gap.feed import Feed
from lossaudit.keras.gap.passes import Pass, evaluated, trained
from lossaudit.keras.states import State, Values, restore
from lossaudit.recording.recording import Recording

_NAMES = {
    "weights_moved": "weights that moved during the epoch",
    "training_mode": "training mode",
    "regularizers": "regularizers",
    "weights_and_masks": "weights and masks",
    "remains": "remainder",
}


@dataclass(frozen=True)
class Gap:
    """The parts of the difference between the last epoch's loss and `evaluate` on the same data.

    Four losses of the same rows are measured. Each is a mean over batches, summed exactly:

    - L₀: the batches of the last epoch, as recorded;
    - L₁: batches as in training, in the training step of the model, without changing weights;
    - L₂: the same batches with the same weights, in the evaluation step;
    - L₃: batches as `evaluate` forms them, without `class_weight` and `sample_weight`.

    Each contains a penalty Rᵢ, the mean of what `model.losses` added (regularizers, `add_loss`).
    With Dᵢ = Lᵢ - Rᵢ

        reported - evaluated = (D₀ - D₁) + (D₁ - D₂) + (R₀ - R₃) + (D₂ - D₃) + remains
        remains = (reported - L₀) + (L₃ - evaluated)

    exactly, as fractions. Inside a `fit` that keeps the order of its batches, L₁ draws the same
    noise (dropout) as the last epoch. If rows are shuffled, or after the `fit`, L₁ is another
    draw; `weights_moved` then includes the difference of the two draws, and `drawn` says so.

    Args:
        epoch: the last epoch.
        reported: the loss that `fit` reported for it.
        evaluated: the loss that `evaluate` returns.
        weights_moved: D₀ - D₁: each batch of the epoch met other weights than the final ones.
        training_mode: D₁ - D₂: dropout, batch statistics, and everything else that layers do in
            training only.
        regularizers: R₀ - R₃: the mean of the penalties over the epoch, less those at its end.
        weights_and_masks: D₂ - D₃: weights of rows and classes. Also batches of another size or
            with other rows, which matter if a batch loss is no plain mean over its rows, as with
            masks.
        remains: the rest: rounding, or a wrong number.
        bound: how far rounding can move `remains` from zero, proven.
        penalties: R₀ and R₃.
        layers: how many layers of each class behave differently in training.
        drawn: what else can be in `weights_moved`, if a loss depends on order or noise.
        counted: how evaluation weights or groups rows differently.
    """

    epoch: int
    reported: float
    evaluated: float
    weights_moved: Fraction
    training_mode: Fraction
    regularizers: Fraction
    weights_and_masks: Fraction
    remains: Fraction
    bound: float
    penalties: tuple[float, float] = (0.0, 0.0)
    layers: tuple[tuple[str, int], ...] = ()
    drawn: str = ""
    counted: tuple[str, ...] = ()

    @property
    def parts(self) -> dict[str, Fraction]:
        """The parts by name; they add up to `reported - evaluated`."""
        names = ("weights_moved", "training_mode", "regularizers", "weights_and_masks", "remains")
        return {name: getattr(self, name) for name in names}

    @property
    def is_explained(self) -> bool:
        """Whether rounding explains the remainder."""
        return abs(self.remains) <= self.bound

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON values; each part is rounded once to a float."""
        numbers = {
            "epoch": self.epoch,
            "reported": self.reported,
            "evaluated": self.evaluated,
            "bound": self.bound,
        }
        return {
            **numbers,
            **{name: float(part) for name, part in self.parts.items()},
            "statement": str(self),
        }

    def __str__(self) -> str:
        # Four significant digits of the larger loss.
        scale = max(abs(self.reported), abs(self.evaluated))
        digits = max(0, 3 - math.floor(math.log10(scale))) if scale else 0
        details = self._details(digits)
        parts = ", ".join(
            f"{_NAMES[name]} {_signed(part, digits)}{details[name]}"
            for name, part in self.parts.items()
        )
        difference = _signed(Fraction(self.reported) - Fraction(self.evaluated), digits)
        return (
            f"train loss, epoch {self.epoch}: fit reported {self.reported:.{digits}f}, evaluate "
            f"on the same rows returns {self.evaluated:.{digits}f}. The difference {difference} "
            f"has these parts: {parts}."
        )

    def _details(self, digits: int) -> dict[str, str]:
        """The origin of each part that is not 0, in parentheses."""
        mean, last = self.penalties
        details = {
            "weights_moved": self.drawn,
            "training_mode": ", ".join(f"{number} {name}" for name, number in self.layers),
            "regularizers": f"{mean:.{digits}f} over the epoch, {last:.{digits}f} at its end",
            "weights_and_masks": ", ".join(self.counted),
            "remains": f"bound {self.bound:.2g}",
        }
        shown = {name for name, part in self.parts.items() if round(part, digits)} | {"remains"}
        return {
            name: f" ({text})" if text and name in shown else "" for name, text in details.items()
        }


def explain_gap(
    model: Any,
    recording: Recording,
    x: Any,
    y: Any = None,
    *,
    sample_weight: Any = None,
    class_weight: ClassWeight | None = None,
    batch_size: int | None = None,
    shuffle: Any = True,
    steps_per_epoch: int | None = None,
    reported: float | None = None,
) -> Gap:
    """Measure why `evaluate` does not return the loss that `fit` reported.

    This runs up to three passes over the data. It leaves model, optimizer, metrics and seed
    generators as they were.

    Args:
        model: the trained model.
        recording: of its training, by a `LossRecorder`; with `penalties=True` if the model has
            regularizers or layers that call `add_loss`.
        x: as given to `fit`, like all arguments up to `steps_per_epoch`. Each pass reads the data
            once; a `tf.data.Dataset` that shuffles, or a `PyDataset` that draws, draws anew.
        y: see `fit`.
        sample_weight: see `fit`.
        class_weight: see `fit`.
        batch_size: see `fit`.
        shuffle: see `fit`.
        steps_per_epoch: see `fit`.
        reported: the logged loss of the last epoch; None for the mean of its recorded batches.

    Raises:
        CaptureError: the gap cannot be measured; the message says why.
    """
    feed = Feed(x, y, sample_weight, class_weight, batch_size, shuffle, steps_per_epoch)
    return measured(model, recording, feed, reported=reported)


def measured(
    model: Any,
    recording: Recording,
    feed: Feed,
    *,
    reported: float | None = None,
    seeds: Values | None = None,
) -> Gap:
    """The gap of a training on the data of a feed.

    Args:
        model: see `explain_gap`.
        recording: see `explain_gap`.
        feed: the data of the training.
        reported: see `explain_gap`.
        seeds: the seed generators as they were when the last epoch began; None if unknown.

    Raises:
        CaptureError: see `explain_gap`.
    """
    if number_of_replicas(model) > 1:
        raise CaptureError("the parts can be measured on one replica only")
    epoch, recorded = Pass.of_last_epoch(recording)
    with State.kept(model) as state:
        data = feed.as_trained()
        restore(seeds or [])
        replayed = trained(model, data, feed.class_weight)
        if not state.matches(model.trainable_variables):
            raise CaptureError(
                "the train_step of this model changes weights without calling its optimizer"
            )
        recorded.refuse_other_rows(replayed)
        state.restore()
        last, result = evaluated(model, data, feed.class_weight)
        # A custom `train_step` may give a batch another weight than `test_step` does.
        alike = replace(last, weights=replayed.weights) if len(last) == len(replayed) else last
        replayed.refuse_other_rows(alike)
        if not feed.evaluates_alike:
            state.restore()
            last, result = evaluated(model, feed.as_evaluated())
    reported = float(recorded.loss()) if reported is None else reported
    gap = _gap(epoch, reported, result, (recorded, replayed, alike, last))
    layers, masks = _layers_of_two_modes(model), ("masks",) if last.has_masks else ()
    drawn = feed.drawn_anew(noise_anew=seeds is None) if layers or masks else ""
    return replace(gap, layers=layers, drawn=drawn, counted=(*feed.counted_differently, *masks))


def _gap(epoch: int, reported: float, result: float, passes: tuple[Pass, Pass, Pass, Pass]) -> Gap:
    """The parts of the gap, from the passes of L₀ to L₃."""
    _refuse_unmeasured(reported, result, passes)
    data_losses = [one.data_loss() for one in passes]
    moved, mode, counted = (one - other for one, other in pairwise(data_losses))
    first, last = passes[0], passes[-1]
    return Gap(
        epoch,
        reported,
        result,
        weights_moved=moved,
        training_mode=mode,
        regularizers=first.penalty() - last.penalty(),
        weights_and_masks=counted,
        remains=Fraction(reported) - first.loss() + last.loss() - Fraction(result),
        bound=first.bound() + last.bound(),
        penalties=(float(first.penalty()), float(last.penalty())),
    )


def _refuse_unmeasured(reported: float, result: float, passes: tuple[Pass, ...]) -> None:
    if not math.isfinite(reported) or not math.isfinite(result):
        raise CaptureError(
            f"fit reported {reported}, and evaluate returns {result}: there is no finite "
            "difference to explain"
        )
    if len({one.penalties is None for one in passes}) > 1:
        raise CaptureError(
            "what regularizers and add_loss added to the loss was not recorded for every batch: "
            "use LossRecorder(penalties=True), and call compute_loss in your own train_step"
        )


def _signed(part: Fraction, digits: int) -> str:
    """A part with its sign; "0" if it rounds to that."""
    return f"{float(part):+.{digits}f}" if round(part, digits) else "0"


def _layers_of_two_modes(model: Any) -> tuple[tuple[str, int], ...]:
    """How many layers of each class draw noise or use batch statistics in training only."""
    names = [type(layer).__name__ for layer in model._flatten_layers() if _has_two_modes(layer)]
    return tuple((name, names.count(name)) for name in dict.fromkeys(names))


def _has_two_modes(layer: Any) -> bool:
    rates = [
        getattr(layer, name)
        for name in ("rate", "dropout", "recurrent_dropout", "stddev")
        if hasattr(layer, name)
    ]
    # A Dropout layer of rate 0 also has a seed generator, but never draws.
    draws = bool(getattr(layer, "_seed_generators", None)) and (not rates or any(rates))
    return draws or (isinstance(layer, keras.layers.BatchNormalization) and layer.trainable)
