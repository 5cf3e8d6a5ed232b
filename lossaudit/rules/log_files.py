"""Rules of logs that are judged alone, without a recorded truth: LA5xx."""

from __future__ import annotations

from lossaudit.rules.rule import Rule

RUNNING = Rule(
    "LA501",
    "batch-value-is-no-running-mean",
    "The last batch value of an epoch is the loss of its last batch, not the value of the epoch.",
    "`logs['loss']` of a batch is the mean of the epoch so far, and TensorBoard writes it as "
    "`batch_loss`: its last "
    "value of each epoch is then the epoch's. So it is where a loop shows its last batch as the "
    "epoch's value.",
)
FOLLOWS = Rule(
    "LA502",
    "epoch-value-follows-from-its-batches",
    "The value of an epoch is the mean of its batch values, each weighted by its rows.",
    "Where a log holds both, with rows, each checks the other: a mean that counts every batch "
    "alike gives a short last "
    "batch too much.",
)
EPOCHS_MISSING = Rule(
    "LA503",
    "no-epoch-is-missing",
    "A log of epochs holds every epoch from the first to the last.",
    "Since Keras 3.15, `TensorBoard(update_freq=N)` writes the values of an epoch only where its "
    "last batch is a "
    "multiple of N; the other epochs are dropped without a word.",
)
STEPS_GO_ON = Rule(
    "LA504",
    "steps-go-on",
    "The steps of a log go on from number to number, and none stands there twice.",
    "A counter that starts anew in a resumed training, or in a second fit, lays one curve over "
    "another; Keras' "
    "TensorBoard counts from 0 in every fit. A run resumed from an older checkpoint logs some "
    "steps again.",
)
EPOCHS_GO_ON = Rule(
    "LA505",
    "epochs-go-on",
    "The epochs of a log go on from row to row, and none stands there twice.",
    "`CSVLogger(append=True)` writes a second run below the first one, with epochs 0, 1, 0, 1; a "
    "plot joins them into "
    "one zigzag.",
)
COPIED = Rule(
    "LA506",
    "validation-is-not-train",
    "The losses of validation are other numbers than those of training.",
    "A wrong variable, or the wrong data set, logs the train loss under both names: over-fitting "
    "can then never show.",
)
TOTAL_OF_PARTS = Rule(
    "LA507",
    "total-is-the-sum-of-its-parts",
    "The loss is the sum of the losses of all outputs, each times its weight, and of what "
    "regularization adds.",
    "Keras 3.5 and 3.6 log the losses of outputs times their weights, others do not; from 3.7 on "
    "the losses of outputs "
    "count a short last batch as a full one while their sum does not.",
)
STALLED = Rule(
    "LA508",
    "sums-go-on-growing",
    "A sum of losses grows as long as the losses are not zero.",
    "A float32 sum stops at 2^24 times what is added to it, bfloat16 at 2^8 times; from then on "
    "the sum stands still, "
    "and a mean falls as 1/n.",
    severity="warning",
)
SAMPLED = Rule(
    "LA509",
    "log-is-no-sample",
    "A log that was read back holds all that was written.",
    "TensorBoard keeps 1,000 points of a curve, its EventAccumulator 10,000, or 10 of what "
    "TensorFlow 2 writes, and "
    "W&B's `run.history()` 500, all chosen at random: extremes are lost, and two readings differ.",
    severity="warning",
)
NAN = Rule(
    "LA510",
    "nan-stays-in-the-mean",
    "A mean over a batch of which the loss was NaN is NaN, and NaN stands where the loss was NaN.",
    "`np.nanmean`, filters, and loggers that replace NaN hide that a training diverged; joined "
    "tables fill with NaN "
    "what was never logged.",
)
OWN_STEP = Rule(
    "LA511",
    "each-number-has-a-step-of-its-own",
    "No two numbers of a log stand at the same step.",
    "Keras 3.0 to 3.6 write every `batch_loss` at step 0; a step that counts optimizer updates, "
    "or epochs, stands "
    "still between them.",
)
STEP_SKIPPED = Rule(
    "LA512",
    "no-step-is-skipped",
    "The steps of a log have no holes at regular places.",
    "With data of unknown size Keras begins one more batch in every epoch than there are, and its "
    "TensorBoard callback "
    "counts it: 1, 2, 3, 5, 6, 7, 9; every later step is too large.",
    severity="warning",
)
EVERY_STEP = Rule(
    "LA513",
    "every-step-is-logged",
    "A log of batches holds every batch.",
    "Where only every k-th step is logged, because of `update_freq`, `steps_per_execution`, or "
    "accumulation of "
    "gradients, nothing can be said of the others, nor whether a number speaks of one batch or of "
    "k.",
    severity="warning",
)
UNKNOWN = Rule(
    "LA514",
    "truth-stands-beside-the-log",
    "The true batch losses were recorded, so that the log can be judged.",
    "From logs alone little can be proved right: a curve that looks well may hold running means, "
    "or other losses.",
    severity="warning",
)
