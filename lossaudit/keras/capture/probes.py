"""Probes: what is measured of a batch beside its loss, inside the step, and only if it was asked
for.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any

import keras
from keras import ops, tree

from lossaudit.keras.capture.recording_mean import Announced, RecordingMean
from lossaudit.keras.capture.ring import ON_TENSORFLOW
from lossaudit.keras.capture.samples import Samples
from lossaudit.recording import keys

if ON_TENSORFLOW:
    import tensorflow as tf

Notes = list[tuple[str, Any]]
"""Numbers of a batch, by tag."""

VERSION = tuple(int(part) for part in keras.__version__.split(".")[:2])
"""Major and minor version of Keras."""
_TELLS_ROWS, _WEIGHS_LATE, _UNSCALES = VERSION >= (3, 2), VERSION >= (3, 7), VERSION >= (3, 8)
"""Whether Keras tells its loss tracker the rows of a batch, shows the losses of outputs before
`loss_weights`, and multiplies a loss by the number of replicas before it averages it."""


@dataclass(frozen=True)
class Probes:
    """What a recorder keeps of each batch beside the loss.

    The sum of sample weights ("weight_sum") and the number of unmasked entries ("tokens") are kept
    wherever there are any.

    Args:
        metrics: every compiled metric, of that batch alone, under its own name; one that is named
            "loss", and so takes the place of the total in the logs, as "metric/loss", and whether
            it was asked for or not.
        components: "regularization", which is what `model.losses` adds to the loss, and
            "regularization[0]", … where it adds several; and where there are several outputs the
            loss of each, under the name that Keras gives it, and "…/weighted" after
            `loss_weights`.
        gradients: "gradient_norm" and "gradient_finite" of all gradients together, and of each
            variable "gradient_norm/PATH", "gradient_mean/PATH" and "gradient_variance/PATH"; of
            the true gradients, also where a LossScaleOptimizer scales them.
        samples: targets and predictions of some rows of some batches.
        penalties: "regularization" alone.
    """

    metrics: bool = False
    components: bool = False
    gradients: bool = False
    samples: Samples | None = None
    penalties: bool = False

    def wrapped(
        self, model: Any, tracker: RecordingMean
    ) -> Iterator[tuple[Any, str, Callable[..., Any]]]:
        """Owner, name and replacement of each method that is to be watched while the model trains."""
        self._check(model)
        yield model, "compute_loss", _watched_loss(model, tracker, self)
        shadows = tracker.name in _names_of_metrics(model)
        if self.metrics or shadows:
            yield (
                model,
                "compute_metrics",
                _watched_metrics(model, tracker, None if self.metrics else [tracker.name]),
            )
        if self.gradients and model.optimizer is not None:
            yield model.optimizer, "apply_gradients", _watched_gradients(model.optimizer, tracker)

    def joined(self, other: Probes) -> Probes:
        """What either of two recorders asks for.

        Raises:
            ValueError: both ask for predictions.
        """
        if self.samples and other.samples and self.samples is not other.samples:
            raise ValueError(
                "predictions can be recorded by one recorder of a training only, and two ask for "
                "them"
            )
        return Probes(
            self.metrics or other.metrics,
            self.components or other.components,
            self.gradients or other.gradients,
            self.samples or other.samples,
            self.penalties or other.penalties,
        )

    def _check(self, model: Any) -> None:
        """Refuse what a back end or a strategy cannot do, rather than record nothing."""
        wanted = {"gradients": self.gradients, "predictions": self.samples is not None}
        asked = [f"{name}={value!r}" for name, value in wanted.items() if value]
        if asked and not ON_TENSORFLOW:
            raise ValueError(
                f"{' and '.join(asked)} can be recorded on TensorFlow only, not on "
                f"{keras.backend.backend()}"
            )
        strategy = getattr(model, "distribute_strategy", None)
        if self.samples is not None and strategy is not None and strategy.num_replicas_in_sync > 1:
            raise ValueError(
                "predictions can be recorded on one replica only, not on "
                f"{strategy.num_replicas_in_sync}"
            )

    def most(self, model: Any) -> int:
        """At most so many numbers of a batch, for every kind of model that compiles fewer than 60
        metrics.
        """
        gradients = 3 * len(model.trainable_variables) + 2 if self.gradients else 0
        return (
            4
            + gradients
            + (60 if self.metrics else 0)
            + (20 if self.components else int(self.penalties))
        )


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
        rows = _rows(given.get("x"), given.get("y_pred"))
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
        logs = compute_metrics(x, y, y_pred, sample_weight=sample_weight)
        if model._compile_metrics is not None:
            notes = _metrics_of_batch(model._compile_metrics, y, y_pred, sample_weight)
            kept = [(name, value) for name, value in notes if only is None or name in only]
            own_tag = {tracker.name: keys.METRIC + tracker.name}
            tracker.note(
                [(own_tag.get(name, name), value) for name, value in kept], _rows(x, y_pred)
            )
        return logs

    return watched


def _watched_gradients(optimizer: Any, tracker: RecordingMean) -> Callable[..., Any]:
    apply_gradients = optimizer.apply_gradients

    @wraps(apply_gradients)
    def watched(grads_and_vars: Any, **kwargs: Any) -> Any:
        pairs = list(grads_and_vars)
        tracker.note(_statistics(optimizer, pairs), 1.0)
        return apply_gradients(pairs, **kwargs)

    return watched


@contextmanager
def _losses_of_outputs(model: Any, given: dict[str, Any], wanted: bool) -> Iterator[Notes]:
    """What CompileLoss tells its metrics of each output, inside the context, if it is wanted."""
    heard: Notes = []
    compiled = model._compile_loss if wanted else None
    if compiled is not None and not compiled.built and given.get("y") is not None:
        compiled.build(given["y"], given["y_pred"])
    metrics = list(getattr(compiled, "metrics", ()))
    for metric in metrics:
        object.__setattr__(metric, "update_state", _heard(metric, heard))
    try:
        yield heard
    finally:
        for metric in metrics:
            object.__delattr__(metric, "update_state")


def _heard(metric: Any, heard: Notes) -> Callable[..., Any]:
    update_state = metric.update_state

    def update(values: Any, sample_weight: Any = None) -> Any:
        heard.append((metric.name, ops.mean(values)))
        return update_state(values, sample_weight)

    return update


def _announced(model: Any, loss: Any, rows: Any) -> Announced:
    """The loss of a batch, which on replicas is not always what Keras tells its tracker."""
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    is_sum = replicas > 1 and getattr(model.loss, "reduction", None) == "sum"
    if len(loss.shape):
        value, corrects = ops.mean(loss), replicas > 1
    elif replicas > 1 and _UNSCALES:
        value, corrects = loss * replicas, False
    elif is_sum:
        penalties = [ops.sum(ops.cast(one, loss.dtype)) for one in model.losses]
        value, corrects = loss * replicas - sum(penalties) * (replicas - 1), True
    else:
        value, corrects = loss, False
    return Announced(loss, value, rows, corrects, weighs=not _TELLS_ROWS)


def weights_of_outputs(model: Any) -> dict[str, float]:
    """What the total is the sum of: the key of each output's loss in the logs, and its weight
    there.

    Empty for a model of one output, and where regularizers or `add_loss` add to the total.
    """
    compiled = getattr(model, "_compile_loss", None)
    names = [metric.name for metric in getattr(compiled, "metrics", ())]
    if len(names) < 2 or model.losses:
        return {}
    weights = getattr(compiled, "_user_loss_weights", None) if _WEIGHS_LATE else None
    if not isinstance(weights, dict):
        return dict(zip(names, weights or [1.0] * len(names), strict=True))
    return {key: weights.get(key.removesuffix(keys.OUTPUT_LOSS), 1.0) for key in names}


def _weight_sums(model: Any, sample_weight: Any) -> Notes:
    """One sum for all outputs, or one for each that has weights of its own."""
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
    """The losses of outputs times their weights, if the model was compiled with any."""
    weights = getattr(model._compile_loss, "_user_loss_weights", None)
    if not weights or not parts:
        return []
    if not _WEIGHS_LATE:
        return [(tag + keys.WEIGHTED, value) for tag, value in parts]
    names = [name.removesuffix(keys.OUTPUT_LOSS) for name, _ in parts]
    by_name = weights if isinstance(weights, dict) else dict(zip(names, weights, strict=True))
    return [
        (tag + keys.WEIGHTED, value * by_name.get(name, 1.0))
        for name, (tag, value) in zip(names, parts, strict=True)
    ]


def _regularization(model: Any) -> Notes:
    """The sum of `model.losses`, and each of them where there are several."""
    parts = [ops.sum(ops.cast(loss, "float32")) for loss in model.losses]
    several = (
        [(f"{keys.REGULARIZATION}[{number}]", part) for number, part in enumerate(parts)]
        if len(parts) > 1
        else []
    )
    return [(keys.REGULARIZATION, sum(parts[1:], parts[0])), *several] if parts else []


def _names_of_metrics(model: Any) -> set[str]:
    """What the metrics given to `compile` are called, as far as it can be told before they are
    built.
    """
    compiled = getattr(model, "_compile_metrics", None)
    given = [getattr(compiled, name, None) for name in ("_user_metrics", "_user_weighted_metrics")]
    return {
        str(getattr(one, "name", getattr(one, "__name__", one)))
        for one in tree.flatten(given)
        if one is not None
    }


def _metrics_of_batch(metrics: Any, y: Any, y_pred: Any, sample_weight: Any) -> Notes:
    """What the compiled metrics are of this batch alone: from nothing, and with no trace in their
    state.
    """
    nothing = [(variable, ops.zeros_like(variable.value)) for variable in metrics.variables]
    with keras.StatelessScope(state_mapping=nothing):
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
    scale = getattr(optimizer, "dynamic_scale", None)
    notes, squares = [], []
    for gradient, variable in pairs:
        if gradient is None:
            continue
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


def _rows(*batches: Any) -> Any:
    """Length of the first dimension of what is first there."""
    return ops.shape(
        next(one for batch in batches for one in tree.flatten(batch) if one is not None)
    )[0]
