"""Rules about logs that are judged alone, without a recorded truth: LA5xx."""

from __future__ import annotations

from lossaudit.rules.rule import Rule

RUNNING = Rule(
    "LA501",
    "batch-value-is-no-running-mean",
    "The last batch value of an epoch is the loss of its last batch, not the value of the epoch.",
    "`logs['loss']` of a batch is the running mean of the epoch, and TensorBoard writes it as "
    "`batch_loss`: its last value in each epoch is then the epoch's. The same happens if a loop "
    "logs its last batch as the epoch's value.",
    verdicts="wrong",
)
FOLLOWS = Rule(
    "LA502",
    "epoch-value-follows-from-its-batches",
    "The value of an epoch is the mean of its batch values, each weighted by its rows.",
    "Batch values and epoch values, with rows, check each other: a mean that counts all batches "
    "alike gives a short last batch too much weight.",
    verdicts="wrong",
)
EPOCHS_MISSING = Rule(
    "LA503",
    "no-epoch-is-missing",
    "A log of epochs has every epoch from the first to the last.",
    "Since Keras 3.15, `TensorBoard(update_freq=N)` writes the values of an epoch only if the "
    "count of its last batch is a multiple of N. The other epochs are dropped without a warning.",
    verdicts="wrong if `update_freq` explains it; else suspect, or undecidable",
)
STEPS_GO_ON = Rule(
    "LA504",
    "steps-go-on",
    "The steps of a log increase from number to number, and none occurs twice.",
    "A counter that restarts in a resumed training, or in a second `fit`, draws one curve over "
    "another; Keras' TensorBoard counts from 0 in every `fit`. A run resumed from an older "
    "checkpoint logs some steps again.",
    verdicts="wrong; suspect if only out of order",
)
EPOCHS_GO_ON = Rule(
    "LA505",
    "epochs-go-on",
    "The epochs of a log increase from row to row, and none occurs twice.",
    "`CSVLogger(append=True)` writes a second run below the first, with epochs 0, 1, 0, 1; a plot "
    "joins them into one zigzag.",
    verdicts="wrong; suspect if only out of order",
)
COPIED = Rule(
    "LA506",
    "validation-is-not-train",
    "The validation losses differ from the train losses.",
    "A wrong variable, or the wrong data set, logs the train loss under both names. Overfitting "
    "can then never show.",
    verdicts="wrong",
)
TOTAL_OF_PARTS = Rule(
    "LA507",
    "total-is-the-sum-of-its-parts",
    "The loss is the sum of the losses of all outputs, each times its weight, plus "
    "regularization.",
    "Keras 3.5 and 3.6 log the losses of outputs times their weights, other versions do not. From "
    "3.7 on, the losses of outputs count a short last batch as a full one, but their sum does "
    "not.",
    verdicts="wrong; suspect if the number of batches is unknown",
)
STALLED = Rule(
    "LA508",
    "sums-go-on-growing",
    "A sum of losses grows as long as the losses are not zero.",
    "A float32 sum stops growing at 2^24 times what is added to it, a bfloat16 sum at 2^8 times. "
    "From then on the sum is constant, and a mean falls as 1/n.",
    severity="warning",
    verdicts="suspect",
)
SAMPLED = Rule(
    "LA509",
    "log-is-no-sample",
    "A log that is read back has everything that was written.",
    "TensorBoard keeps 1,000 points of a curve, its EventAccumulator 10,000, or 10 of what "
    "TensorFlow 2 writes; W&B's `run.history()` keeps 500. All are chosen at random: extremes are "
    "lost, and two readings differ.",
    severity="warning",
    verdicts="suspect",
)
NAN = Rule(
    "LA510",
    "nan-stays-in-the-mean",
    "If the loss of a batch is NaN, the mean over it is NaN; NaN is logged only for a loss that "
    "was NaN.",
    "`np.nanmean`, filters, and loggers that replace NaN hide that a training diverged. Joined "
    "tables fill in NaN for what was never logged.",
    verdicts="wrong if a mean forgot NaN; suspect, or undecidable, for a block of NaN",
)
OWN_STEP = Rule(
    "LA511",
    "each-number-has-a-step-of-its-own",
    "No two numbers of a log have the same step.",
    "Keras 3.0 to 3.6 write every `batch_loss` at step 0. A step that counts optimizer updates, "
    "or epochs, does not advance between them.",
    verdicts="wrong if all numbers have one step; else suspect",
)
STEP_SKIPPED = Rule(
    "LA512",
    "no-step-is-skipped",
    "The steps of a log have no gaps at regular places.",
    "With data of unknown size Keras starts one batch too many in every epoch, and its "
    "TensorBoard callback counts it: 1, 2, 3, 5, 6, 7, 9. Every later step is too large.",
    severity="warning",
    verdicts="suspect",
)
EVERY_STEP = Rule(
    "LA513",
    "every-step-is-logged",
    "A log of batches has every batch.",
    "If only every k-th step is logged, because of `update_freq`, `steps_per_execution`, or "
    "gradient accumulation, the other batches cannot be judged. It also stays open whether a "
    "number is about one batch or k.",
    severity="warning",
    verdicts="undecidable",
)
UNKNOWN = Rule(
    "LA514",
    "truth-stands-beside-the-log",
    "The true batch losses were recorded, so that the log can be judged.",
    "A log alone proves little: a curve that looks good may consist of running means, or of other "
    "losses.",
    severity="warning",
    verdicts="undecidable",
)
