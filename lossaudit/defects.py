"""What Keras itself gets wrong: one function per defect, which predicts the numbers that Keras then logs.

To add a defect, write a function of a case and its recording that yields predictions, and say with `@defect` which
promise it breaks, in which versions it was seen, where that is discussed, and the way out. Its name in kebab-case is
the defect's name, which findings carry as their cause; its docstring continues the sentence "It is ...".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from lossaudit import quantities
from lossaudit.cases import Case
from lossaudit.predictions import Prediction, means_of_epochs, means_so_far
from lossaudit.recordings import Covers, Floats, Ints, Recording
from lossaudit.tolerances import half_ulp
from lossaudit.truths import Batches, Truth

_UPGRADE = "Use Keras {0} or newer, or take the mean from `recorder.recording`, which is right in every version."
_RECORD = "Take the losses from `lossaudit.keras.LossRecorder()`, which are right in every version."


@dataclass(frozen=True)
class Defect:
    """A number that Keras itself gets wrong.

    Args:
        name: kebab-case; the cause of the findings that it explains.
        breaks: what the numbers promised to cover.
        seen: the first and the last version of Keras in which it was seen.
        thread: where it is reported, changed or mended in public; empty where nowhere.
        explanation: what the numbers are; continues "It is ...".
        remedy: the way out.
        predict: the numbers that Keras then logs.
    """

    name: str
    breaks: tuple[Covers, ...]
    seen: tuple[str, str]
    thread: str
    explanation: str
    remedy: str
    predict: Callable[[Case, Recording], Iterator[Prediction]]

    def was_seen_in(self, version: str) -> bool:
        """Whether a version lies in the range in which the defect was seen."""
        first, last = (version_parts(one) for one in self.seen)
        return first <= version_parts(version) <= last


DEFECTS: dict[str, Defect] = {}

_Predict = Callable[[Case, Recording], Iterator[Prediction]]


def defect(*breaks: Covers, seen: tuple[str, str], thread: str = "", remedy: str) -> Callable[[_Predict], _Predict]:
    """Register a defect of claims that promised to cover one of `breaks`."""

    def register(predict: _Predict) -> _Predict:
        name = predict.__name__.replace("_", "-")
        explanation = " ".join((predict.__doc__ or "").split())
        DEFECTS[name] = Defect(name, breaks, seen, thread, explanation, remedy, predict)
        return predict

    return register


@defect(
    "epoch",
    seen=("3.1.1", "3.15.1"),
    thread="keras-team/keras#19529",
    remedy="Return `self.compute_metrics(x, y, y_pred)` from `train_step` after "
    "`self._loss_tracker.update_state(loss, sample_weight=rows)`, or return the result of a Mean of your own.",
)
def untouched_tracker_shown_as_epoch(case: Case, recording: Recording) -> Iterator[Prediction]:
    """the mean of nothing: `train_step` returns a raw loss, which Keras replaces at the end of the epoch by the result
    of its own loss tracker, and nothing ever updated that.
    """
    if _is_bypassed(case, recording):
        means = means_of_epochs(case.truth.batches.counted_alike(), case.truth.dtype)
        yield means.times(0.0)


@defect(
    "epoch",
    seen=("3.3.3", "3.15.1"),
    thread="keras-team/keras#19529",
    remedy="Average inside `train_step`: update a `keras.metrics.Mean(name='loss')` with the rows as its "
    "`sample_weight`, return its result, and list it in `metrics`.",
)
def last_step_shown_as_epoch(case: Case, recording: Recording) -> Iterator[Prediction]:
    """the loss of the last batch: `train_step` returns a raw loss beside other keys than the model's metrics, and Keras
    then shows what its last call returned as the epoch's.
    """
    if _is_bypassed(case, recording):
        yield from quantities.last_batch(case.truth)


@defect(
    "epoch", "epoch_so_far", seen=("3.0.0", "3.1.1"), thread="keras-team/keras#19363", remedy=_UPGRADE.format("3.2")
)
def batches_counted_alike(case: Case, recording: Recording) -> Iterator[Prediction]:
    """the unweighted mean of the batch losses: the loss tracker is not told the rows, and a short last batch counts as
    much as a full one.
    """
    yield from _means(case.truth.counted_alike())


@defect(
    "epoch",
    "epoch_so_far",
    seen=("3.5.0", "3.15.1"),
    remedy="Use a batch size that divides the rows, or train with `run_eagerly=True`, or average the series of the "
    "output in `LossRecorder(components=True).recording`.",
)
def output_losses_counted_alike(case: Case, recording: Recording) -> Iterator[Prediction]:
    """the unweighted mean of the output's batch losses, while the total is weighted by rows: in graph mode the number
    of rows is unknown where Keras would weight the losses of outputs. With a short last batch they do not add up to the
    total.
    """
    if case.claim.tag.endswith("_loss"):
        yield from _means(case.truth.counted_alike())


@defect(
    "epoch",
    "epoch_so_far",
    "batch",
    seen=("3.1.1", "3.15.1"),
    thread="keras-team/keras#12959",
    remedy="Evaluate at the end of an epoch, or with a second model that shares the layers, or pass "
    "`validation_data` to `fit`.",
)
def mean_overwritten_by_evaluate(case: Case, recording: Recording) -> Iterator[Prediction]:
    """the mean of the batches of an evaluation and of the train batches after it: `evaluate` inside a batch callback
    resets the loss tracker of the training, and leaves its own numbers in it.
    """
    evaluated = {int(step): int(epoch) for step, epoch in recording.metadata.get("evaluated", ())}
    if case.truth.split != "train" or "test" not in case.truth.splits or case.truth.batches.sessions.any():
        return
    last = case.truth.batches.steps[case.truth.batches.ends] + 1
    within = {step: epoch for step, epoch in evaluated.items() if step not in last}
    for steps in (evaluated, within):
        for truth in (case.truth, case.truth.counted_alike()) if steps else ():
            yield from _with_evaluations(truth, steps)


@defect(
    "epoch",
    "epoch_so_far",
    seen=("3.1.1", "3.15.1"),
    remedy="Give the metric another name than `loss`.",
)
def total_replaced_by_metric(case: Case, recording: Recording) -> Iterator[Prediction]:
    """the mean of a metric that is named "loss", and takes the place of the total in the logs."""
    for series in recording.select(tag=f"metric/{case.claim.tag}", split=case.truth.split, covers="batch"):
        yield from _means(replace(case.truth, splits={**case.truth.splits, case.truth.split: Batches.of(series)}))


@defect("epoch", seen=("3.1.1", "3.6.0"), thread="keras-team/keras#20390", remedy=_UPGRADE.format("3.7"))
def phantom_batch_counted(case: Case, recording: Recording) -> Iterator[Prediction]:
    """the sum of the epoch divided by one batch too many: with `steps_per_execution` the last execution runs into the
    end of the data, and has counted a batch that is not there.
    """
    batches, steps = case.truth.batches, int(recording.metadata.get("steps_per_execution", 1))
    if steps < 2 or not np.any(batches.lengths % steps):
        return
    for one in (batches, batches.counted_alike()):
        phantoms = np.where(batches.lengths % steps, one.full, 0.0)
        yield means_of_epochs(one, case.truth.dtype).times(one.rows / (one.rows + phantoms))


@defect("epoch", seen=("3.1.1", "3.6.0"), thread="keras-team/keras#19891", remedy=_UPGRADE.format("3.10"))
def first_replica_shown_as_epoch(case: Case, recording: Recording) -> Iterator[Prediction]:
    """the mean over the rows of the first replica alone: the state of the loss tracker is not put together."""
    for batches in _replicas(case, recording)[:1]:
        for one in (batches, batches.counted_alike()):
            yield means_of_epochs(one, case.truth.dtype)
            yield from _of_sum(means_of_epochs(one, case.truth.dtype), case, recording)


@defect("epoch_so_far", "batch", seen=("3.1.1", "3.2.1"), thread="keras-team/keras#19891", remedy=_RECORD)
def replicas_summed_in_batch_logs(case: Case, recording: Recording) -> Iterator[Prediction]:
    """the sum over the replicas of the mean of each, as large as so many times the loss."""
    for so_far in _joint_means(case, recording):
        yield so_far
        yield from _of_sum(so_far, case, recording)


@defect("epoch_so_far", "batch", seen=("3.3.3", "3.15.1"), remedy=_RECORD)
def replicas_counted_alike_in_batch_logs(case: Case, recording: Recording) -> Iterator[Prediction]:
    """the mean over the replicas of the mean of each, however many rows each of them had."""
    replicas = _replica_count(recording)
    for so_far in _joint_means(case, recording):
        yield so_far.times(1 / replicas)


@defect("epoch_so_far", "batch", seen=("3.3.3", "3.6.0"), thread="keras-team/keras#20610", remedy=_RECORD)
def replica_sums_averaged_in_batch_logs(case: Case, recording: Recording) -> Iterator[Prediction]:
    """the mean over the replicas of what each of them summed up: with the reduction "sum" they should be added."""
    replicas = _replica_count(recording)
    for so_far in _joint_means(case, recording):
        mean = so_far.times(1 / replicas)
        yield from _of_sum(mean, case, recording)


@defect(
    "epoch",
    "epoch_so_far",
    "batch",
    seen=("3.7.0", "3.9.2"),
    thread="keras-team/keras#21054, keras-team/keras#20541, keras-team/keras#21072",
    remedy=_UPGRADE.format("3.10"),
)
def older_batches_multiplied_by_replicas(case: Case, recording: Recording) -> Iterator[Prediction]:
    """a mean in which each batch weighs as many times the next as there are replicas: each update adds up the
    replicas' copies of all that was there before, until the sums overflow and the loss is NaN.
    """
    replicas = _replica_count(recording)
    for truth in (case.truth, case.truth.counted_alike()) if replicas > 1 else ():
        so_far = _with_older_first(truth, replicas)
        for one in (so_far, so_far.once_an_epoch(truth.batches.ends)):
            yield one
            yield one.times(float(replicas))  # and a loss that is not reduced
            yield from _of_sum(one, case, recording)


@defect(
    "epoch",
    "epoch_so_far",
    "batch",
    seen=("3.8.0", "3.15.1"),
    thread="keras-team/keras#20610",
    remedy="Use the reduction `sum_over_batch_size`; with `none` the gradient, too, is that of the sum.",
)
def unreduced_loss_multiplied_by_replicas(case: Case, recording: Recording) -> Iterator[Prediction]:
    """the mean times the number of replicas: Keras multiplies by it what it had divided before, and a loss with
    `reduction="none"` was not divided.
    """
    replicas = _replica_count(recording)
    for one in _means(case.truth) if replicas > 1 and recording.metadata.get("reduction") == "none" else ():
        yield one.times(float(replicas))


def recognised_defects(case: Case, recording: Recording) -> list[Defect]:
    """The defects that give every number of a case.

    Where the version is known and none of those in which a defect was seen, a mistake of the program goes first.
    """
    if case.expected is None or not len(case.claim) or (case.right and not case.absent.any()):
        return []
    is_explained = case.reading is not None
    version = str(recording.metadata.get("keras", ""))
    broken = [one for one in DEFECTS.values() if case.covers in one.breaks]
    seen = [one for one in broken if version and one.was_seen_in(version)]
    is_coarse = case.claim.decimals is not None
    unseen = [] if is_explained or is_coarse else [one for one in broken if one not in seen]
    return _matching(seen, case, recording) or _matching(unseen, case, recording)


def _matching(defects: list[Defect], case: Case, recording: Recording) -> list[Defect]:
    """The defects of which a prediction holds."""
    return [one for one in defects if any(_holds(case, numbers) for numbers in one.predict(case, recording))]


def _holds(case: Case, prediction: Prediction) -> bool:
    """Whether the numbers of a claim, one for each of a prediction, are the predicted ones; NaN like any other."""
    if case.expected is None or prediction.pace != case.expected.pace or len(prediction) != len(case.claim):
        return False
    epochwise = prediction.pace == "epoch"
    logged = case.claim.epochs if epochwise else case.claim.steps
    if logged is not None and not np.array_equal(logged, prediction.epochs if epochwise else prediction.steps):
        return False
    return bool(prediction.matches(case.claim.values, case.claim.decimals).all())


def _means(truth: Truth) -> Iterator[Prediction]:
    yield from quantities.epoch_mean(truth)
    yield from quantities.running_mean(truth)


def _is_bypassed(case: Case, recording: Recording) -> bool:
    kind = "train" if case.truth.split == "train" else "evaluation"
    return kind in recording.metadata.get("bypassed", ())


def _replica_count(recording: Recording) -> int:
    return int(recording.metadata.get("replicas", 1))


def _replicas(case: Case, recording: Recording) -> list[Batches]:
    """The batches of each replica."""
    series = recording.select(split=case.truth.split, covers="batch")
    return [Batches.of(one) for one in series if one.tag.startswith(f"{case.claim.tag}/replica_")]


def _of_sum(prediction: Prediction, case: Case, recording: Recording) -> Iterator[Prediction]:
    """The same of a reduction "sum", of which a recording holds the sum over all replicas, and Keras each one's."""
    if recording.metadata.get("reduction") == "sum":
        yield prediction.times(1 / _replica_count(recording))


