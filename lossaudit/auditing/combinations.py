"""Combinations: what known mistakes, alone or in pairs, would have logged in place of the expected
numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from lossaudit.arithmetic.arrays import Floats
from lossaudit.predictions.means import means_of_epochs
from lossaudit.predictions.mistakes.mistake import MISTAKES, Mistake
from lossaudit.predictions.prediction import Prediction
from lossaudit.predictions.quantities import EXPECTED, PACES, expected_of
from lossaudit.predictions.truth import Truth
from lossaudit.recording import keys
from lossaudit.recording.names import Covers

Combination = tuple[tuple[Mistake, ...], Prediction]
"""Mistakes in the order in which they were made, and the numbers that they would have logged."""


def combined(
    truth: Truth, covers: Covers, logged: Floats, count: int, plain: bool = False
) -> Iterator[Combination]:
    """What every combination of so many mistakes, each at a stage of its own, would have logged.

    Args:
        truth: the recorded batches.
        covers: what the numbers promised to cover.
        logged: the logged numbers, one for each batch or epoch, NaN where there is none.
        count: how many mistakes are made.
        plain: leave out those with a parameter, which a coarse log always has a value for, and
            those of a few digits.
    """
    expected = expected_of(truth, covers)
    for before in _mistakes("batches", covers, plain):
        for averaging in _mistakes("mean", covers, plain):
            left = count - len([one for one in (before, averaging) if one])
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
    """What can be done with a number: what is a multiple of the right one already would be scaled
    to anything.
    """
    found = [one for one in _mistakes("number", covers) if one]
    if changed is None or expected is None or not _is_multiple(changed, expected):
        return found
    return [one for one in found if one.breaks != "scale"]


def _is_multiple(mean: Prediction, expected: Prediction) -> bool:
    """Whether one factor makes the right numbers of all of them."""
    known = np.isfinite(expected.values) & (expected.values != 0)
    factors, slack = (
        mean.values[known] / expected.values[known],
        mean.bounds[known] / np.abs(expected.values[known]),
    )
    return not len(factors) or bool(np.all(np.abs(factors - factors[0]) <= slack + slack[0]))


def alone(covers: Covers, plain: bool = False) -> list[tuple[Mistake, ...]]:
    """Every mistake by itself."""
    stages = ("batches", "mean") if plain else ("batches", "mean", "number")
    return [(one,) for stage in stages for one in _mistakes(stage, covers, plain) if one]


def repeated(
    truth: Truth, covers: Covers, logged: Floats, mistakes: Iterable[Mistake]
) -> Iterator[Combination]:
    """What one combination of mistakes would have logged."""
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
            if mean.pace == PACES[covers] and len(mean) == len(logged):
                yield mean.saying(**_known_counts(averaged), **averaged.words)


def _right(truth: Truth, covers: Covers) -> Iterator[Prediction]:
    """The numbers that keep a promise; of an epoch not from exact sums, of which most would refute
    a mistake only.
    """
    if covers != "epoch":
        yield from EXPECTED[covers](truth)
    elif truth.batches.weights_known:
        yield means_of_epochs(truth.batches, truth.dtype)


def _known_counts(truth: Truth) -> dict[str, str]:
    """Rows of a full batch and number of replicas, where a recording knows them."""
    counts = {"replicas": truth.metadata.get(keys.REPLICAS), "full": truth.batches.full.max()}
    known = {"full": truth.batches.weights_known, "replicas": counts["replicas"] is not None}
    return {name: f"{count:g}" for name, count in counts.items() if known[name]}


def _numbers(mean: Prediction, logged: Floats, after: Mistake | None) -> Iterable[Prediction]:
    return [mean] if after is None else after.predicted(mean, logged)
