"""Combinations: what known mistakes would have logged, alone or in pairs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from lossaudit.arithmetic.arrays import Floats
from lossaudit.predictions.means import means_of_epochs
from lossaudit.predictions.mistakes.mistake import MISTAKES, Mistake
from lossaudit.predictions.prediction import Prediction
from lossaudit.predictions.quantities import EXPECTED, PER, expected_of
from lossaudit.predictions.truth import Truth
from lossaudit.recording import keys
from lossaudit.recording.names import Covers

Combination = tuple[tuple[Mistake, ...], Prediction]
"""Mistakes in the order in which they were made, and the numbers they would have logged."""


def combined(
    truth: Truth, covers: Covers, logged: Floats, count: int, plain: bool = False
) -> Iterator[Combination]:
    """Yield what each combination of mistakes would have logged, one mistake a stage.

    Args:
        truth: the recorded batches.
        covers: what the numbers promised to cover.
        logged: the logged numbers, one for each batch or epoch, NaN where there is none.
        count: number of mistakes.
        plain: leave out mistakes with a parameter, for which a coarse log always has a value, and
            those that only lose digits.
    """
    expected = expected_of(truth, covers)
    for before in _mistakes("batches", covers, plain):
        for averaging in _mistakes("mean", covers, plain):
            left = count - len([one for one in (before, averaging) if one])
            # With other batches and a parameter taken from the log, nearly every log has an
            # explanation.
            if left not in (0, 1) or (before and averaging and averaging.estimates):
                continue
            for mean in _means(truth, covers, logged, before, averaging):
                changed = mean if before or averaging else None
                for after in [None] if left == 0 or plain else _after(changed, expected, covers):
                    made = tuple(one for one in (before, averaging, after) if one)
                    if len(made) == count:
                        yield from ((made, number) for number in _numbers(mean, logged, after))


def _after(
    changed: Prediction | None, expected: Prediction | None, covers: Covers
) -> list[Mistake]:
    """Third-stage causes to try.

    Numbers that are a multiple of the expected ones already fit any factor: scaling is skipped.
    """
    found = [one for one in _mistakes("number", covers) if one]
    if changed is None or expected is None or not _is_multiple(changed, expected):
        return found
    return [one for one in found if one.breaks != "scale"]


def _is_multiple(mean: Prediction, expected: Prediction) -> bool:
    """Whether all numbers are the expected ones times one factor."""
    # Zeros stay zero under every factor, and so tell nothing about it.
    known = np.isfinite(expected.values) & (expected.values != 0)
    factors, errors = (
        mean.values[known] / expected.values[known],
        mean.bounds[known] / np.abs(expected.values[known]),
    )
    return not len(factors) or bool(np.all(np.abs(factors - factors[0]) <= errors + errors[0]))


def alone(covers: Covers, plain: bool = False) -> list[tuple[Mistake, ...]]:
    """Return every mistake by itself."""
    stages = ("batches", "mean") if plain else ("batches", "mean", "number")
    return [(one,) for stage in stages for one in _mistakes(stage, covers, plain) if one]


def repeated(
    truth: Truth, covers: Covers, logged: Floats, mistakes: Iterable[Mistake]
) -> Iterator[Combination]:
    """Yield what one combination of mistakes would have logged."""
    made = {one.stage: one for one in mistakes}
    for mean in _means(truth, covers, logged, made.get("batches"), made.get("mean")):
        yield from (
            (tuple(mistakes), number) for number in _numbers(mean, logged, made.get("number"))
        )


def _mistakes(stage: str, covers: Covers, plain: bool = False) -> list[Mistake | None]:
    """No mistake at a stage, and every one that breaks the promise."""
    found = [one for one in MISTAKES.values() if one.stage == stage and covers in one.covers]
    return [
        None,
        *(one for one in found if not (plain and (one.estimates or one.breaks == "precision"))),
    ]


def _means(
    truth: Truth, covers: Covers, logged: Floats, before: Mistake | None, averaging: Mistake | None
) -> Iterator[Prediction]:
    for averaged in [truth] if before is None else before.predicted(truth, logged):
        for mean in (
            _right(averaged, covers)
            if averaging is None
            else averaging.predicted(averaged, logged)
        ):
            # A mistake may drop or repeat batches; then the numbers have no place to be compared
            # at.
            if mean.per == PER[covers] and len(mean) == len(logged):
                yield mean.with_details(**_known_counts(averaged), **averaged.details)


def _right(truth: Truth, covers: Covers) -> Iterator[Prediction]:
    """The expected numbers.

    Epoch means use double sums, not exact ones: they are cheaper, and enough to reject a wrong
    explanation.
    """
    if covers != "epoch":
        yield from EXPECTED[covers](truth)
    elif truth.batches.weights_known:
        yield means_of_epochs(truth.batches, truth.dtype)


def _known_counts(truth: Truth) -> dict[str, str]:
    """Rows of a full batch and number of replicas, if the recording has them."""
    counts = {
        "replicas": truth.metadata.get(keys.REPLICAS),
        "full": truth.batches.batch_sizes.max(),
    }
    known = {"full": truth.batches.weights_known, "replicas": counts["replicas"] is not None}
    return {name: f"{count:g}" for name, count in counts.items() if known[name]}


def _numbers(mean: Prediction, logged: Floats, after: Mistake | None) -> Iterable[Prediction]:
    return [mean] if after is None else after.predicted(mean, logged)
