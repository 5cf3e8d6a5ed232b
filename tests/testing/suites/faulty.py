"""Faulty accumulators, callbacks and loops as users write them, each with its check."""

from __future__ import annotations

import csv

import keras
import numpy as np
import tensorflow as tf

ACCUMULATORS, CALLBACKS, LOOPS = {}, {}, {}


def caught(table, *checks, **claims):
    def register(factory):
        table[factory.__name__] = (factory, checks, claims)
        return factory

    return register


class Meter:
    """A correct accumulator; each faulty one changes one thing."""

    def __init__(self):
        self.total, self.count = 0.0, 0

    def update_state(self, value, sample_weight=1):
        self.total += value * sample_weight
        self.count += sample_weight

    def result(self):
        return self.total / self.count if self.count else 0.0

    def reset_state(self):
        self.total, self.count = 0.0, 0

    def merge_state(self, other):
        self.total += other.total
        self.count += other.count


@caught(ACCUMULATORS, "holds_the_reference_value")
class CountsUpdates(Meter):
    def update_state(self, value, sample_weight=1):
        self.total += value
        self.count += 1


@caught(ACCUMULATORS, "holds_the_reference_value")
class WeighsTheSumOnly(Meter):
    def update_state(self, value, sample_weight=1):
        self.total += value * sample_weight
        self.count += 1


@caught(ACCUMULATORS, "holds_the_reference_value")
class AddsWhatIsASumAlready(Meter):
    def update_state(self, value, sample_weight=1):
        self.total += value
        self.count += sample_weight


@caught(ACCUMULATORS, "does_not_depend_on_order")
class Smoothed(Meter):
    def update_state(self, value, sample_weight=1):
        self.total = value if not self.count else 0.9 * self.total + 0.1 * value
        self.count = 1


@caught(ACCUMULATORS, "forgets_on_reset")
class KeepsTheCount(Meter):
    def reset_state(self):
        self.total = 0.0


@caught(ACCUMULATORS, "forgets_on_reset")
class NeverResets(Meter):
    def reset_state(self):
        pass


@caught(ACCUMULATORS, "is_not_changed_by_reading")
class DividesInPlace(Meter):
    def result(self):
        self.total /= self.count
        return self.total


@caught(ACCUMULATORS, "is_not_changed_by_reading")
class ResetsWhenRead(Meter):
    def result(self):
        self.latest = self.total / self.count if self.count else self.latest
        self.reset_state()
        return self.latest


@caught(ACCUMULATORS, "shares_nothing")
class SharedList(Meter):
    pairs = []  # noqa: RUF012 - this is the mistake

    def update_state(self, value, sample_weight=1):
        self.pairs.append((value, sample_weight))

    def result(self):
        values, weights = zip(*self.pairs, strict=True)
        return float(np.average(values, weights=weights))

    def reset_state(self):
        self.pairs.clear()


@caught(ACCUMULATORS, "merges_to_the_whole")
class AveragesMeans(Meter):
    def merge_state(self, other):
        if other.count and self.count:
            self.total = (self.result() + other.result()) / 2
            self.count = 1
        elif other.count:
            self.total, self.count = other.total, other.count


@caught(ACCUMULATORS, "merges_to_the_whole")
class EmptiesWhatItMerges(Meter):
    def merge_state(self, other):
        super().merge_state(other)
        other.reset_state()


@caught(ACCUMULATORS, "survives_saving")
class SavesTheMeanOnly(Meter):
    def get_state(self):
        return self.total / self.count if self.count else 0.0

    def set_state(self, state):
        self.total, self.count = state, 1 if state else 0


@caught(ACCUMULATORS, "treats_nan_as_claimed")
class SkipsNan(Meter):
    def update_state(self, value, sample_weight=1):
        if np.isfinite(value):
            super().update_state(value, sample_weight)


@caught(ACCUMULATORS, "does_not_drift")
class AddsInSinglePrecision(Meter):
    def update_state(self, value, sample_weight=1):
        self.total = np.float32(self.total) + np.float32(value) * np.float32(sample_weight)
        self.count = self.count + sample_weight


@caught(ACCUMULATORS, "counts_weights")
class CountsANonzeroWeightOnce(Meter):
    def update_state(self, value, sample_weight=1):
        self.total += value
        self.count += 1


