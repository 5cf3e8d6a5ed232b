"""Rules of what an accumulator, a callback or a loop does beside logging: LA111 to LA117, LA411 to LA415.

No log shows whether they are kept; the conformance suite of `lossaudit.testing` tries it.
"""

from __future__ import annotations

from lossaudit.findings import Rule

RESET = Rule(
    "LA111",
    "reset-forgets-everything",
    "After reset an accumulator is as a new one.",
    "A reset that clears the sum and forgets the count, or that a subclass does not pass on, mixes each epoch with the "
    "ones before.",
)
READING = Rule(
    "LA112",
    "reading-changes-nothing",
    "Reading the result of an accumulator, once or often, changes no later result.",
    "A result that divides the sum in place, or that resets on being read, is right where it is read once an epoch and "
    "wrong where a progress bar reads it too.",
)
ORDER = Rule(
    "LA113",
    "order-does-not-matter",
    "The same updates in another order give the same result, as far as rounding goes.",
    "A mean that forgets what is long ago, or that is corrected by the number of the update instead of its weight, "
    "depends on the order of the batches.",
)
MERGE = Rule(
    "LA114",
    "merged-parts-are-the-whole",
    "Accumulators of parts, merged, hold what one accumulator of all holds; an empty one adds nothing, and what is "
    "merged stays as it is.",
    "Means of replicas or workers that are averaged count a worker with few rows as much as one with many.",
)
WEIGHTS = Rule(
    "LA115",
    "weights-count-as-repetitions",
    "An update of weight n counts as n updates of weight 1, and one of weight 0 not at all.",
    "A weight that multiplies the sum and not the count, or the count and not the sum, is noticed only where weights "
    "differ from 1.",
)
INSTANCES = Rule(
    "LA116",
    "instances-share-nothing",
    "What one accumulator is given, another one does not hold.",
    "A list as a class attribute or as a default argument is one list for all: training and validation mix.",
)
STATE = Rule(
    "LA117",
    "state-survives-saving",
    "An accumulator that is saved and restored goes on as if nothing had happened.",
    "A state that lacks the count, or that is rounded when it is written, makes a resumed training report another loss "
    "than one that was not interrupted.",
)
LOGS = Rule(
    "LA411",
    "logs-are-left-alone",
    "A callback leaves the logs as it was given them.",
    "All callbacks of a hook are handed one dict: what one of them rounds, scales, removes or adds, the next ones log, "
    "and History after them.",
)
TRAINING = Rule(
    "LA412",
    "training-is-left-alone",
    "A training with the callback gives the same weights, state and logs, to the last bit, as one without it.",
    "A callback that evaluates in a batch hook resets the running means; one that calls the model in training mode "
    "moves its batch statistics; one that draws random numbers moves dropout and shuffling.",
)
COST = Rule(
    "LA413",
    "hooks-cost-no-more-than-their-budget",
    "The hooks of a callback take no longer, for a batch, than it was granted.",
    "A file that is opened, a curve that is drawn, or a sum over all numbers so far in every batch hook can take "
    "longer than the training step.",
)
LOOP = Rule(
    "LA414",
    "loop-trains-as-fit",
    "A training loop leaves the model with the weights that `fit` gives it on the same batches.",
    "A loop that forgets `training=True`, the losses of regularizers, the short last batch, or to divide by the rows "
    "trains another model than the one that `fit` trains.",
)
HOOKS = Rule(
    "LA415",
    "loop-calls-callbacks-as-fit",
    "A training loop that takes callbacks calls the hooks that `fit` calls, in its order, with its logs.",
    "Callbacks are written for the protocol of `fit`: a hook that never comes, an epoch that is counted from 1, or "
    "logs without a key make them record nothing, or something else.",
)
CONDUCT_RULES = (RESET, READING, ORDER, MERGE, WEIGHTS, INSTANCES, STATE, LOGS, TRAINING, COST, LOOP, HOOKS)
