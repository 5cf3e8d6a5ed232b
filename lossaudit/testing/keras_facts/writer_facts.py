"""Facts about writers: the losses in event files, the progress bar, CSV files and History."""

from __future__ import annotations

import re
import time
from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import keras

from lossaudit.testing.keras_facts.fact import Known, fact
from lossaudit.testing.keras_facts.hook_facts import Rewrites
from lossaudit.testing.keras_facts.probe_trainings import (
    counted_alike,
    csv_rows,
    fitted,
    folder,
    probe,
)
from lossaudit.testing.keras_facts.true_losses import ALIKE, ALIKE_SO_FAR, MEAN, SO_FAR
from lossaudit.testing.scenarios import X, Y, frozen, scalars_in

_NEEDS = ("tensorflow", "tensorboard")
_EACH = list(range(1, 7))


@cache
def _tensorboard(update_freq: Any, epochs: int) -> dict[str, Any]:
    """Return what TensorBoard writes, by folder and tag: steps and values.

    With `update_freq="batch"` a second fit of one epoch follows the first.
    """
    with folder() as path:
        writer = keras.callbacks.TensorBoard(path, update_freq=update_freq, write_graph=False)
        model = frozen()
        for more in (epochs, 1) if update_freq == "batch" else (epochs,):
            fitted(model, [writer], epochs=more, validation_data=(X, Y), validation_batch_size=4)
        return {split: scalars_in(Path(path) / split) for split in ("train", "validation")}


def _steps(update_freq: Any, epochs: int, split: str, tag: str) -> list[int]:
    return [step for step, _ in _tensorboard(update_freq, epochs)[split].get(tag, [])]


def _values(update_freq: Any, epochs: int, split: str, tag: str) -> list[float]:
    return [value for _, value in _tensorboard(update_freq, epochs)[split].get(tag, [])]


@fact(
    "TensorBoard's `batch_loss` is the mean of the epoch so far.",
    SO_FAR * 3,
    counted_alike(ALIKE_SO_FAR * 3),
    needs=_NEEDS,
)
def tensorboard_batch_loss() -> Any:
    return _values("batch", 2, "train", "batch_loss")


@fact(
    "The steps of TensorBoard's `batch_loss` count from 1 across epochs, and from 1 again in the "
    "next `fit`.",
    [*_EACH, 1, 2, 3],
    Known(
        ("3.0.0", "3.6.0"), [0] * 9, "All batches are written at step 0.", "keras-team/keras#20461"
    ),
    needs=_NEEDS,
)
def tensorboard_batch_steps() -> Any:
    return _steps("batch", 2, "train", "batch_loss")


@fact(
    "TensorBoard's `epoch_loss` is the mean over the rows; its steps are the epochs, from 0.",
    [[0, MEAN], [1, MEAN], [0, MEAN]],
    counted_alike([[0, ALIKE], [1, ALIKE], [0, ALIKE]]),
    needs=_NEEDS,
)
def tensorboard_epoch_loss() -> Any:
    return [list(one) for one in _tensorboard("batch", 2)["train"]["epoch_loss"]]


@fact(
    'TensorBoard writes `val_loss` as `epoch_loss` in the folder "validation".',
    [[0, MEAN], [1, MEAN], [0, MEAN]],
    counted_alike([[0, ALIKE], [1, ALIKE], [0, ALIKE]]),
    needs=_NEEDS,
)
def tensorboard_validation_loss() -> Any:
    return [list(one) for one in _tensorboard("batch", 2)["validation"]["epoch_loss"]]


@fact(
    "The steps of TensorBoard's `evaluation_loss_vs_iterations` are those of the optimizer, "
    "across fits.",
    [3, 6, 9],
    needs=_NEEDS,
)
def tensorboard_evaluation_steps() -> Any:
    return _steps("batch", 2, "validation", "evaluation_loss_vs_iterations")


@fact(
    "With `update_freq=2`, TensorBoard's `batch_loss` is written at every second batch.",
    [2, 4, 6, 8, 10, 12],
    Known(
        ("3.0.0", "3.6.0"),
        [0] * 12,
        "Every batch is written, and at step 0.",
        "keras-team/keras#20461",
    ),
    Known(
        ("3.7.0", "3.14.1"),
        list(range(1, 13)),
        "Every batch is written.",
        "keras-team/keras#22357",
    ),
    needs=_NEEDS,
)
def tensorboard_update_freq() -> Any:
    return _steps(2, 4, "train", "batch_loss")


