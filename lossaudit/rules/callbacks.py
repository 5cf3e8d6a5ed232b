"""Rules of callbacks, trainings and the audit itself: LA4xx.

The conformance suite tries LA411 to LA415.
"""

from __future__ import annotations

from lossaudit.rules.rule import Rule

CAPTURED = Rule(
    "LA401",
    "true-losses-were-recorded",
    "The true losses of the split were recorded, so that there is something to compare with.",
    "A `train_step` that forms its own loss and never updates the model's loss tracker bypasses "
    "the recorder; "
    "lossaudit notices and does not guess.",
    severity="warning",
)
AUDITED = Rule(
    "LA402",
    "the-audit-ran",
    "The audit itself did not fail.",
    "An error inside the audit never stops a training run, and is never silent.",
    severity="warning",
)
OBJECTIVE = Rule(
    "LA403",
    "logged-loss-is-the-one-optimised",
    "The loss that is logged for a batch is the one whose gradient was applied.",
    "On replicas with unequal numbers of rows Keras logs the mean over rows and minimises the "
    "mean over replicas: the "
    "logs of one and of several devices agree to seven digits while their weights drift apart.",
    severity="warning",
)
EXPLAINED = Rule(
    "LA404",
    "fit-and-evaluate-differ-for-known-reasons",
    "The loss of an epoch and that of `evaluate` on the same data differ by weights that moved, "
    "training mode, "
    "regularizers, weights and masks, and by rounding: nothing else remains.",
    "`fit` averages over weights that move, with dropout and batch statistics, and weighs rows "
    "and classes; `evaluate` "
    "does not. Asked for by `LossAudit(explain_gap=True)`, the parts are measured; what remains "
    "beyond rounding is a "
    "number that was averaged wrongly.",
)
OUTPUTS = Rule(
    "LA406",
    "output-losses-add-up-to-the-total",
    "The losses logged for the outputs of a model, times their weights, add up to the total of "
    "the epoch.",
    "In graph mode Keras weights the total by rows, but counts the batches of each output alike: "
    "with a short last "
    "batch the parts of a loss belong to another average than the whole.",
)
EPOCHS_WRITTEN = Rule(
    "LA407",
    "every-epoch-is-in-the-event-file",
    "An event file that TensorBoard's callback wrote holds a number for every epoch.",
    "Where `update_freq` is an integer, Keras 3.15 writes the numbers of an epoch only if the "
    "batch counter happens to "
    "be a multiple of it; the other epochs are missing from the curve, and nothing says so.",
)
LOGS = Rule(
    "LA411",
    "logs-are-left-alone",
    "A callback leaves the logs as it was given them.",
    "All callbacks of a hook are handed one dict: what one of them rounds, scales, removes or "
    "adds, the next ones log, "
    "and History after them.",
)
TRAINING = Rule(
    "LA412",
    "training-is-left-alone",
    "A training with the callback gives the same weights, state and logs, to the last bit, as one "
    "without it.",
    "A callback that evaluates in a batch hook resets the running means; one that calls the model "
    "in training mode "
    "moves its batch statistics; one that draws random numbers moves dropout and shuffling.",
)
COST = Rule(
    "LA413",
    "hooks-cost-no-more-than-their-budget",
    "The hooks of a callback take no longer, for a batch, than it was granted.",
    "A file that is opened, a curve that is drawn, or a sum over all numbers so far in every "
    "batch hook can take "
    "longer than the training step.",
)
LOOP = Rule(
    "LA414",
    "loop-trains-as-fit",
    "A training loop leaves the model with the weights that `fit` gives it on the same batches.",
    "A loop that forgets `training=True`, the losses of regularizers, the short last batch, or to "
    "divide by the rows "
    "trains another model than the one that `fit` trains.",
)
HOOKS = Rule(
    "LA415",
    "loop-calls-callbacks-as-fit",
    "A training loop that takes callbacks calls the hooks that `fit` calls, in its order, with "
    "its logs.",
    "Callbacks are written for the protocol of `fit`: a hook that never comes, an epoch that is "
    "counted from 1, or "
    "logs without a key make them record nothing, or something else.",
)
