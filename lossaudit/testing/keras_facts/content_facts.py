"""Facts about contents: parts and weights of a loss, the losses of outputs, and metrics."""

from __future__ import annotations

from functools import cache
from typing import Any

import keras
import numpy as np

from lossaudit.testing.keras_facts.fact import Known, fact
from lossaudit.testing.keras_facts.probe_trainings import (
    counted_alike,
    fitted,
    learning,
    logged,
    played,
    probe,
    steps_of,
)
from lossaudit.testing.keras_facts.true_losses import (
    ALIKE,
    ALIKE_SO_FAR,
    LOSSES,
    MEAN,
    ROWS,
    SO_FAR,
    TARGETS,
    batches,
    losses,
    so_far,
)
from lossaudit.testing.scenarios import X, Y, frozen


def _means(values: list[float]) -> tuple[float, float]:
    """Return the mean of batch losses weighted by rows, and the unweighted mean."""
    return so_far(values, ROWS)[-1], so_far(values, [1] * len(values))[-1]


@fact(
    "`loss` and `val_loss` include the regularizers.",
    {"loss": [MEAN + 0.5], "val_loss": [MEAN + 0.5]},
    counted_alike({"loss": [ALIKE + 0.5], "val_loss": [ALIKE + 0.5]}),
)
def regularisers_are_in_both_losses() -> Any:
    penalty = keras.regularizers.L2(0.5)
    dense = keras.layers.Dense(
        1, use_bias=False, kernel_initializer="ones", kernel_regularizer=penalty
    )
    model = keras.Sequential([keras.Input((1,)), dense])
    model.compile(keras.optimizers.SGD(0.0), "mae")
    seen = logged(model, y=Y + 1, validation_data=(X, Y + 1), validation_batch_size=4)
    return {key: seen[key] for key in ("loss", "val_loss")}


class AddsOnes(keras.layers.Layer):
    """Adds a loss of 1 for each row, as a vector."""

    def call(self, inputs: Any) -> Any:
        """Return the inputs, and add the loss."""
        self.add_loss(keras.ops.ones_like(inputs[:, 0]))
        return inputs


_WITH_ONES = [loss + rows for loss, rows in zip(LOSSES, ROWS, strict=True)]


@fact(
    "A vector given to `add_loss` is summed over the rows of the batch.",
    _means(_WITH_ONES)[0],
    Known(
        ("3.0.0", "3.2.1"),
        "ValueError",
        "A vector cannot be added: its shape is not that of the loss.",
    ),
)
def add_loss_is_summed() -> Any:
    dense = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((1,)), AddsOnes(), dense])
    model.compile(keras.optimizers.SGD(0.0), "mae")
    try:
        return logged(model)["loss"][0]
    except ValueError as error:
        return type(error).__name__


_OUTPUTS_ABSENT = Known(
    ("3.0.0", "3.4.1"),
    {"a_loss": None, "b_loss": None},
    "Keras does not log the losses of outputs.",
    "keras-team/keras#18993, keras-team/keras#20023",
)
_WEIGHTED = "The loss of an output is logged times its loss weight"
_WEIGHTED_THREAD = "keras-team/keras#20343, keras-team/keras#20476"
_ROWS_UNKNOWN = (
    "The losses of outputs count each batch alike: in graph mode Keras does not know the number "
    "of rows."
)


@fact(
    "The losses of outputs are means over the rows, without the loss weights.",
    {"a_loss": MEAN, "b_loss": MEAN},
    _OUTPUTS_ABSENT,
    Known(
        ("3.5.0", "3.6.0"),
        {"a_loss": ALIKE, "b_loss": 10 * ALIKE},
        f"{_WEIGHTED}, and counts each batch alike.",
        _WEIGHTED_THREAD,
        backends=("tensorflow",),
    ),
    Known(
        ("3.5.0", "3.6.0"),
        {"a_loss": MEAN, "b_loss": 10 * MEAN},
        f"{_WEIGHTED}.",
        _WEIGHTED_THREAD,
    ),
    Known(
        ("3.7.0", None),
        {"a_loss": ALIKE, "b_loss": ALIKE},
        _ROWS_UNKNOWN,
        defect="output-losses-counted-alike",
        backends=("tensorflow",),
    ),
)
def losses_of_outputs() -> Any:
    seen = played("two_outputs")
    return {key: seen[key][0] if key in seen else None for key in ("a_loss", "b_loss")}


@fact(
    "The loss is the sum of the losses of outputs, each times its loss weight.",
    11 * MEAN,
    counted_alike(11 * ALIKE),
)
def loss_of_weighted_outputs() -> Any:
    return played("two_outputs")["loss"][0]


@fact(
    "With `run_eagerly=True`, the losses of outputs are means over the rows, without the loss "
    "weights.",
    {"a_loss": MEAN, "b_loss": MEAN},
    _OUTPUTS_ABSENT,
    Known(
        ("3.5.0", "3.6.0"),
        {"a_loss": MEAN, "b_loss": 10 * MEAN},
        f"{_WEIGHTED}.",
        _WEIGHTED_THREAD,
    ),
    backend="tensorflow",
)
def losses_of_outputs_eagerly() -> Any:
    inputs = keras.Input((1,))
    dense = {
        name: keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros", name=name)
        for name in "ab"
    }
    model = keras.Model(inputs, {name: layer(inputs) for name, layer in dense.items()})
    weights = {"a": 1.0, "b": 10.0}
    model.compile(
        keras.optimizers.SGD(0.0),
        dict.fromkeys("ab", "mae"),
        loss_weights=weights,
        run_eagerly=True,
    )
    seen = logged(model, y={"a": Y, "b": Y})
    return {key: seen[key][0] if key in seen else None for key in ("a_loss", "b_loss")}


