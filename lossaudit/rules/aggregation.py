"""Rules of how batch losses become one number: LA1xx.

The conformance suite tries LA111 to LA117.
"""

from __future__ import annotations

from lossaudit.recording.names import Covers
from lossaudit.rules.rule import Rule

EPOCH = Rule(
    "LA101",
    "epoch-value-is-weighted-mean",
    "The value logged for an epoch is the mean of its batch losses, each weighted by its rows.",
    "A loop that divides by the number of batches gives the few rows of a short last batch as "
    "much weight as those of "
    "a full one; a variable that is read after the loop holds the last batch alone; an "
    "accumulator that is not reset "
    "mixes epochs.",
)
BATCH = Rule(
    "LA102",
    "batch-value-is-batch-loss",
    "The value logged for a batch is the loss of that batch.",
    "In Keras since TensorFlow 2.2, `logs['loss']` in `on_train_batch_end` is the mean of the "
    "epoch so far, not the "
    "loss of the batch: spikes are flattened, the curve jumps at every epoch, and each number "
    "mixes old weights with "
    "new.",
)
SO_FAR = Rule(
    "LA103",
    "running-value-is-weighted-mean-so-far",
    "The value logged as a running mean is the mean of the epoch so far, each batch weighted by "
    "its rows.",
    "A running mean that counts every batch alike, or that is not reset between epochs, is "
    "another number than the one "
    "that fit shows.",
)
UNSCALED = Rule(
    "LA104",
    "value-is-not-scaled",
    "The value that is logged is the loss itself, not a multiple, root or logarithm of it.",
    "The loss that is divided by the steps of gradient accumulation, multiplied by the scale of "
    "mixed precision, or "
    "averaged again over replicas is made for the backward pass; logged, it changes with settings "
    "that leave the model "
    "alone.",
)
TOTAL = Rule(
    "LA105",
    "value-is-the-total",
    "The value that is logged as the loss is the total that is minimised, with every part of it "
    "once.",
    "A component under the total's name, a regularization term left out or added twice, and loss "
    "weights applied twice "
    "make curves of different programs differ where their models do not.",
)
RESET = Rule(
    "LA111",
    "reset-forgets-everything",
    "After reset an accumulator is as a new one.",
    "A reset that clears the sum and forgets the count, or that a subclass does not pass on, "
    "mixes each epoch with the "
    "ones before.",
)
READING = Rule(
    "LA112",
    "reading-changes-nothing",
    "Reading the result of an accumulator, once or often, changes no later result.",
    "A result that divides the sum in place, or that resets on being read, is right where it is "
    "read once an epoch and "
    "wrong where a progress bar reads it too.",
)
ORDER = Rule(
    "LA113",
    "order-does-not-matter",
    "The same updates in another order give the same result, as far as rounding goes.",
    "A mean that forgets what is long ago, or that is corrected by the number of the update "
    "instead of its weight, "
    "depends on the order of the batches.",
)
MERGE = Rule(
    "LA114",
    "merged-parts-are-the-whole",
    "Accumulators of parts, merged, hold what one accumulator of all holds; an empty one adds "
    "nothing, and what is "
    "merged stays as it is.",
    "Means of replicas or workers that are averaged count a worker with few rows as much as one "
    "with many.",
)
WEIGHTS = Rule(
    "LA115",
    "weights-count-as-repetitions",
    "An update of weight n counts as n updates of weight 1, and one of weight 0 not at all.",
    "A weight that multiplies the sum and not the count, or the count and not the sum, is noticed "
    "only where weights "
    "differ from 1.",
)
INSTANCES = Rule(
    "LA116",
    "instances-share-nothing",
    "What one accumulator is given, another one does not hold.",
    "A list as a class attribute or as a default argument is one list for all: training and "
    "validation mix.",
)
STATE = Rule(
    "LA117",
    "state-survives-saving",
    "An accumulator that is saved and restored goes on as if nothing had happened.",
    "A state that lacks the count, or that is rounded when it is written, makes a resumed "
    "training report another loss "
    "than one that was not interrupted.",
)

VALUE_RULES: dict[Covers, Rule] = {"epoch": EPOCH, "batch": BATCH, "epoch_so_far": SO_FAR}
