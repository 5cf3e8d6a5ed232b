"""Facts about your own `train_step`: which of its returned numbers are logged, and how."""

from __future__ import annotations

from typing import Any

import keras

from lossaudit.testing.keras_facts.fact import Known, fact
from lossaudit.testing.keras_facts.probe_trainings import Hooks, fitted, played
from lossaudit.testing.keras_facts.true_losses import ALIKE, ALIKE_SO_FAR, LOSSES, MEAN, so_far
from lossaudit.testing.scenarios import RawStep, frozen

_HISTORY = "keras-team/keras#19529, keras-team/keras-core#485"


@fact(
    "After a batch, callbacks get the numbers that `train_step` returns.",
    LOSSES,
    backend="tensorflow",
)
def raw_loss_after_a_batch() -> Any:
    hooks = Hooks()
    fitted(frozen(RawStep), [hooks], epochs=1)
    return [float(one) for one in hooks.losses]


@fact(
    "If `train_step` returns a raw loss, the loss of the epoch is its mean over the rows.",
    [MEAN] * 2,
    Known(("3.0.0", None), [0.0] * 2, "", _HISTORY, "untouched-tracker-shown-as-epoch"),
    backend="tensorflow",
)
def raw_loss_of_an_epoch() -> Any:
    return played("raw_train_step")["loss"]


@fact(
    "If `train_step` returns a raw loss and other keys, the loss of the epoch is the mean over "
    "the rows.",
    [MEAN] * 2,
    Known(("3.0.0", "3.2.1"), [0.0] * 2, "", _HISTORY, "untouched-tracker-shown-as-epoch"),
    Known(("3.3.0", None), [LOSSES[-1]] * 2, "", _HISTORY, "last-step-shown-as-epoch"),
    backend="tensorflow",
)
def raw_loss_with_other_keys() -> Any:
    return played("raw_train_step_with_more_keys")["loss"]


class OwnMean(RawStep):
    """Has a `train_step` that returns its own mean, updated without the number of rows."""

    mean: Any

    def train_step(self, data: Any) -> dict[str, Any]:
        """Train on one batch."""
        self.mean[0].update_state(super().train_step(data)["loss"])
        return {"loss": self.mean[0].result()}


class ListedMean(OwnMean):
    """Also lists its mean in `metrics`."""

    @property
    def metrics(self) -> list[Any]:
        """The list with the mean alone."""
        return [self.mean[0]]


def _of_own_mean(kind: type) -> dict[str, Any]:
    hooks, model = Hooks(), frozen(kind)
    # Keras tracks metrics that are set as attributes; this one must stay untracked.
    object.__setattr__(model, "mean", (keras.metrics.Mean(name="loss"),))
    fitted(model, [hooks])
    return {
        "batches": [float(one) for one in hooks.losses],
        "epochs": [float(one) for one in hooks.epochs],
    }


@fact(
    "Your own mean counts each batch alike if it is updated without the number of rows.",
    {"batches": ALIKE_SO_FAR * 2, "epochs": [ALIKE] * 2},
    backend="tensorflow",
)
def own_mean() -> Any:
    return _of_own_mean(ListedMean)


_TWO_EPOCHS = so_far(LOSSES * 2, [1] * 6)


@fact(
    "Your own mean is never reset if it is not in `metrics`.",
    _TWO_EPOCHS,
    backend="tensorflow",
)
def own_mean_outside_metrics() -> Any:
    return _of_own_mean(OwnMean)["batches"]
