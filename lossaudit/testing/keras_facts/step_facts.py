"""Facts about a `train_step` of one's own: what is logged of what it returns."""

from __future__ import annotations

from typing import Any

import keras

from lossaudit.testing.keras_facts.fact import Known, fact
from lossaudit.testing.keras_facts.probe_trainings import Hooks, fitted, played
from lossaudit.testing.keras_facts.true_losses import ALIKE, ALIKE_SO_FAR, LOSSES, MEAN, so_far
from lossaudit.testing.scenarios import RawStep, frozen

_HISTORY = "keras-team/keras#19529, keras-team/keras-core#485"


@fact(
    "What `train_step` returns is what callbacks get after a batch.", LOSSES, backend="tensorflow"
)
def raw_loss_after_a_batch() -> Any:
    hooks = Hooks()
    fitted(frozen(RawStep), [hooks], epochs=1)
    return [float(one) for one in hooks.losses]


@fact(
    "Of a raw loss that `train_step` returns, the mean over the rows is the loss of the epoch.",
    [MEAN] * 2,
    Known(("3.0.0", None), [0.0] * 2, "", _HISTORY, "untouched-tracker-shown-as-epoch"),
    backend="tensorflow",
)
def raw_loss_of_an_epoch() -> Any:
    return played("raw_train_step")["loss"]


@fact(
    "The same where `train_step` returns other keys, too.",
    [MEAN] * 2,
    Known(("3.0.0", "3.2.1"), [0.0] * 2, "", _HISTORY, "untouched-tracker-shown-as-epoch"),
    Known(("3.3.0", None), [LOSSES[-1]] * 2, "", _HISTORY, "last-step-shown-as-epoch"),
    backend="tensorflow",
)
def raw_loss_beside_other_keys() -> Any:
    return played("raw_train_step_with_more_keys")["loss"]


class OwnMean(RawStep):
    """A `train_step` that returns a mean of its own, which is not told the rows."""

    mean: Any

    def train_step(self, data: Any) -> dict[str, Any]:
        """Train on one batch."""
        self.mean[0].update_state(super().train_step(data)["loss"])
        return {"loss": self.mean[0].result()}


class ListedMean(OwnMean):
    """The same, and lists its mean in `metrics`."""

    @property
    def metrics(self) -> list[Any]:
        """Only the mean."""
        return [self.mean[0]]


def _of_own_mean(kind: type) -> dict[str, Any]:
    hooks, model = Hooks(), frozen(kind)
    object.__setattr__(
        model, "mean", (keras.metrics.Mean(name="loss"),)
    )  # as Keras would not track it
    fitted(model, [hooks])
    return {
        "batches": [float(one) for one in hooks.losses],
        "epochs": [float(one) for one in hooks.epochs],
    }


@fact(
    "A mean of one's own that is not told the rows counts each batch alike.",
    {"batches": ALIKE_SO_FAR * 2, "epochs": [ALIKE] * 2},
    backend="tensorflow",
)
def own_mean() -> Any:
    return _of_own_mean(ListedMean)


_TWO_EPOCHS = so_far(LOSSES * 2, [1] * 6)


@fact(
    "A mean of one's own that is not in `metrics` is never reset.",
    _TWO_EPOCHS,
    backend="tensorflow",
)
def own_mean_outside_metrics() -> Any:
    return _of_own_mean(OwnMean)["batches"]
