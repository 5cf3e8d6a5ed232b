"""Probes: what a recorder measures of a batch inside the step in addition to its loss."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any

import keras
from keras import ops, tree

from lossaudit.keras.backend import KERAS_VERSION, ON_TENSORFLOW, length_of, number_of_replicas
from lossaudit.keras.capture.recording_mean import Announced, RecordingMean
from lossaudit.keras.capture.samples import Samples
from lossaudit.keras.patches import Replacement, patched
from lossaudit.recording import keys

if ON_TENSORFLOW:
    import tensorflow as tf

Notes = list[tuple[str, Any]]
"""Numbers of a batch, each with its tag."""

_COUNTS_ROWS = KERAS_VERSION >= (3, 2)
"""Whether Keras weights a batch loss by the rows of the batch."""
_WEIGHTS_LATE = KERAS_VERSION >= (3, 7)
"""Whether the metrics of outputs average losses before `loss_weights` apply."""
_UNSCALES = KERAS_VERSION >= (3, 8)
"""Whether Keras multiplies a loss by the number of replicas before it averages it."""


@dataclass(frozen=True)
class Probes:
    """What a recorder keeps of each batch in addition to the loss.

    The sum of sample weights ("weight_sum") and the number of unmasked entries ("tokens") are
    always kept if there are any.

    Args:
        metrics: every compiled metric, of that batch alone, under its own name. A metric named
            "loss" replaces the total in the logs; it is always kept, as "metric/loss".
        components: "regularization", the sum of `model.losses`, and "regularization[0]", … if
            there are several. With several outputs also the loss of each, under its name in
            Keras, and "…/weighted" after `loss_weights`.
        gradients: "gradient_norm" and "gradient_finite" of all gradients together, and for each
            variable "gradient_norm/PATH", "gradient_mean/PATH" and "gradient_variance/PATH"; of
            the unscaled gradients, also with a LossScaleOptimizer.
        samples: targets and predictions of some rows of some batches.
        penalties: "regularization" alone.
    """

    metrics: bool = False
    components: bool = False
    gradients: bool = False
    samples: Samples | None = None
    penalties: bool = False

    def replacements(self, model: Any, tracker: RecordingMean) -> Iterator[Replacement]:
        """The methods to replace while the model trains."""
        self._check(model)
        yield model, "compute_loss", _watched_loss(model, tracker, self)
        has_namesake = tracker.name in _names_of_metrics(model)
        if self.metrics or has_namesake:
            only = None if self.metrics else [tracker.name]
            yield model, "compute_metrics", _watched_metrics(model, tracker, only)
        if self.gradients and model.optimizer is not None:
            yield model.optimizer, "apply_gradients", _watched_gradients(model.optimizer, tracker)

    def joined(self, other: Probes) -> Probes:
        """Everything that at least one of two recorders asks for.

        Raises:
            ValueError: both ask for predictions.
        """
        if self.samples and other.samples and self.samples is not other.samples:
            raise ValueError("only one recorder of a training can record predictions; two ask to")
        return Probes(
            self.metrics or other.metrics,
            self.components or other.components,
            self.gradients or other.gradients,
            self.samples or other.samples,
            self.penalties or other.penalties,
        )

    def _check(self, model: Any) -> None:
        """Refuse what the back end or the strategy cannot do: nothing is left out silently."""
        wanted = {"gradients": self.gradients, "predictions": self.samples is not None}
        asked = [f"{name}={value!r}" for name, value in wanted.items() if value]
        if asked and not ON_TENSORFLOW:
            raise ValueError(
                f"{' and '.join(asked)} can be recorded on TensorFlow only, not on "
                f"{keras.backend.backend()}"
            )
        replicas = number_of_replicas(model)
        if self.samples is not None and replicas > 1:
            raise ValueError(f"predictions can be recorded on one replica only, not on {replicas}")

    def most(self, model: Any) -> int:
        """An upper limit of the numbers kept of a batch.

        It holds for every kind of model that compiles fewer than 60 metrics.
        """
        gradients = 3 * len(model.trainable_variables) + 2 if self.gradients else 0
        metrics = 60 if self.metrics else 0
        components = 20 if self.components else int(self.penalties)
        return 4 + gradients + metrics + components


def _watched_loss(model: Any, tracker: RecordingMean, probes: Probes) -> Callable[..., Any]:
    compute_loss = model.compute_loss
    parameters = inspect.signature(compute_loss)

    @wraps(compute_loss)
    def watched(*args: Any, **kwargs: Any) -> Any:
        given = parameters.bind(*args, **kwargs).arguments
        with _losses_of_outputs(model, given, probes.components) as parts:
            loss = compute_loss(*args, **kwargs)
        notes = [*_weight_sums(model, given.get("sample_weight")), *_tokens(given.get("y_pred"))]
        if probes.components:
            notes += [*parts, *_weighted(model, parts), *_regularization(model)]
        elif probes.penalties:
            notes += _regularization(model)[:1]
        rows = length_of(given.get("x"), given.get("y_pred"))
        if notes:
            tracker.note(notes, rows)
        if ON_TENSORFLOW and loss is not None:
            tracker.announce(_announced(model, loss, rows))
        if probes.samples is not None:
            probes.samples.keep(tracker.kind, given["y"], given["y_pred"])
        return loss

    return watched


def _watched_metrics(
    model: Any, tracker: RecordingMean, only: list[str] | None
) -> Callable[..., Any]:
    compute_metrics = model.compute_metrics

    @wraps(compute_metrics)
    def watched(x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        # First, because this call builds the metrics.
        logs = compute_metrics(x, y, y_pred, sample_weight=sample_weight)
        if model._compile_metrics is not None:
            notes = _metrics_of_batch(model._compile_metrics, y, y_pred, sample_weight)
            kept = [(name, value) for name, value in notes if only is None or name in only]
            own_tag = {tracker.name: keys.METRIC + tracker.name}
            tracker.note(
                [(own_tag.get(name, name), value) for name, value in kept], length_of(x, y_pred)
            )
        return logs

    return watched


def _watched_gradients(optimizer: Any, tracker: RecordingMean) -> Callable[..., Any]:
    apply_gradients = optimizer.apply_gradients

    @wraps(apply_gradients)
    def watched(grads_and_vars: Any, **kwargs: Any) -> Any:
        # A list, because `grads_and_vars` is usually a `zip` that can be read only once.
        pairs = list(grads_and_vars)
        tracker.note(_statistics(optimizer, pairs), 1.0)
        return apply_gradients(pairs, **kwargs)

    return watched


@contextmanager
def _losses_of_outputs(model: Any, given: dict[str, Any], wanted: bool) -> Iterator[Notes]:
    """Collect inside the context, if wanted, what CompileLoss averages for each output."""
    losses: Notes = []
    compiled = model._compile_loss if wanted else None
    # CompileLoss makes its metrics when it is built, which Keras does in the call below.
    if compiled is not None and not compiled.built and given.get("y") is not None:
        compiled.build(given["y"], given["y_pred"])
    metrics = getattr(compiled, "metrics", ())
    with patched(*((one, "update_state", _collecting(one, losses)) for one in metrics)):
        yield losses


def _collecting(metric: Any, losses: Notes) -> Callable[..., Any]:
    update_state = metric.update_state

    def update(values: Any, sample_weight: Any = None) -> Any:
        losses.append((metric.name, ops.mean(values)))
        return update_state(values, sample_weight)

    return update


def _announced(model: Any, loss: Any, rows: Any) -> Announced:
    """The loss of a batch; on replicas, Keras does not always give it to its tracker."""
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    is_sum = replicas > 1 and getattr(model.loss, "reduction", None) == "sum"
    if len(loss.shape):
        value, corrects = ops.mean(loss), replicas > 1
    elif replicas > 1 and _UNSCALES:
        # `compute_loss` divides by the number of replicas, so that gradients add up to a mean.
        value, corrects = loss * replicas, False
    elif is_sum:
        # Each replica adds all penalties to the sum over its own rows; only the sums add up.
        penalties = [ops.sum(ops.cast(one, loss.dtype)) for one in model.losses]
        value, corrects = loss * replicas - sum(penalties) * (replicas - 1), True
    else:
        value, corrects = loss, False
    return Announced(loss, value, rows, corrects, needs_rows=not _COUNTS_ROWS)


def weights_of_outputs(model: Any) -> dict[str, float]:
    """The weight of each output's loss in the total, by its key in the logs.

    Empty for a model of one output, and where regularizers or `add_loss` add to the total.
    """
    compiled = getattr(model, "_compile_loss", None)
    names = [metric.name for metric in getattr(compiled, "metrics", ())]
    if len(names) < 2 or model.losses:
        return {}
    weights = getattr(compiled, "_user_loss_weights", None) if _WEIGHTS_LATE else None
    if not isinstance(weights, dict):
        return dict(zip(names, weights or [1.0] * len(names), strict=True))
    return {key: weights.get(key.removesuffix(keys.OUTPUT_LOSS), 1.0) for key in names}


def _weight_sums(model: Any, sample_weight: Any) -> Notes:
    """One sum for all outputs, or one for each output that has its own weights."""
    if sample_weight is None:
        return []
    if not isinstance(sample_weight, (dict, list, tuple)):
        return [("weight_sum", ops.sum(sample_weight))]
    named = (
        sample_weight
        if isinstance(sample_weight, dict)
        else dict(zip(model.output_names, sample_weight, strict=True))
    )
    return [(f"weight_sum/{name}", ops.sum(one)) for name, one in named.items() if one is not None]


def _tokens(y_pred: Any) -> Notes:
    masks = [
        mask
        for one in tree.flatten(y_pred)
        if (mask := getattr(one, "_keras_mask", None)) is not None
    ]
    names = ["tokens"] if len(masks) == 1 else [f"tokens/{number}" for number in range(len(masks))]
    return [
        (name, ops.sum(ops.cast(mask, "float32"))) for name, mask in zip(names, masks, strict=True)
    ]


def _weighted(model: Any, parts: Notes) -> Notes:
    """The losses of outputs times their `loss_weights`, if there are any."""
    weights = getattr(model._compile_loss, "_user_loss_weights", None)
    if not weights or not parts:
        return []
    if not _WEIGHTS_LATE:
        return [(tag + keys.WEIGHTED, value) for tag, value in parts]
    names = [name.removesuffix(keys.OUTPUT_LOSS) for name, _ in parts]
    by_name = weights if isinstance(weights, dict) else dict(zip(names, weights, strict=True))
    return [
        (tag + keys.WEIGHTED, value * by_name.get(name, 1.0))
        for name, (tag, value) in zip(names, parts, strict=True)
    ]


def _regularization(model: Any) -> Notes:
    """The sum of `model.losses`, and each of them if there are several."""
    parts = [ops.sum(ops.cast(loss, "float32")) for loss in model.losses]
    if not parts:
        return []
    each = [(f"{keys.REGULARIZATION}[{number}]", part) for number, part in enumerate(parts)]
    return [(keys.REGULARIZATION, sum(parts[1:], parts[0])), *(each if len(parts) > 1 else [])]


def _names_of_metrics(model: Any) -> set[str]:
    """The names of the metrics given to `compile`, as far as known before they are built."""
    compiled = getattr(model, "_compile_metrics", None)
    given = [getattr(compiled, name, None) for name in ("_user_metrics", "_user_weighted_metrics")]
    return {
        str(getattr(one, "name", getattr(one, "__name__", one)))
        for one in tree.flatten(given)
        if one is not None
    }


def _metrics_of_batch(metrics: Any, y: Any, y_pred: Any, sample_weight: Any) -> Notes:
    """The compiled metrics of this batch alone; their state does not change."""
    empty = [(variable, ops.zeros_like(variable.value)) for variable in metrics.variables]
    with keras.StatelessScope(state_mapping=empty):
        metrics.update_state(y, y_pred, sample_weight)
        results = metrics.result()
    return [note for name, result in results.items() for note in _scalars(name, result)]


def _scalars(name: str, result: Any) -> Notes:
    if not len(result.shape):
        return [(name, result)]
    flat = ops.reshape(result, (-1,))
    return [(f"{name}[{index}]", flat[index]) for index in range(flat.shape[0])]


def _statistics(optimizer: Any, pairs: list[tuple[Any, Any]]) -> Notes:
    """Norm, mean and variance of each gradient, and whether all of them are finite."""
    # A LossScaleOptimizer multiplies the loss, and so all gradients, against underflow.
    scale = getattr(optimizer, "dynamic_scale", None)
    notes, squares = [], []
    for gradient, variable in pairs:
        if gradient is None:
            continue
        # `convert_to_tensor` makes the sparse gradient of an Embedding dense.
        flat = ops.reshape(ops.cast(tf.convert_to_tensor(gradient), "float32"), (-1,))
        flat = flat if scale is None else flat / ops.cast(scale.value, "float32")
        squares.append(ops.sum(ops.square(flat)))
        values = {"norm": ops.sqrt(squares[-1]), "mean": ops.mean(flat), "variance": ops.var(flat)}
        notes += [(f"gradient_{name}/{variable.path}", value) for name, value in values.items()]
    if not squares:
        return []
    norm = ops.sqrt(sum(squares[1:], squares[0]))
    return [
        *notes,
        ("gradient_norm", norm),
        ("gradient_finite", ops.cast(ops.isfinite(norm), "float32")),
    ]
