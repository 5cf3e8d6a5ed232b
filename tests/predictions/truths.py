"""A truth of two epochs, small enough to check by hand, and what mistakes make of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lossaudit import Recording, Series
from lossaudit.predictions.mistakes import MISTAKES
from lossaudit.predictions.truth import Truth, truth_about

TINY = Recording(
    [
        Series(
            [1, 2, 9, 3, 5, 10], weights=[4, 4, 2] * 2, epochs=[0, 0, 0, 1, 1, 1], steps=range(6)
        ),
        Series([2, 6, 1, 5], split="validation", weights=[3, 1] * 2, epochs=[0, 0, 1, 1]),
    ]
)
"""Train means are 3 and 5.2 by rows, 4 and 6 by batches; validation means are 3 and 2, 4 and 3."""


def truth(split="train", recording=TINY, *, tag="loss", **metadata) -> Truth:
    found = truth_about(recording, tag, split, "float32")
    assert found is not None
    return replace(found, metadata={**found.metadata, **metadata})


def tiny_with(**columns) -> Recording:
    """The recording with more series of the train batches, by tag."""
    train = TINY.find(split="train")
    more = [
        Series(values, tag=tag, weights=train.weights, epochs=train.epochs, steps=train.steps)
        for tag, values in columns.items()
    ]
    return Recording([*TINY.series, *more])


def of_mistake(name, source, logged=()):
    """Everything that a mistake makes of a truth or a prediction, next to a log."""
    return list(MISTAKES[name].predicted(source, np.array(logged, np.float64)))


def fits(found, logged):
    """Whether one of some predictions is a log."""
    logged = np.array(logged, np.float64)
    return any(len(one) == len(logged) and one.matches(logged).all() for one in found)