_GATED = "An epoch is written only if `update_freq` divides the number of batches so far."


@fact(
    "With `update_freq=2`, TensorBoard's `epoch_loss` is written at every epoch.",
    [0, 1, 2, 3],
    Known(("3.15.0", None), [1, 3], _GATED, "tensorflow/tensorflow#49109"),
    needs=_NEEDS,
)
def tensorboard_update_freq_of_epochs() -> Any:
    return _steps(2, 4, "train", "epoch_loss")


class Pauses(keras.callbacks.Callback):
    """Waits after each batch, because the progress bar is updated at most 20 times a second."""

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Wait."""
        # The default interval of `keras.utils.Progbar` is 0.05 seconds.
        time.sleep(0.06)


@cache
def _progress_bar() -> list[float]:
    """Return the losses that the progress bar shows after each batch and at the epoch end."""
    before, shown = keras.config.is_interactive_logging_enabled(), StringIO()
    keras.config.enable_interactive_logging()
    with redirect_stdout(shown):
        fitted(probe(), [Pauses()], epochs=1, verbose=1)
    if not before:
        keras.config.disable_interactive_logging()
    return [float(one) for one in re.findall(r"loss: ([\d.]+)", shown.getvalue())]


_TWICE = "It averages numbers that already are means of the epoch so far."
_BAR = "keras-team/keras#21301, keras-team/keras#23030"


@fact(
    "The progress bar shows the mean of the epoch so far.",
    SO_FAR,
    Known(("3.0.0", "3.1.1"), [1.0, 1.25, 2.1667], _TWICE, _BAR),
    Known(("3.2.0", "3.14.1"), [1.0, 1.25, 1.8333], _TWICE, _BAR),
)
def progress_bar_loss() -> Any:
    return _progress_bar()[: len(SO_FAR)]


@fact(
    "At the end of an epoch, the progress bar shows the mean over its rows.",
    MEAN,
    Known(("3.0.0", "3.1.1"), 2.625, _TWICE, _BAR),
    Known(("3.2.0", "3.10.0"), 2.125, _TWICE, _BAR),
)
def progress_bar_epoch_loss() -> Any:
    return _progress_bar()[-1]


@cache
def _csv() -> list[dict[str, str]]:
    """Return the rows of two fits of two epochs each, appended to one file."""
    with folder() as path:
        file = Path(path) / "log.csv"
        for _ in range(2):
            fitted(probe(), [keras.callbacks.CSVLogger(str(file), append=True)])
        return csv_rows(file)


@fact(
    "`CSVLogger` writes the mean over the rows of each epoch.",
    [MEAN] * 4,
    counted_alike([ALIKE] * 4),
)
def csv_loss() -> Any:
    return [float(row["loss"]) for row in _csv()]


@fact("With `append=True`, `CSVLogger` numbers the epochs of each `fit` from 0.", [0, 1, 0, 1])
def csv_epochs() -> Any:
    return [int(row["epoch"]) for row in _csv()]


class AddsLater(Rewrites):
    """Adds a key to the logs of the second epoch."""

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Add the key."""
        if epoch and logs is not None:
            logs["later"] = 1.0


@fact(
    "`CSVLogger` has the columns of the first epoch, each also with `val_`; later keys are left "
    "out.",
    [["epoch", "loss", "val_loss"]] * 2,
)
def csv_columns() -> Any:
    with folder() as path:
        file = Path(path) / "log.csv"
        fitted(probe(), [AddsLater(), keras.callbacks.CSVLogger(str(file))])
        return [list(row) for row in csv_rows(file)]


@fact(
    "Each `fit` returns a new `History` with only its own epochs.",
    {"epoch": [2], "loss": 1, "another": True},
)
def history_of_each_fit() -> Any:
    first, second = fitted(probe()), fitted(probe(), epochs=3, initial_epoch=2)
    return {
        "epoch": list(second.epoch),
        "loss": len(second.history["loss"]),
        "another": first is not second,
    }
