"""What Keras itself gets wrong: each function predicts the numbers that Keras then logs.

To add a defect, write a function of a truth that yields predictions. Say with `@defect` which
promise it breaks, in which versions it was seen, where it is discussed, and the way out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from lossaudit.arithmetic.arrays import Floats, Ints
from lossaudit.arithmetic.bounds import half_ulp
from lossaudit.predictions import quantities
from lossaudit.predictions.means import means_of_epochs, means_so_far
from lossaudit.predictions.mistakes.mistake import defect
from lossaudit.predictions.prediction import Prediction
from lossaudit.predictions.truth import Batches, Truth
from lossaudit.recording import keys

_UPGRADE = (
    "Use Keras {0} or newer, or take the mean from `recorder.recording`, which is right in every "
    "version."
)
_RECORD = (
    "Take the losses from `lossaudit.keras.LossRecorder()`, which are right in every version."
)


@defect(
    "epoch",
    explanation="The logged value is the mean of nothing: `train_step` returns a raw loss, which "
    "Keras replaces at the end of the epoch by the result of its own loss tracker, which nothing "
    "updated.",
    seen=("3.1.1", "3.15.1"),
    threads=("keras-team/keras#19529",),
    remedy="Return `self.compute_metrics(x, y, y_pred)` from `train_step` after "
    "`self._loss_tracker.update_state(loss, sample_weight=rows)`, or return the result of a Mean "
    "of your own.",
    rules=("LA401",),
)
def untouched_tracker_shown_as_epoch(truth: Truth) -> Iterator[Prediction]:
    if _is_bypassed(truth):
        means = means_of_epochs(truth.batches.unweighted(), truth.dtype)
        yield means.times(0.0)


@defect(
    "epoch",
    explanation="The logged value is the loss of the last batch: `train_step` returns a raw loss "
    "next to keys that are no metrics of the model. Keras then shows the result of its last call "
    "as the epoch's.",
    seen=("3.3.3", "3.15.1"),
    threads=("keras-team/keras#19529",),
    remedy="Average inside `train_step`: update a `keras.metrics.Mean(name='loss')` with the rows "
    "as its `sample_weight`, return its result, and list it in `metrics`.",
)
def last_step_shown_as_epoch(truth: Truth) -> Iterator[Prediction]:
    if _is_bypassed(truth):
        yield from quantities.last_batch(truth)


@defect(
    "epoch",
    "epoch_so_far",
    explanation="The logged value is the unweighted mean of the batch losses: the loss tracker "
    "gets no rows, so a short last batch counts as much as a full one.",
    seen=("3.0.0", "3.1.1"),
    threads=("keras-team/keras#19363",),
    remedy=_UPGRADE.format("3.2"),
)
def batches_counted_alike(truth: Truth) -> Iterator[Prediction]:
    yield from _means(truth.unweighted())


@defect(
    "epoch",
    "epoch_so_far",
    explanation="The logged value is the unweighted mean of the output's batch losses, while the "
    "total is weighted by rows: in graph mode the number of rows is unknown where Keras would "
    "weight the losses of outputs. With a short last batch they do not add up to the total.",
    seen=("3.5.0", "3.15.1"),
    remedy="Use a batch size that divides the rows, or train with `run_eagerly=True`, or average "
    "the series of the output in `LossRecorder(components=True).recording`.",
    rules=("LA406",),
)
def output_losses_counted_alike(truth: Truth) -> Iterator[Prediction]:
    if truth.tag.endswith(keys.OUTPUT_LOSS):
        yield from _means(truth.unweighted())


@defect(
    "epoch",
    "epoch_so_far",
    "batch",
    explanation="The logged value is the mean of the batches of an evaluation and of the train "
    "batches after it: `evaluate` inside a batch callback resets the loss tracker of the "
    "training, and leaves its own numbers in it.",
    seen=("3.1.1", "3.15.1"),
    threads=("keras-team/keras#12959",),
    remedy="Evaluate at the end of an epoch, or with a second model that shares the layers, or "
    "pass `validation_data` to `fit`.",
)
def mean_overwritten_by_evaluate(truth: Truth) -> Iterator[Prediction]:
    evaluated = {int(step): int(epoch) for step, epoch in truth.metadata.get(keys.EVALUATED, ())}
    if truth.split != "train" or "test" not in truth.splits or truth.batches.sessions.any():
        return
    last = truth.batches.steps[truth.batches.ends] + 1
    within = {step: epoch for step, epoch in evaluated.items() if step not in last}
    for steps in (evaluated, within):
        for one in (truth, truth.unweighted()) if steps else ():
            yield from _with_evaluations(one, steps)


@defect(
    "epoch",
    "epoch_so_far",
    explanation="The logged value is the mean of a metric named 'loss', which replaces the total "
    "in the logs.",
    seen=("3.1.1", "3.15.1"),
    remedy="Give the metric another name than `loss`.",
)
def total_replaced_by_metric(truth: Truth) -> Iterator[Prediction]:
    metric = truth.all_others.get(keys.METRIC + truth.tag)
    if metric is not None:
        yield from _means(truth.with_batches(metric))


@defect(
    "epoch",
    explanation="The logged value is the sum of the epoch divided by one batch too many: with "
    "`steps_per_execution` the last execution runs into the end of the data, and has counted a "
    "batch that is not there.",
    seen=("3.1.1", "3.6.0"),
    threads=("keras-team/keras#20390",),
    remedy=_UPGRADE.format("3.7"),
    rules=("LA512",),
)
def phantom_batch_counted(truth: Truth) -> Iterator[Prediction]:
    batches, steps = truth.batches, int(truth.metadata.get(keys.STEPS_PER_EXECUTION, 1))
    if steps < 2 or not np.any(batches.lengths % steps):
        return
    for one in (batches, batches.unweighted()):
        phantoms = np.where(batches.lengths % steps, one.batch_sizes, 0.0)
        yield means_of_epochs(one, truth.dtype).times(one.rows / (one.rows + phantoms))


@defect(
    "epoch",
    explanation="The logged value is the mean over the rows of the first replica alone: the state "
    "of the loss tracker is not put together.",
    seen=("3.1.1", "3.6.0"),
    threads=("keras-team/keras#19891",),
    remedy=_UPGRADE.format("3.10"),
)
def first_replica_shown_as_epoch(truth: Truth) -> Iterator[Prediction]:
    for batches in _replicas(truth)[:1]:
        for one in (batches, batches.unweighted()):
            yield means_of_epochs(one, truth.dtype)
            yield from _of_sum(means_of_epochs(one, truth.dtype), truth)


@defect(
    "epoch_so_far",
    "batch",
    explanation="The logged value is the sum over the replicas of the mean of each, as large as "
    "so many times the loss.",
    seen=("3.1.1", "3.2.1"),
    threads=("keras-team/keras#19891",),
    remedy=_RECORD,
)
def replicas_summed_in_batch_logs(truth: Truth) -> Iterator[Prediction]:
    for so_far in _joint_means(truth):
        yield so_far
        yield from _of_sum(so_far, truth)


@defect(
    "epoch_so_far",
    "batch",
    explanation="The logged value is the mean over the replicas of the mean of each, however many "
    "rows each of them had.",
    seen=("3.3.3", "3.15.1"),
    remedy=_RECORD,
)
def replicas_counted_alike_in_batch_logs(truth: Truth) -> Iterator[Prediction]:
    replicas = _replica_count(truth)
    for so_far in _joint_means(truth):
        yield so_far.times(1 / replicas)


@defect(
    "epoch_so_far",
    "batch",
    explanation="It is the mean over the replicas of what each of them summed up: with the "
    "reduction "
    '"sum" they should be added.',
    seen=("3.3.3", "3.6.0"),
    threads=("keras-team/keras#20610",),
    remedy=_RECORD,
)
def replica_sums_averaged_in_batch_logs(truth: Truth) -> Iterator[Prediction]:
    replicas = _replica_count(truth)
    for so_far in _joint_means(truth):
        mean = so_far.times(1 / replicas)
        yield from _of_sum(mean, truth)


@defect(
    "epoch",
    "epoch_so_far",
    "batch",
    explanation="The logged value is a mean in which each batch weighs as many times the next as "
    "there are replicas: each update adds up the replicas' copies of all that was there before, "
    "until the sums overflow and the loss is NaN.",
    seen=("3.7.0", "3.9.2"),
    threads=(
        "keras-team/keras#21054",
        "keras-team/keras#20541",
        "keras-team/keras#21072",
    ),
    remedy=_UPGRADE.format("3.10"),
)
def older_batches_multiplied_by_replicas(truth: Truth) -> Iterator[Prediction]:
    replicas = _replica_count(truth)
    for weighted in (truth, truth.unweighted()) if replicas > 1 else ():
        so_far = _with_older_first(weighted, replicas)
        for one in (so_far, so_far.per_epoch(truth.batches.ends)):
            yield one
            # A loss without reduction is larger by the number of replicas.
            yield one.times(float(replicas))
            yield from _of_sum(one, truth)


@defect(
    "epoch",
    "epoch_so_far",
    "batch",
    explanation="It is the mean times the number of replicas: Keras multiplies by it what it had "
    "divided "
    'before, and a loss with `reduction="none"` was not divided.',
    seen=("3.8.0", "3.15.1"),
    threads=("keras-team/keras#20610",),
    remedy="Use the reduction `sum_over_batch_size`; with `none` the gradient, too, is that of "
    "the sum.",
)
def unreduced_loss_multiplied_by_replicas(truth: Truth) -> Iterator[Prediction]:
    replicas = _replica_count(truth)
    for one in (
        _means(truth) if replicas > 1 and truth.metadata.get(keys.REDUCTION) == "none" else ()
    ):
        yield one.times(float(replicas))


def _means(truth: Truth) -> Iterator[Prediction]:
    yield from quantities.epoch_mean(truth)
    yield from quantities.running_mean(truth)


def _is_bypassed(truth: Truth) -> bool:
    kind = "train" if truth.split == "train" else "evaluation"
    return kind in truth.metadata.get(keys.BYPASSED, ())


def _replica_count(truth: Truth) -> int:
    return int(truth.metadata.get(keys.REPLICAS, 1))


def _replicas(truth: Truth) -> list[Batches]:
    """The batches of each replica."""
    return [
        one for tag, one in truth.all_others.items() if tag.startswith(truth.tag + keys.REPLICA)
    ]


def _of_sum(prediction: Prediction, truth: Truth) -> Iterator[Prediction]:
    """Divide by the number of replicas where the reduction is "sum".

    A recording then has the sum over all replicas, and Keras shows one replica's.
    """
    if truth.metadata.get(keys.REDUCTION) == "sum":
        yield prediction.times(1 / _replica_count(truth))


def _joint_means(truth: Truth) -> Iterator[Prediction]:
    """The sum over the replicas of their running means, with and without weights."""
    parts = _replicas(truth)
    alike = len(parts) > 1 and len({len(one) for one in parts}) == 1
    for kinds in (parts, [one.unweighted() for one in parts]) if alike else ():
        means = [means_so_far(one, truth.dtype) for one in kinds]
        values = np.sum([one.values for one in means], axis=0)
        rounding = len(means) * half_ulp(
            np.sum([np.abs(one.values) for one in means], axis=0), truth.dtype
        )
        bounds = np.sum([one.bounds for one in means], axis=0) + rounding
        yield replace(
            means[0],
            values=values,
            bounds=bounds,
            probable=partial(np.copy, bounds),
            errors=np.sum([one.errors for one in means], axis=0) + half_ulp(values, "float64"),
            replays=(),
        )


def _with_older_first(truth: Truth, replicas: int) -> Prediction:
    """The running mean if each update first multiplies total and count by the replicas."""
    batches = truth.batches
    with np.errstate(under="ignore", over="ignore", invalid="ignore"):
        means = means_so_far(
            replace(batches, weights=batches.weights * float(replicas) ** -batches.places),
            truth.dtype,
        )
        kept = np.concatenate(
            [_single(batches.where(group), replicas) for group in batches.groups()]
        )
    return replace(means, values=np.where(np.isfinite(kept), means.values, kept), replays=())


def _single(batches: Batches, replicas: int) -> Floats:
    """The same in single precision, which overflows after some hundred batches."""
    total, count, factor = np.float32(0), np.float32(0), np.float32(replicas)
    means = np.empty(len(batches))
    for index, (value, weight) in enumerate(zip(batches.values, batches.weights, strict=True)):
        total = total * factor + np.float32(value * weight)
        count = count * factor + np.float32(weight)
        means[index] = total / count
    return means


def _with_evaluations(truth: Truth, evaluated: dict[int, int]) -> Iterator[Prediction]:
    """Predict running and epoch means after evaluations inside the epoch.

    The batches of an evaluation take the place of the train batches before its step.
    """
    train, tests = truth.batches, truth.splits["test"]
    parts: list[Batches] = []
    rows: list[Ints] = []
    ends: list[int] = []
    length = segment = 0
    for group in train.groups():
        cuts = sorted(step for step in evaluated if np.any(train.steps[group] == step - 1))
        edges = [int(train.steps[group][0]), *cuts, int(train.steps[group][-1]) + 1]
        for start, end in pairwise(edges):
            before = (
                tests.where(tests.epochs == evaluated[start])
                if start in cuts
                else tests.where(slice(0, 0))
            )
            ours = train.where((train.steps >= start) & (train.steps < end))
            parts += [replace(part, epochs=np.full(len(part), segment)) for part in (before, ours)]
            rows.append(np.arange(length + len(before), length + len(before) + len(ours)))
            length, segment = length + len(before) + len(ours), segment + 1
        ends.append(length - 1)
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("values", "weights", "epochs", "steps", "sessions")
    }
    so_far = means_so_far(replace(train, **joined), truth.dtype)
    yield replace(so_far.take(np.concatenate(rows)), epochs=train.epochs, steps=train.steps)
    at_ends = so_far.per_epoch(np.array(ends, np.int64))
    yield replace(at_ends, epochs=train.epochs[train.ends], steps=train.steps[train.ends])
