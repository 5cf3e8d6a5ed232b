"""Expectations about the training itself, whatever was logged: what it was trained on, and what it minimised."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from lossaudit.findings import Finding, Rule, Verdict
from lossaudit.recordings import Recording, Series
from lossaudit.tolerances import half_ulp
from lossaudit.truths import Batches

ROWS = Rule(
    "LA204",
    "every-row-was-trained-on",
    "Every epoch trains once on each row that there is.",
    "`drop_remainder`, a loop over `n // batch_size` batches, a generator that several replicas read from, or workers "
    "that read the same shard train on fewer rows than their owner thinks, and no log shows it.",
)
OBJECTIVE = Rule(
    "LA403",
    "logged-loss-is-the-one-optimised",
    "The loss that is logged for a batch is the one whose gradient was applied.",
    "On replicas with unequal numbers of rows Keras logs the mean over rows and minimises the mean over replicas: the "
    "logs of one and of several devices agree to seven digits while their weights drift apart.",
    severity="warning",
)


def check_rows(recording: Recording) -> Iterator[Finding]:
    """LA204: an epoch had fewer rows, or more, than the recorder was told that there are."""
    declared = recording.metadata.get("rows")
    for series in recording.select(tag="loss", split="train", covers="batch") if declared else ():
        batches = Batches.of(series)
        if not batches.weights_known or np.all(batches.weights == 1):
            yield _about_rows(series, 0, "cannot be judged: the rows of its batches are unknown", Verdict.UNDECIDABLE)
            continue
        latest = dict(zip(batches.epochs[batches.ends].tolist(), batches.rows.tolist(), strict=True))
        for epoch, rows in latest.items():  # what was broken off, a resumed run has done again
            if rows != declared:
                yield _about_rows(series, epoch, f"was trained on {rows:g} of {declared:g} rows", Verdict.WRONG)
                break


def check_replicas(recording: Recording) -> Iterator[Finding]:
    """LA204: every replica was given the same rows."""
    parts = _replicas(recording)
    if (
        len(parts) > 1
        and len(parts[0]) > 1
        and np.ptp(parts[0].values) > 0
        and all(np.array_equal(one.values, parts[0].values) for one in parts[1:])
    ):
        message = f"train loss: all {len(parts)} replicas have the same loss in every batch: they read the same rows."
        yield Finding(
            ROWS.code,
            Verdict.WRONG,
            message,
            tag="loss",
            split="train",
            cause="replicas-trained-on-the-same-rows",
            remedy="Let the strategy distribute one data set, or give each worker a shard of its own.",
        )


def check_objective(recording: Recording) -> Iterator[Finding]:
    """LA403: replicas of unequal rows, each of which counted alike."""
    for optimised in recording.select(tag="optimised_loss", split="train"):
        logged = next(iter(recording.select(tag="loss", split="train", covers="batch")), optimised)
        if len(logged) != len(optimised):
            continue
        apart = np.flatnonzero(np.abs(optimised.values - logged.values) > half_ulp(logged.values, logged.dtype))
        if not len(apart):
            continue
        at = int(apart[0])
        parts = _replicas(recording)
        rows = ", ".join(f"{part.weights[at]:g}" for part in parts if part.weights is not None and len(part) > at)
        yield Finding(
            OBJECTIVE.code,
            Verdict.WRONG,
            f"train loss, step {at}: {logged.values[at]:.9g} is the mean over its rows, which is logged, but "
            f"{optimised.values[at]:.9g} was minimised: the replicas had {rows} rows, and each counted alike "
            f"({len(apart)} of {len(logged)} batches).",
            severity="warning",
            tag="loss",
            split="train",
            step=at,
            observed=float(optimised.values[at]),
            expected=float(logged.values[at]),
            cause="replicas-of-unequal-rows-counted-alike",
            remedy="Use a batch size, and a number of rows, that the number of replicas divides.",
        )


OUTPUTS = Rule(
    "LA406",
    "output-losses-add-up-to-the-total",
    "The losses logged for the outputs of a model, times their weights, add up to the total of the epoch.",
    "In graph mode Keras weights the total by rows, but counts the batches of each output alike: with a short last "
    "batch the parts of a loss belong to another average than the whole.",
)
EPOCHS = Rule(
    "LA407",
    "every-epoch-is-in-the-event-file",
    "An event file that TensorBoard's callback wrote holds a number for every epoch.",
    "Where `update_freq` is an integer, Keras 3.15 writes the numbers of an epoch only if the batch counter happens to "
    "be a multiple of it; the other epochs are missing from the curve, and nothing says so.",
)
TRAINING_RULES = (ROWS, OBJECTIVE, OUTPUTS, EPOCHS)
TRAINING_CHECKS: tuple[Callable[[Recording], Iterator[Finding]], ...] = (check_rows, check_replicas, check_objective)


def _replicas(recording: Recording) -> list[Series]:
    """The train losses of each replica."""
    return [one for one in recording.select(split="train") if one.tag.startswith("loss/replica_")]


def _about_rows(series: Series, epoch: int, what: str, verdict: Verdict) -> Finding:
    return Finding(
        ROWS.code,
        verdict,
        f"{series.name}, epoch {epoch}: {what}.",
        severity="error" if verdict is Verdict.WRONG else "warning",
        tag=series.tag,
        split=series.split,
        epoch=epoch,
        cause="rows-not-trained-on-once" if verdict is Verdict.WRONG else None,
        remedy="Count what your input pipeline gives in one epoch: without `drop_remainder`, with the short last "
        "batch, and on several replicas from a data set instead of a generator.",
    )