def _joint_means(case: Case, recording: Recording) -> Iterator[Prediction]:
    """The sum over the replicas of their running means, weighted by rows and not."""
    parts = _replicas(case, recording)
    alike = len(parts) > 1 and len({len(one) for one in parts}) == 1
    for kinds in (parts, [one.counted_alike() for one in parts]) if alike else ():
        means = [means_so_far(one, case.truth.dtype) for one in kinds]
        values = np.sum([one.values for one in means], axis=0)
        rounding = len(means) * half_ulp(np.sum([np.abs(one.values) for one in means], axis=0), case.truth.dtype)
        bounds = np.sum([one.bounds for one in means], axis=0) + rounding
        yield replace(
            means[0],
            values=values,
            bounds=bounds,
            bands=partial(np.copy, bounds),
            slack=np.sum([one.slack for one in means], axis=0) + half_ulp(values, "float64"),
            ways=(),
        )


def _with_older_first(truth: Truth, replicas: int) -> Prediction:
    """The running mean whose total and count are multiplied by the replicas before each update."""
    batches = truth.batches
    with np.errstate(under="ignore", over="ignore", invalid="ignore"):
        means = means_so_far(
            replace(batches, weights=batches.weights * float(replicas) ** -batches.places), truth.dtype
        )
        kept = np.concatenate([_single(batches.where(group), replicas) for group in batches.groups()])
    return replace(means, values=np.where(np.isfinite(kept), means.values, kept), ways=())


