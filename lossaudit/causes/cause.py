"""Cause: a known mistake, as a function that predicts the numbers it would have logged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from inspect import signature
from typing import Any, Literal

from lossaudit.predictions import beside_the_log
from lossaudit.recordings import Covers, Floats

Stage = Literal["batches", "mean", "number"]
"""What a mistake changes: the batches that are averaged, how they are averaged, or the number that comes out of it."""

Breaks = Literal["value", "scale", "content", "precision", "finite"]
"""The expectation that a mistake breaks: that a number is what its name says, that it is the loss and not a multiple
of it, that it is the total and not a part, that it keeps its digits, or that it keeps what is not finite."""


@dataclass(frozen=True)
class Cause:
    """A known mistake.

    Args:
        name: kebab-case, ending in what went wrong.
        covers: what the numbers promised to cover.
        stage: what the mistake changes.
        breaks: the expectation that it breaks.
        explanation: what the numbers are instead; continues "It is ...".
        remedy: what to do.
        predict: what the mistake makes of its stage's input: of a Truth other Truths ("batches") or Predictions
            ("mean"), of a Prediction other Predictions ("number"); and of the logged numbers beside it.
        estimates: whether a parameter of it is computed from the logged numbers.
    """

    name: str
    covers: tuple[Covers, ...]
    stage: Stage
    breaks: Breaks
    explanation: str
    remedy: str
    predict: Callable[[Any, Floats], Iterator[Any]]
    estimates: bool


CAUSES: dict[str, Cause] = {}

_Predict = Callable[..., Iterator[Any]]


def cause(
    *covers: Covers, remedy: str, stage: Stage = "mean", breaks: Breaks = "value"
) -> Callable[[_Predict], _Predict]:
    """Register a cause of numbers that promised to cover one of `covers`."""

    def register(predict: _Predict) -> _Predict:
        name = predict.__name__.replace("_", "-")
        explanation = " ".join((predict.__doc__ or "").split())
        estimates = len(signature(predict).parameters) > 1 and breaks != "precision"
        CAUSES[name] = Cause(name, covers, stage, breaks, explanation, remedy, beside_the_log(predict), estimates)
        return predict

    return register
