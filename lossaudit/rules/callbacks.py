"""Rules about callbacks, trainings and the audit itself: LA4xx.

The conformance suite tests LA411 to LA415.
"""

from __future__ import annotations

from lossaudit.rules.rule import Rule

CAPTURED = Rule(
    "LA401",
    "true-losses-were-recorded",
    "The true losses of the split were recorded, so that logged numbers can be compared with "
    "them.",
    "A `train_step` that computes its own loss and never updates the model's loss tracker "
    "bypasses the recorder. lossaudit reports that and does not guess.",
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
    "The loss logged for a batch is the one whose gradient was applied.",
    "If replicas have unequal numbers of rows, Keras logs the mean over rows but minimises the "
    "mean over replicas. The logs of one and of several devices agree to seven digits while "
    "their weights drift apart.",
    severity="warning",
)
EXPLAINED = Rule(
    "LA404",
    "fit-and-evaluate-differ-for-known-reasons",
    "The loss of an epoch and that of `evaluate` on the same data differ only by moving weights, "
    "training mode, regularizers, weights and masks, and rounding.",
    "`fit` averages while the weights move, with dropout and batch statistics, and applies sample "
    "and class weights; `evaluate` does not. `LossAudit(explain_gap=True)` measures these parts. "
    "A remainder beyond rounding means that a number was averaged wrongly.",
)
OUTPUTS = Rule(
    "LA406",
    "output-losses-add-up-to-the-total",
    "The losses logged for the outputs of a model, times their weights, add up to the total of "
    "the epoch.",
    "In graph mode Keras weights the total by rows, but counts all batches alike for each output. "
    "With a short last batch, the parts are averaged differently from the total.",
)
EPOCHS_WRITTEN = Rule(
    "LA407",
    "every-epoch-is-in-the-event-file",
    "An event file written by TensorBoard's callback has a number for every epoch.",
    "If `update_freq` is an integer, Keras 3.15 writes the numbers of an epoch only when the "
    "batch counter happens to be a multiple of it. The other epochs are missing from the curve, "
    "without a warning.",
)
LOGS = Rule(
    "LA411",
    "logs-are-left-alone",
    "A callback leaves the logs as it found them.",
    "All callbacks of a hook get the same dict. If one of them rounds, scales, removes or adds "
    "an entry, the callbacks after it, and History, log the change.",
)
TRAINING = Rule(
    "LA412",
    "training-is-left-alone",
    "A training with the callback gives the same weights, state and logs as without it, to the "
    "last bit.",
    "A callback that evaluates in a batch hook resets the running means. One that calls the model "
    "in training mode moves its batch statistics. One that draws random numbers changes dropout "
    "and shuffling.",
)
COST = Rule(
    "LA413",
    "hooks-cost-no-more-than-their-budget",
    "For each batch, the hooks of a callback take no longer than their budget.",
    "Opening a file, drawing a curve, or summing all numbers so far in every batch hook can take "
    "longer than the training step.",
)
LOOP = Rule(
    "LA414",
    "loop-trains-as-fit",
    "A training loop leaves the model with the weights that `fit` gives it on the same batches.",
    "A loop that forgets `training=True`, the losses of regularizers, the short last batch, or "
    "the division by rows trains a different model than `fit`.",
)
HOOKS = Rule(
    "LA415",
    "loop-calls-callbacks-as-fit",
    "A training loop that takes callbacks calls the same hooks as `fit`, in the same order, with "
    "the same logs.",
    "Callbacks are written for the protocol of `fit`. If a hook is never called, epochs are "
    "counted from 1, or a key is missing from the logs, they record nothing or a wrong number.",
)
