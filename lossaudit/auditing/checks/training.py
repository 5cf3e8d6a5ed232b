"""Checks of the training itself, whatever was logged: its rows and its objective."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from lossaudit.arithmetic.bounds import half_ulp
from lossaudit.predictions.mistakes import noticed
from lossaudit.predictions.truth import Batches
from lossaudit.recording import keys
from lossaudit.recording.recording import Recording
from lossaudit.recording.series import Series
from lossaudit.report.findings import Finding
from lossaudit.report.verdict import Verdict
from lossaudit.rules.callbacks import OBJECTIVE
from lossaudit.rules.steps import ROWS


def check_rows(recording: Recording) -> Iterator[Finding]:
    """LA204: an epoch trained on fewer or more rows than the recorder was told."""
    declared = recording.metadata.get(keys.ROWS)
    for series in (
        recording.select(tag=keys.LOSS, split="train", covers="batch") if declared else ()
    ):
        batches = Batches.of(series)
        # Keras up to 3.1.1 gives every batch the weight 1, so ones need not be rows.
        if not batches.weights_known or np.all(batches.weights == 1):
            yield _about_rows(
                series,
                0,
                "cannot be judged: the rows of its batches are unknown",
                Verdict.UNDECIDABLE,
            )
            continue
        latest = dict(
            zip(batches.epochs[batches.ends].tolist(), batches.rows.tolist(), strict=True)
        )
        # A resumed run trains an interrupted epoch again: only its latest rows count.
        for epoch, rows in latest.items():
            if rows != declared:
                yield _about_rows(
                    series, epoch, f"was trained on {rows:g} of {declared:g} rows", Verdict.WRONG
                )
                break


def check_replicas(recording: Recording) -> Iterator[Finding]:
    """LA204: every replica got the same rows."""
    parts = _replicas(recording)
    if (
        len(parts) > 1
        and len(parts[0]) > 1
        # Constant losses are equal on different rows as well.
        and np.ptp(parts[0].values) > 0
        and all(np.array_equal(one.values, parts[0].values) for one in parts[1:])
    ):
        message = (
            f"train loss: all {len(parts)} replicas have the same loss in every batch, "
            "so they read the same rows."
        )
        yield Finding(
            ROWS.code,
            Verdict.WRONG,
            message,
            tag=keys.LOSS,
            split="train",
            **noticed.REPLICAS_TRAINED_ON_THE_SAME_ROWS.cited(),
        )


def check_objective(recording: Recording) -> Iterator[Finding]:
    """LA403: replicas of unequal rows each count alike."""
    for optimised in recording.select(tag=keys.OPTIMISED_LOSS, split="train"):
        logged = next(
            iter(recording.select(tag=keys.LOSS, split="train", covers="batch")), optimised
        )
        if len(logged) != len(optimised):
            continue
        apart = np.flatnonzero(
            np.abs(optimised.values - logged.values) > half_ulp(logged.values, logged.dtype)
        )
        if not len(apart):
            continue
        at = int(apart[0])
        parts = _replicas(recording)
        rows = ", ".join(
            f"{part.weights[at]:g}"
            for part in parts
            if part.weights is not None and len(part) > at
        )
        yield Finding(
            OBJECTIVE.code,
            Verdict.WRONG,
            f"train loss, step {at}: {logged.values[at]:.9g} is the mean over its rows, which is "
            "logged, but "
            f"{optimised.values[at]:.9g} was minimised: the replicas had {rows} rows, and each "
            "counted alike "
            f"({len(apart)} of {len(logged)} batches).",
            severity="warning",
            tag=keys.LOSS,
            split="train",
            step=at,
            observed=float(optimised.values[at]),
            expected=float(logged.values[at]),
            **noticed.REPLICAS_OF_UNEQUAL_ROWS_COUNTED_ALIKE.cited(),
        )


TRAINING_CHECKS: tuple[Callable[[Recording], Iterator[Finding]], ...] = (
    check_rows,
    check_replicas,
    check_objective,
)


def _replicas(recording: Recording) -> list[Series]:
    """The train losses of each replica."""
    return [
        one
        for one in recording.select(split="train")
        if one.tag.startswith(keys.LOSS + keys.REPLICA)
    ]


def _about_rows(series: Series, epoch: int, what: str, verdict: Verdict) -> Finding:
    mistake = noticed.ROWS_NOT_TRAINED_ON_ONCE
    return Finding(
        ROWS.code,
        verdict,
        f"{series.name}, epoch {epoch}: {what}.",
        severity="error" if verdict is Verdict.WRONG else "warning",
        tag=series.tag,
        split=series.split,
        epoch=epoch,
        cause=mistake.name if verdict is Verdict.WRONG else None,
        remedy=mistake.remedy,
    )
