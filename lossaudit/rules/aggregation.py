"""Rules about averaging, from batch losses to one number: LA1xx.

The conformance suite tests LA111 to LA117.
"""

from __future__ import annotations

from lossaudit.recording.names import Covers
from lossaudit.rules.rule import Rule

EPOCH = Rule(
    "LA101",
    "epoch-value-is-weighted-mean",
    "The value logged for an epoch is the mean of its batch losses, each weighted by its rows.",
    "A loop that divides by the number of batches gives a short last batch as much weight as a "
    "full one. A variable that is read after the loop is the loss of the last batch alone. An "
    "accumulator that is not reset mixes epochs.",
)
BATCH = Rule(
    "LA102",
    "batch-value-is-batch-loss",
    "The value logged for a batch is the loss of that batch.",
    "In Keras since TensorFlow 2.2, `logs['loss']` in `on_train_batch_end` is the running mean of "
    "the epoch, not the loss of the batch. It flattens spikes, jumps at every epoch, and mixes "
    "losses of old weights with those of new ones.",
)
SO_FAR = Rule(
    "LA103",
    "running-value-is-weighted-mean-so-far",
    "The value logged as a running mean is the mean of the epoch so far, each batch weighted by "
    "its rows.",
    "A running mean that counts all batches alike, or that is not reset between epochs, is not "
    "the number that `fit` shows.",
)
UNSCALED = Rule(
    "LA104",
    "value-is-not-scaled",
    "The logged value is the loss itself, not a multiple, root or logarithm of it.",
    "For the backward pass a loss is divided by the steps of gradient accumulation, multiplied by "
    "the scale of mixed precision, or averaged again over replicas. Logged, such a number changes "
    "with settings that leave the model unchanged.",
)
TOTAL = Rule(
    "LA105",
    "value-is-the-total",
    "The value logged as the loss is the total that is minimised, with each part in it once.",
    "A component is logged under the name of the total, a regularization term is left out or "
    "added twice, or loss weights are applied twice. Curves of two programs then differ although "
    "their models do not.",
)
RESET = Rule(
    "LA111",
    "reset-forgets-everything",
    "After a reset an accumulator behaves like a new one.",
    "A reset that clears the sum but not the count, or a subclass that does not reset its parent, "
    "mixes each epoch with those before.",
)
READING = Rule(
    "LA112",
    "reading-changes-nothing",
    "Reading the result of an accumulator, once or often, changes no later result.",
    "If reading divides the sum in place, or resets it, the result is right when read once an "
    "epoch. It is wrong as soon as a progress bar reads it too.",
)
ORDER = Rule(
    "LA113",
    "order-does-not-matter",
    "The same updates in another order give the same result, up to rounding.",
    "A mean that forgets old values, or that divides by the number of updates instead of their "
    "weight, depends on the order of the batches.",
)
MERGE = Rule(
    "LA114",
    "merged-parts-are-the-whole",
    "Accumulators of parts, merged, equal one accumulator of everything. Merging an empty one "
    "adds nothing, and the one that is merged in stays as it is.",
    "If the means of replicas or workers are averaged, a worker with few rows counts as much as "
    "one with many.",
)
WEIGHTS = Rule(
    "LA115",
    "weights-count-as-repetitions",
    "An update of weight n counts as n updates of weight 1; weight 0 does not count.",
    "A weight that multiplies the sum but not the count, or the count but not the sum, shows only "
    "if weights differ from 1.",
)
INSTANCES = Rule(
    "LA116",
    "instances-share-nothing",
    "What one accumulator is given never appears in another.",
    "A list that is a class attribute or a default argument is one list for all instances: "
    "training and validation mix.",
)
STATE = Rule(
    "LA117",
    "state-survives-saving",
    "An accumulator that is saved and restored continues as if it had never stopped.",
    "If the saved state lacks the count, or is rounded, a resumed training reports another loss "
    "than an uninterrupted one.",
)

VALUE_RULES: dict[Covers, Rule] = {"epoch": EPOCH, "batch": BATCH, "epoch_so_far": SO_FAR}
"""The rule about the value of a number, by what the number covers."""