def _single(batches: Batches, replicas: int) -> Floats:
    """What single precision makes of it, which overflows after some hundred batches."""
    total, count, factor = np.float32(0), np.float32(0), np.float32(replicas)
    means = np.empty(len(batches))
    for index, (value, weight) in enumerate(zip(batches.values, batches.weights, strict=True)):
        total = total * factor + np.float32(value * weight)
        count = count * factor + np.float32(weight)
        means[index] = total / count
    return means


def _with_evaluations(truth: Truth, evaluated: dict[int, int]) -> Iterator[Prediction]:
    """Running and epoch means if the batches of an evaluation take the place of the train batches before a step."""
    train, tests = truth.batches, truth.splits["test"]
    parts: list[Batches] = []
    rows: list[Ints] = []
    ends: list[int] = []
    length = segment = 0
    for group in train.groups():
        cuts = sorted(step for step in evaluated if np.any(train.steps[group] == step - 1))
        edges = [int(train.steps[group][0]), *cuts, int(train.steps[group][-1]) + 1]
        for start, end in pairwise(edges):
            before = tests.where(tests.epochs == evaluated[start]) if start in cuts else tests.where(slice(0, 0))
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
    at_ends = so_far.once_an_epoch(np.array(ends, np.int64))
    yield replace(at_ends, epochs=train.epochs[train.ends], steps=train.steps[train.ends])


def version_parts(version: str) -> tuple[int, ...]:
    """A version as numbers; what follows them, as in 3.16.0.dev1, does not count."""
    parts = version.split(".")[:3]
    return tuple(int(part) if part.isdigit() else 0 for part in parts)
