"""Mistakes that a check finds by itself, without predicting the numbers that they log."""

from __future__ import annotations

from lossaudit.predictions.mistakes.mistake import named

STATE_SHARED_BY_INSTANCES = named(
    "state-shared-by-instances",
    "LA116",
    explanation="The result of one accumulator contains what another one was given.",
    remedy="Create lists and other state in `__init__`, not as class attributes or default "
    "arguments.",
)
ROWS_NOT_TRAINED_ON_ONCE = named(
    "rows-not-trained-on-once",
    "LA204",
    explanation="An epoch trained on fewer or more rows than the recorder expects.",
    remedy="Count the rows that your input pipeline gives in one epoch: without `drop_remainder`, "
    "with the short last batch, and on several replicas from a data set instead of a generator.",
)
REPLICAS_TRAINED_ON_THE_SAME_ROWS = named(
    "replicas-trained-on-the-same-rows",
    "LA204",
    explanation="All replicas have the same loss in every batch.",
    remedy="Let the strategy distribute one data set, or give each worker its own shard.",
)
MISSING_KEY_RECORDED_AS_NAN = named(
    "missing-key-recorded-as-nan",
    "LA301",
    explanation="NaN or None was recorded for a key that the logs do not have.",
    remedy="Read only keys that the logs have. Batch logs have no `val_` keys; validation has its "
    "own hooks.",
)
ACCUMULATOR_DRIFTED = named(
    "accumulator-drifted",
    "LA302",
    explanation="The float32 mean has lost as much as a whole batch.",
    remedy="Accumulate in float64, or with `lossaudit.keras.CompensatedMean` or "
    "`lossaudit.WeightedMean`.",
)
LOSSES_NOT_CAPTURED = named(
    "losses-not-captured",
    "LA401",
    explanation='No mean called "loss" was updated in training.',
    remedy="In your own `train_step` call `self._loss_tracker.update_state(loss, "
    "sample_weight=rows)`, or use `lossaudit.keras.RecordingMean(name='loss')` for its loss. "
    "In your own loop use `lossaudit.Recorder()`.",
)
AUDIT_FAILED = named(
    "audit-failed",
    "LA402",
    explanation="The audit itself raised an error.",
    remedy="Please report this, with the callbacks you used.",
)
REPLICAS_OF_UNEQUAL_ROWS_COUNTED_ALIKE = named(
    "replicas-of-unequal-rows-counted-alike",
    "LA403",
    explanation="The mean over rows was logged, but the mean over replicas was minimised.",
    remedy="Use a batch size and a number of rows that are multiples of the number of replicas.",
)
LOSS_AVERAGED_WRONGLY = named(
    "loss-averaged-wrongly",
    "LA404",
    explanation="The remainder of the difference exceeds what rounding can explain.",
    remedy="Look for code that resets the loss tracker within an epoch, such as `evaluate` in a "
    "batch hook; for a metric called 'loss'; and for a `train_step` or `test_step` that returns "
    "its own loss.",
)
GAP_NOT_MEASURED = named(
    "gap-not-measured",
    "LA404",
    explanation="The data cannot be read again, or the training cannot be repeated.",
    remedy="Train with `fit` on data that can be read again: arrays, a `tf.data.Dataset`, or a "
    "`PyDataset`. Or call `lossaudit.keras.explain_gap` with such data.",
)
EPOCH_LOSS_DROPPED_BY_UPDATE_FREQ = named(
    "epoch-loss-dropped-by-update-freq",
    "LA407",
    explanation="The missing epochs are exactly those that `update_freq` does not divide.",
    remedy="Write with `update_freq='epoch'` or `'batch'`, or use `lossaudit.keras.Summaries`.",
    seen=("3.15.0", "3.15.1"),
    threads=("keras-team/keras#22357",),
)
LOGS_CHANGED = named(
    "logs-changed",
    "LA411",
    explanation="A hook changed or removed numbers in the logs.",
    remedy="Copy the logs before you change them: `logs = dict(logs)`.",
)
LOGS_EXTENDED = named(
    "logs-extended",
    "LA411",
    explanation="A hook added keys to the logs.",
    remedy="Copy the logs before you add keys: `logs = dict(logs)`. If the keys are intended, "
    "declare them: `adds=(...)`.",
)
TRAINING_DISTURBED = named(
    "training-disturbed",
    "LA412",
    explanation="A logged number, the weights or other state differs from a training without it.",
    remedy="In hooks, do not call `evaluate` or `model(..., training=True)`, set weights or "
    "seeds, or draw from global random generators.",
)
BUDGET_EXCEEDED = named(
    "budget-exceeded",
    "LA413",
    explanation="The hooks of a batch take longer than the budget of the callback.",
    remedy="Collect numbers in the batch hooks; write files and draw plots at the end of an "
    "epoch.",
)
WEIGHTS_NEVER_UPDATED = named(
    "weights-never-updated",
    "LA414",
    explanation="The weights are the same as before the training.",
    remedy="Call `optimizer.apply_gradients(zip(gradients, model.trainable_variables))` after "
    "every batch.",
)
CALLED_WITHOUT_TRAINING = named(
    "called-without-training",
    "LA414",
    explanation="The model was never called with `training=True`.",
    remedy="Call the model with `training=True` in the training step.",
)
REGULARIZERS_LEFT_OUT = named(
    "regularizers-left-out",
    "LA414",
    explanation="The weights are those that a loss without its regularizers gives.",
    remedy="Compute the loss with `model.compute_loss(x, y, y_pred)`, or add `sum(model.losses)` "
    "to it.",
)
STEPS_MISSING = named(
    "steps-missing",
    "LA414",
    explanation="The model was called with `training=True` for fewer steps than `fit` takes.",
    remedy="Train on every batch of every epoch, including the short last one.",
)
STEPS_REPEATED = named(
    "steps-repeated",
    "LA414",
    explanation="The model was called with `training=True` for more steps than `fit` takes.",
    remedy="Apply the gradients of each batch once, and call the model with `training=True` only "
    "to train.",
)
HOOKS_UNLIKE_FIT = named(
    "hooks-unlike-fit",
    "LA415",
    explanation="A hook is not called, is called at another place, or gets different arguments "
    "than from `fit`.",
    remedy="Call the hooks of `keras.callbacks.CallbackList` as `fit` does: epochs and batches "
    "count from 0, and the logs have the same keys. `lossaudit.keras.fit_loop` is an example.",
)
EPOCHS_DROPPED_BY_UPDATE_FREQ = named(
    "epochs-dropped-by-update-freq",
    "LA503",
    explanation="The logged epochs are exactly those that `update_freq` divides.",
    remedy="Use `TensorBoard(update_freq='epoch')`, or an `update_freq` that divides the number "
    "of batches. `History` and `CSVLogger` have every epoch.",
)
EPOCHS_MISSING = named(
    "epochs-missing",
    "LA503",
    explanation="Epochs are missing between others, at regular or irregular places.",
    remedy="Log every epoch, or compare with `History`.",
)
STEPS_REPEATED_AFTER_RESUME = named(
    "steps-repeated-after-resume",
    "LA504",
    explanation="Some steps were trained again, with different values.",
    remedy="Give each run its own log, or let a resumed run continue its steps. Plot the last "
    "value of each step that was trained twice.",
)
STEPS_OUT_OF_ORDER = named(
    "steps-out-of-order",
    "LA504",
    explanation="No step occurs twice, but the steps are out of order.",
    remedy="Sort the log by its steps before you plot it.",
)
LOG_APPENDED_TWICE = named(
    "log-appended-twice",
    "LA504",
    "LA505",
    explanation="The same numbers occur twice.",
    remedy="Read each log once, and drop the second copy.",
)
TWO_RUNS_IN_ONE_LOG = named(
    "two-runs-in-one-log",
    "LA505",
    explanation="The epochs start again, with different values.",
    remedy="Give each run its own log, or let a resumed run continue its epochs. Plot the last "
    "value of each epoch that was trained twice.",
)
EPOCHS_REPEATED_AFTER_RESUME = named(
    "epochs-repeated-after-resume",
    "LA505",
    explanation="Some epochs were trained again, with different values.",
    remedy="Give each run its own log, or let a resumed run continue its epochs. Plot the last "
    "value of each epoch that was trained twice.",
)
EPOCHS_OUT_OF_ORDER = named(
    "epochs-out-of-order",
    "LA505",
    explanation="No epoch occurs twice, but the epochs are out of order.",
    remedy="Sort the log by its epochs before you plot it.",
)
VALIDATION_IS_TRAIN = named(
    "validation-is-train",
    "LA506",
    explanation="All validation numbers equal the train numbers.",
    remedy="Log `val_loss`, and validate on different data than `fit` trains on.",
)
PARTS_LOGGED_TIMES_THEIR_WEIGHTS = named(
    "parts-logged-times-their-weights",
    "LA507",
    explanation="The total is the plain sum of the parts, although they have weights.",
    remedy="Keras 3.5 and 3.6 log the losses of outputs times their weights. Update Keras, or "
    "divide by the weights.",
)
TOTAL_IS_NOT_THE_SUM_OF_ITS_PARTS = named(
    "total-is-not-the-sum-of-its-parts",
    "LA507",
    explanation="The parts and the total are means over different rows, or of different losses.",
    remedy="Trust the total. Record the losses of outputs with `LossRecorder(components=True)`, "
    "or use a batch size that divides the rows.",
)
SUM_STALLED_AT_POWER_OF_TWO = named(
    "sum-stalled-at-power-of-two",
    "LA508",
    explanation="A growing sum stops at a power of two.",
    remedy="Sum in float64, or with `lossaudit.ExactSum()` or `lossaudit.WeightedMean()`, and "
    "start anew in every epoch.",
)
LOG_READ_THROUGH_A_SAMPLER = named(
    "log-read-through-a-sampler",
    "LA509",
    explanation="There are exactly as many numbers as a known reader keeps.",
    remedy="Read the file itself: `lossaudit.read(path)`, `EventAccumulator(path, "
    "size_guidance={'scalars': 0, 'tensors': 0})`, or `run.scan_history()` with W&B.",
)
NAN_DROPPED_FROM_MEAN = named(
    "nan-dropped-from-mean",
    "LA510",
    explanation="A mean is finite although one of its batches is NaN.",
    remedy="Keep NaN visible: average without `nanmean` and filters.",
)
NAN_BETWEEN_NUMBERS = named(
    "nan-between-numbers",
    "LA510",
    explanation="There is a block of NaN, with numbers before and after it.",
    remedy="Check whether the weights were finite, and do not write NaN for what was not logged.",
)
STEPS_NOT_COUNTED = named(
    "steps-not-counted",
    "LA511",
    explanation="All numbers have the same step.",
    remedy="Only the order of the numbers is known. With Keras 3.0 to 3.6, update Keras; in your "
    "own loop, pass the step.",
)
SEVERAL_NUMBERS_AT_ONE_STEP = named(
    "several-numbers-at-one-step",
    "LA511",
    explanation="Some numbers have the same step as the number before.",
    remedy="Log with the count of batches as the step.",
)