_ONLY_LAST = [0.0, 0.0, LOSSES[2]]


@fact(
    "Sample weights multiply the losses of rows; means divide by the number of rows, not by "
    "their sum.",
    [MEAN / 2, _means(_ONLY_LAST)[0]],
    counted_alike([ALIKE / 2, _means(_ONLY_LAST)[1]]),
)
def sample_weights() -> Any:
    halves, last = np.full(10, 0.5, np.float32), np.array([0] * 8 + [1] * 2, np.float32)
    return [logged(probe(), sample_weight=one)["loss"][0] for one in (halves, last)]


_CLASSES = (1.0,) * 4 + (2.0,) * 4 + (9.0,) * 2


@fact(
    "Class weights apply to `loss`, and not to `val_loss`.",
    {"loss": [2 * MEAN], "val_loss": [MEAN]},
    counted_alike({"loss": [2 * ALIKE], "val_loss": [ALIKE]}),
)
def class_weights_only_in_training() -> Any:
    y = np.array(_CLASSES, np.float32)[:, None]
    arguments = {
        "class_weight": {1: 2.0, 2: 2.0, 9: 2.0},
        "validation_data": (X, y),
        "validation_batch_size": 4,
    }
    seen = logged(probe(), y=y, **arguments)
    return {key: seen[key] for key in ("loss", "val_loss")}


_TOKENS = np.array(
    [[one, one if row < 4 else 1000.0] for row, one in enumerate(_CLASSES)], np.float32
)[:, :, None]
_TOKENS_HERE = np.array([[1.0, float(row < 4)] for row in range(10)], np.float32)[:, :, None]


@fact(
    "A batch loss leaves out masked entries, but the batch is weighted by its rows, not by its "
    "entries.",
    MEAN,
    counted_alike(ALIKE),
)
def masks() -> Any:
    dense = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((2, 1)), keras.layers.Masking(0.0), dense])
    model.compile(keras.optimizers.SGD(0.0), "mae")
    return logged(model, x=_TOKENS_HERE, y=_TOKENS)["loss"][0]


_SUMS = [float(sum(batch)) for batch in batches(TARGETS)]


@fact(
    'With `reduction="sum"`, the sums of the batches are averaged, weighted by rows.',
    _means(_SUMS)[0],
    counted_alike(_means(_SUMS)[1]),
)
def reduction_sum() -> Any:
    return logged(frozen(loss=keras.losses.MeanAbsoluteError(reduction="sum")))["loss"][0]


@fact('With `reduction="none"`, the mean over the rows is logged.', MEAN, backend="tensorflow")
def reduction_none_is_logged_as_the_mean() -> Any:
    return played("unreduced_loss")["loss"][0]


@fact(
    'With `reduction="none"`, the gradient is that of the sum.',
    {"none": 4.0, "sum": 4.0, "sum_over_batch_size": 1.0},
    backend="tensorflow",
)
def reduction_none_is_optimised_as_the_sum() -> Any:
    moved = {}
    for reduction in ("none", "sum", "sum_over_batch_size"):
        model = learning(keras.losses.MeanAbsoluteError(reduction=reduction), 1.0)
        # With targets above every output the gradient of each row is 1.
        fitted(model, x=X[:4], y=Y[:4] + 10, epochs=1)
        moved[reduction] = float(model.get_weights()[0][0, 0])
    return moved


@fact(
    "Under `mixed_float16`, the logged loss is not scaled, and is a float32 mean.",
    {"batches": SO_FAR, "loss": [MEAN]},
    counted_alike({"batches": ALIKE_SO_FAR, "loss": [ALIKE]}),
)
def mixed_precision() -> Any:
    policy = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    try:
        return logged(frozen())
    finally:
        keras.mixed_precision.set_dtype_policy(policy)


@cache
def _accumulated() -> dict[str, Any]:
    """Return losses and steps of three batches with two gradient accumulation steps."""
    model = frozen()
    model.compile(keras.optimizers.SGD(0.0, gradient_accumulation_steps=2), "mae")
    return {"batches": logged(model)["batches"], "steps": steps_of(model)}


@fact(
    "With `gradient_accumulation_steps`, the undivided loss of each small batch is logged.",
    SO_FAR,
    counted_alike(ALIKE_SO_FAR),
)
def gradient_accumulation() -> Any:
    return _accumulated()["batches"]


@fact(
    "With `gradient_accumulation_steps=2`, three batches are one step of the optimizer.",
    1,
    Known(("3.0.0", "3.4.1"), 3, "Each small batch counts as a step."),
)
def gradient_accumulation_steps() -> Any:
    return _accumulated()["steps"]


_SQUARES = losses([one**2 for one in TARGETS])


@fact(
    'A metric named "loss" does not replace the loss in the logs.',
    MEAN,
    Known(("3.0.0", None), so_far(_SQUARES, ROWS)[-1], defect="total-replaced-by-metric"),
)
def metric_named_loss() -> Any:
    return played("metric_named_loss")["loss"][0]


@fact(
    "Metrics are means over the rows without sample weights; weighted metrics divide by the "
    "sum of the weights.",
    [MEAN, LOSSES[2]],
)
def metrics_and_weighted_metrics() -> Any:
    model = frozen(
        metrics=["mae"], weighted_metrics=[keras.metrics.MeanAbsoluteError(name="weighted")]
    )
    last = np.array([0] * 8 + [1] * 2, np.float32)
    seen = logged(model, sample_weight=last)
    return [
        next(values[0] for key, values in seen.items() if key.endswith(end))
        for end in ("mae", "weighted")
    ]
