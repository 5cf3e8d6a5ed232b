"""Facts about means: which batches the logged losses average, and when a mean is reset."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from lossaudit.arithmetic.replay import replay_keras_mean
from lossaudit.testing.keras_facts.fact import Known, fact
from lossaudit.testing.keras_facts.probe_trainings import (
    BATCHES,
    HUNDREDS,
    counted_alike,
    fitted,
    hooked,
    learning,
    logged,
    played,
    probe,
)
from lossaudit.testing.keras_facts.true_losses import (
    ALIKE,
    ALIKE_SO_FAR,
    LOSSES,
    MEAN,
    ROWS,
    SO_FAR,
    losses,
    so_far,
)
from lossaudit.testing.scenarios import X, Y, frozen

_CUMULATIVE = "keras-team/keras#22596, keras-team/keras#22617"
_PHANTOM = "keras-team/keras#20390"
_NEVER_RESET = (
    "The value is the mean of all calls since the last reset, not the loss of this batch."
)


def _cumulative(weighted: Any, alike: Any) -> tuple[Known, Known]:
    return (
        Known(("3.0.0", "3.1.1"), alike, _NEVER_RESET, _CUMULATIVE),
        Known(("3.2.0", "3.14.1"), weighted, _NEVER_RESET, _CUMULATIVE),
    )


@fact(
    'After a batch, `logs["loss"]` is the mean over the rows of the epoch so far, not the '
    "loss of the batch.",
    SO_FAR,
    counted_alike(ALIKE_SO_FAR),
)
def batch_end_loss() -> Any:
    return [float(one) for one in hooked().losses[:3]]


@fact("The mean is reset when an epoch begins.", SO_FAR, counted_alike(ALIKE_SO_FAR))
def next_epoch_begins_anew() -> Any:
    return [float(one) for one in hooked().losses[3:]]


@fact(
    'At the end of an epoch, `logs["loss"]` is the mean over its rows.',
    [MEAN] * 2,
    counted_alike([ALIKE] * 2),
)
def epoch_end_loss() -> Any:
    return [float(one) for one in hooked().epochs]


@fact(
    '`History.history["loss"]` has the mean over the rows of each epoch.',
    [MEAN] * 2,
    counted_alike([ALIKE] * 2),
)
def history_loss() -> Any:
    return played("plain_fit")["loss"]


@fact(
    '`History.history["val_loss"]` has the mean over the validation rows.',
    [MEAN] * 2,
    counted_alike([ALIKE] * 2),
)
def history_val_loss() -> Any:
    return played("plain_fit")["val_loss"]


@fact(
    'In `on_test_batch_end`, `logs["loss"]` is the mean over the validation rows so far.',
    SO_FAR * 2,
    counted_alike(ALIKE_SO_FAR * 2),
)
def test_batch_end_loss() -> Any:
    return [float(one) for one in hooked().tests]


@fact("`evaluate` returns the mean over the rows.", MEAN, counted_alike(ALIKE))
def evaluate_loss() -> Any:
    return float(probe().evaluate(X, Y, batch_size=4, verbose=0))


@fact("`evaluate` resets the mean when it starts.", [100.0, MEAN], counted_alike([100.0, ALIKE]))
def evaluate_begins_anew() -> Any:
    return [float(probe().evaluate(X, y, batch_size=4, verbose=0)) for y in (HUNDREDS, Y)]


@fact(
    "After a `fit` with validation, `get_metrics_result()` has the validation loss: both use one "
    "mean.",
    [MEAN, 100.0],
    counted_alike([ALIKE, 100.0]),
)
def validation_shares_the_mean() -> Any:
    history = fitted(probe(), validation_data=(X, HUNDREDS), epochs=1).history
    return [float(history["loss"][0]), float(probe().get_metrics_result()["loss"])]


@fact("Callbacks get Python floats.", "float")
def type_in_callbacks() -> Any:
    return " ".join(sorted({type(one).__name__ for one in (*hooked().losses, *hooked().epochs)}))


@fact(
    "`train_on_batch` returns a Python float.",
    "float",
    Known(
        ("3.0.0", "3.13.2"), "float32", "The value is a NumPy number, which `json.dumps` refuses."
    ),
)
def type_of_train_on_batch() -> Any:
    return getattr(probe().train_on_batch(X, Y), "dtype", np.dtype(float)).name.replace(
        "float64", "float"
    )


@fact(
    "`train_on_batch` returns the loss of its batch.", LOSSES, *_cumulative(SO_FAR, ALIKE_SO_FAR)
)
def train_on_batch_loss() -> Any:
    probe().reset_metrics()
    return [float(probe().train_on_batch(x, y)) for x, y in BATCHES]


@fact("`test_on_batch` returns the loss of its batch.", LOSSES, *_cumulative(SO_FAR, ALIKE_SO_FAR))
def test_on_batch_loss() -> Any:
    probe().reset_metrics()
    return [float(probe().test_on_batch(x, y)) for x, y in BATCHES]


_AFTER_EVALUATE = so_far(LOSSES * 3, ROWS * 3)[3:], so_far(LOSSES * 3, [1] * 9)[3:]


@fact(
    "`train_on_batch` and `test_on_batch` depend neither on an earlier `evaluate` nor on each "
    "other.",
    LOSSES * 2,
    *_cumulative(*_AFTER_EVALUATE),
)
def on_batch_after_evaluate() -> Any:
    probe().evaluate(X, Y, batch_size=4, verbose=0)
    methods = probe().train_on_batch, probe().test_on_batch
    return [float(method(x, y)) for method in methods for x, y in BATCHES]


@fact(
    "`evaluate` in a batch hook leaves the mean of the epoch unchanged.",
    {"loss": [MEAN] * 2},
    Known(
        ("3.0.0", "3.1.1"), {"loss": [(100 + 9) / 2] * 2}, defect="mean-overwritten-by-evaluate"
    ),
    Known(
        ("3.2.0", None),
        {"loss": [(10 * 100 + 2 * 9) / 12] * 2},
        defect="mean-overwritten-by-evaluate",
    ),
)
def evaluate_in_a_batch_callback() -> Any:
    return {"loss": played("evaluate_in_a_batch_hook")["loss"]}


@fact(
    "After a batch whose loss is NaN, every mean is NaN until the epoch ends.",
    [1.0, float("nan"), float("nan")],
)
def nan_stays_for_the_epoch() -> Any:
    y = Y.copy()
    y[4] = np.nan
    # A model of its own: after the NaN its weight stays NaN.
    return logged(frozen(), y=y)["batches"]


@fact(
    "With `validation_freq=2`, `val_loss` is half as long as `loss`.", {"loss": 4, "val_loss": 2}
)
def validation_every_second_epoch() -> Any:
    history = fitted(probe(), epochs=4, validation_data=(X, Y), validation_freq=2).history
    return {key: len(values) for key, values in history.items()}


@fact(
    "The train loss of a batch is computed before its step, and `val_loss` after the last step.",
    {"loss": (1 + 1 / 4) / 2, "val_loss": 1 / 16},
)
def weights_of_the_loss() -> Any:
    rows = np.ones((8, 1), np.float32)
    # With this rate each step goes half of the way to the targets.
    model = learning("mse", 0.25)
    history = fitted(model, x=rows, y=rows, epochs=1, validation_data=(rows, rows)).history
    return {key: float(values[0]) for key, values in history.items()}


@fact(
    "With fewer steps than batches, the next epoch continues where the last one stopped.",
    [1.5, 9.0, 1.5],
    Known(
        ("3.0.0", "3.1.1"),
        [1.5, 4.5, 1.5],
        "A step that finds no data counts as a batch of loss 0.",
        _PHANTOM,
    ),
    needs=("tensorflow",),
)
def steps_per_epoch_goes_on() -> Any:
    import tensorflow as tf

    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(4)
    return [
        float(one)
        for one in probe().fit(data, epochs=3, steps_per_epoch=2, verbose=0).history["loss"]
    ]


@fact(
    "The mean is that of `keras.metrics.Mean` in float32, weighted by rows, bit for bit.",
    "rows",
    Known(("3.0.0", "3.1.1"), "ones", defect="batches-counted-alike"),
)
def float32_mean() -> Any:
    targets = np.random.default_rng(0).integers(1, 2**20, 476).astype(np.float32) / np.float32(
        2**10
    )
    sizes = [8] * 59 + [4]
    # Exact also in float32: sums of 23 bits, divided by a power of two.
    values = losses(targets.tolist(), 8)
    seen = logged(probe(), x=np.ones((476, 1), np.float32), y=targets[:, None], batch_size=8)[
        "batches"
    ]
    found = [
        name
        for name, weights in (("rows", sizes), ("ones", [1] * 60))
        if replay_keras_mean(values, weights).mean.tolist() == seen
    ]
    return " ".join(found) or "neither"


@fact(
    "The count of the mean is a float32: from 2^24 on, adding one row changes nothing.",
    float(2**24),
)
def float32_count_stops() -> Any:
    mean = keras.metrics.Mean()
    mean.count.assign(2.0**24)
    mean.update_state(1.0)
    return float(keras.ops.convert_to_numpy(mean.count))
