"""Mistakes in where numbers are logged: what an alignment of the log with the truth finds."""

from __future__ import annotations

from lossaudit.predictions.mistakes.mistake import named

_COUNT = (
    "Count optimizer steps from 0 over the whole run, and log each number with the step at "
    "which it was measured."
)

STEPS_SHIFTED = named(
    "steps-shifted",
    "LA201",
    explanation="Each number is logged some places later or earlier than it was measured.",
    remedy=_COUNT,
    stage="place",
)
STEPS_RESTARTED = named(
    "steps-restarted",
    "LA201",
    "LA504",
    explanation="The steps begin anew: in every epoch, or where another run goes on in the same "
    "log.",
    remedy=_COUNT,
    stage="place",
)
EPOCHS_COUNTED_OF_EQUAL_LENGTH = named(
    "epochs-counted-of-equal-length",
    "LA201",
    explanation="The steps are computed as if every epoch had as many batches as the first.",
    remedy=_COUNT,
    stage="place",
)
EXECUTIONS_COUNTED_FOR_BATCHES = named(
    "executions-counted-for-batches",
    "LA201",
    explanation="The steps count the calls of a hook, one for several batches.",
    remedy="Log each number with the step of the batch at which it was measured, not with the "
    "number of the call.",
    stage="place",
)
LOSS_AFTER_UPDATE = named(
    "loss-after-update",
    "LA201",
    explanation="Each number is the loss of the same batch after its update, with which the next "
    "step begins.",
    remedy="Log the loss that the gradient was taken of, from the same forward pass.",
    stage="place",
)
BATCHES_MISSING = named(
    "batches-missing",
    "LA202",
    explanation="Batches or epochs are not in the log: the last, the first, or all but one in N.",
    remedy="Log every batch, or log the step with each number.",
    stage="place",
)
NUMBERS_WITHOUT_TRUTH = named(
    "numbers-without-truth",
    "LA203",
    explanation="The first numbers are older than the recording.",
    remedy="Record the truth from the first number on.",
    stage="place",
)
BATCHES_REPEATED = named(
    "batches-repeated",
    "LA205",
    explanation="Batches or epochs are in the log more than once.",
    remedy="Log each batch once, with its step.",
    stage="place",
)