class Losses(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.losses = []


BATCH = {"read": lambda callback: callback.losses, "covers": "batch"}
SO_FAR = {"read": lambda callback: callback.losses, "covers": "epoch_so_far"}
EPOCH = {"read": lambda callback: callback.losses, "covers": "epoch"}


@caught(CALLBACKS, "records_fit", **BATCH)
class RunningMeanForBatchLoss(Losses):
    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(logs["loss"])


@caught(CALLBACKS, "records_fit", **EPOCH)
class MeanOfWhatItSaw(Losses):
    def on_epoch_begin(self, epoch, logs=None):
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(logs["loss"])

    def on_epoch_end(self, epoch, logs=None):
        self.losses.append(np.mean(self.seen))


@caught(CALLBACKS, "records_fit", **EPOCH)
class Rounded(Losses):
    def on_epoch_end(self, epoch, logs=None):
        self.losses.append(round(logs["loss"], 2))


@caught(CALLBACKS, "records_fit", **EPOCH)
class OneEpochLate(Losses):
    def on_epoch_begin(self, epoch, logs=None):
        self.losses.append(getattr(self, "last", 0.0))

    def on_epoch_end(self, epoch, logs=None):
        self.last = logs["loss"]


@caught(CALLBACKS, "records_with_validation", **EPOCH)
class ValidationForTraining(Losses):
    def on_epoch_end(self, epoch, logs=None):
        self.losses.append(logs.get("val_loss", logs["loss"]))


@caught(CALLBACKS, "records_several_steps_per_execution", **BATCH)
class DifferencesOfTheRunningMean(Losses):
    def on_epoch_begin(self, epoch, logs=None):
        self.total = 0.0

    def on_train_batch_end(self, batch, logs=None):
        total = logs["loss"] * (batch + 1)
        self.losses.append(total - self.total)
        self.total = total


@caught(CALLBACKS, "records_nan_and_infinity", **EPOCH)
class SkipsWhatIsNotFinite(Losses):
    def on_epoch_end(self, epoch, logs=None):
        if np.isfinite(logs["loss"]):
            self.losses.append(logs["loss"])


@caught(CALLBACKS, "records_nan_and_infinity", **EPOCH)
class ReplacesNan(Losses):
    def on_epoch_end(self, epoch, logs=None):
        self.losses.append(float(np.nan_to_num(logs["loss"])))


@caught(CALLBACKS, "records_a_second_fit", **EPOCH)
class StopsAfterTheFirstFit(Losses):
    done = False

    def on_epoch_end(self, epoch, logs=None):
        if not self.done:
            self.losses.append(logs["loss"])

    def on_train_end(self, logs=None):
        self.done = True


@caught(CALLBACKS, "records_a_resumed_training", **EPOCH)
class BeginsAtEpochZero(Losses):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 0:
            self.epochs = []

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(epoch)
        self.losses.append(logs["loss"])


@caught(CALLBACKS, "records_until_stopped", **EPOCH)
class WritesWhenAllEpochsAreDone(Losses):
    def on_epoch_end(self, epoch, logs=None):
        self.seen = [*getattr(self, "seen", []), logs["loss"]]
        if epoch == self.params["epochs"] - 1:
            self.losses += self.seen
            self.seen = []


@caught(CALLBACKS, "leaves_the_logs")
class RoundsTheLogs(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        for key in logs:
            logs[key] = round(logs[key], 3)


@caught(CALLBACKS, "leaves_the_logs")
class AddsToTheLogs(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        logs["epoch"] = epoch


@caught(CALLBACKS, "leaves_the_training")
class EvaluatesInABatchHook(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 1:
            self.model.evaluate(np.ones((4, 1)), np.ones((4, 1)), verbose=0)


@caught(CALLBACKS, "leaves_the_training")
class CallsTheModelInTrainingMode(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model(np.ones((4, 1)), training=True)


@caught(CALLBACKS, "leaves_the_training")
class SeedsEverything(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        np.random.seed(epoch)  # noqa: NPY002 - this is the mistake


@caught(CALLBACKS, "stays_within_budget", budget=2e-3)
class SavesEachBatch(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        with open("/dev/null", "w") as file:
            csv.writer(file).writerows([[n, logs["loss"]] for n in range(10_000)])


def batch_losses(model, data, divide=1.0, training=True, penalty=True, most=None):
    losses, rows = [], []
    for number, (x, y) in enumerate(data):
        if number == most:
            break
        with tf.GradientTape() as tape:
            predicted = model(x, training=training)
            loss = (
                model.compute_loss(x, y, predicted)
                if penalty
                else tf.reduce_mean(tf.abs(y - predicted))
            )
            scaled = loss / divide
        gradients = tape.gradient(scaled, model.trainable_variables)
        model.optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        losses.append(float(loss))
        rows.append(len(x))
    return losses, rows


def weighted(losses, rows):
    return float(np.average(losses, weights=rows))


@caught(LOOPS, "reports_the_truth", covers="epoch")
def mean_of_batch_means(model, data, epochs):
    return [np.mean(batch_losses(model, data)[0]) for _ in range(epochs)]


@caught(LOOPS, "reports_the_truth", covers="epoch")
def last_batch_for_epoch(model, data, epochs):
    return [batch_losses(model, data)[0][-1] for _ in range(epochs)]


@caught(LOOPS, "reports_the_truth", covers="epoch")
def never_reset_mean(model, data, epochs):
    losses, rows, reported = [], [], []
    for _ in range(epochs):
        more = batch_losses(model, data)
        losses, rows = losses + more[0], rows + more[1]
        reported.append(weighted(losses, rows))
    return reported


@caught(LOOPS, "reports_a_second_training", covers="epoch")
def keras_mean_that_is_never_made_anew(model, data, epochs):
    mean = model.__dict__.setdefault("_own_mean", [0.0, 0])
    if model.optimizer.iterations == 0:
        mean[:] = [0.0, 0]
    reported = []
    for epoch in range(epochs):
        if epoch:
            mean[:] = [0.0, 0]
        for loss, rows in zip(*batch_losses(model, data), strict=True):
            mean[0] += loss * rows
            mean[1] += rows
        reported.append(mean[0] / mean[1])
    return reported


@caught(LOOPS, "reports_nan_and_infinity", covers="epoch")
def skips_nan(model, data, epochs):
    reported = []
    for _ in range(epochs):
        losses, rows = (np.array(column, float) for column in batch_losses(model, data))
        finite = np.isfinite(losses)
        reported.append(weighted(losses[finite], rows[finite]) if finite.any() else 0.0)
    return reported


@caught(LOOPS, "trains_as_fit", covers="epoch")
def forgets_training_mode(model, data, epochs):
    return [weighted(*batch_losses(model, data, training=False)) for _ in range(epochs)]


@caught(LOOPS, "trains_as_fit", covers="epoch")
def forgets_penalties(model, data, epochs):
    return [weighted(*batch_losses(model, data, penalty=False)) for _ in range(epochs)]


@caught(LOOPS, "trains_as_fit", covers="epoch")
def drops_the_last_batch(model, data, epochs):
    most = len(data) - 1
    return [weighted(*batch_losses(model, data, most=most)) for _ in range(epochs)]


@caught(LOOPS, "trains_as_fit", covers="epoch")
def divides_by_steps_of_accumulation(model, data, epochs):
    return [weighted(*batch_losses(model, data, divide=4.0)) for _ in range(epochs)]


@caught(LOOPS, "calls_callbacks_as_fit", covers="epoch")
def counts_epochs_from_one(model, data, epochs, callbacks=()):
    hooks = keras.callbacks.CallbackList(list(callbacks), model=model)
    hooks.on_train_begin()
    reported = []
    for epoch in range(1, epochs + 1):
        hooks.on_epoch_begin(epoch)
        reported.append(weighted(*batch_losses(model, data)))
        hooks.on_epoch_end(epoch, {"loss": reported[-1]})
    hooks.on_train_end()
    return reported


@caught(LOOPS, "stops_as_fit", covers="epoch")
def does_not_stop(model, data, epochs, callbacks=()):
    from lossaudit.keras import fit_loop

    class Never(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = False

    return fit_loop(model, data, epochs=epochs, callbacks=[*callbacks, Never()])
