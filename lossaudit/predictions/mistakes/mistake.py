"""Mistake: one thing that makes a logged number wrong, and the one registry of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from inspect import signature
from typing import Any, Literal

from lossaudit.arithmetic.arrays import Floats
from lossaudit.predictions.prediction import of_truth_and_log
from lossaudit.recording.names import Covers
from lossaudit.rules.aggregation import TOTAL, UNSCALED, VALUE_RULES
from lossaudit.rules.numbers import DIGITS, FINITE
from lossaudit.rules.rule import Rule

Stage = Literal["batches", "mean", "number", "place", "keras", "check"]
"""What a mistake changes: the batches that are averaged, how they are averaged, the number that
comes out of it, or the place where that is logged. Keras itself makes some of these; a check names
others without a prediction."""

Breaks = Literal["value", "scale", "content", "precision", "finite"]
"""The expectation that a mistake breaks: that a number is what its name says, that it is the loss
and not a multiple of it, that it is the total and not a part, that it keeps its digits, or that it
keeps what is not finite."""

_BROKEN: dict[str, Rule] = {
    "scale": UNSCALED,
    "content": TOTAL,
    "precision": DIGITS,
    "finite": FINITE,
}


@dataclass(frozen=True)
class Mistake:
    """One thing that makes a logged number wrong.

    Args:
        name: kebab-case, ending in what went wrong; findings carry it as their cause.
        explanation: what the numbers are instead, or what happened, as sentences; it may use the
            words in braces that its prediction says, and {batches}, {rows}, {full} and {last} of
            the epoch in question.
        remedy: what to do; it may use the same words.
        rules: codes of the rules that it breaks, besides those that follow from `covers` and
            `breaks`.
        covers: what the numbers promised to cover that it makes wrong.
        stage: what it changes.
        breaks: the expectation that it breaks.
        predict: what it makes of the input of its stage: other truths of a Truth ("batches"),
            predictions of a Truth ("mean", "keras"), or predictions of a Prediction ("number"),
            next to the logged numbers; None where an alignment or a check finds it.
        estimates: whether one of its parameters is computed from the logged numbers.
        declared_by: the attribute of a series that, where it is set, says of itself that the
            numbers are so.
        seen: the first and the last version of Keras that made it; None where it is the program's
            own.
        threads: where it is discussed in public, such as `"keras-team/keras#19363"`.
    """

    name: str
    explanation: str
    remedy: str = ""
    rules: tuple[str, ...] = ()
    covers: tuple[Covers, ...] = ()
    stage: Stage = "check"
    breaks: Breaks = "value"
    predict: Callable[[Any, Floats], Iterator[Any]] | None = None
    estimates: bool = False
    declared_by: str = ""
    seen: tuple[str, str] | None = None
    threads: tuple[str, ...] = ()

    def rule(self, covers: Covers) -> Rule:
        """The rule that it breaks in numbers that promised to cover a batch or an epoch."""
        return _BROKEN.get(self.breaks, VALUE_RULES[covers])

    @property
    def codes(self) -> tuple[str, ...]:
        """Every rule that it breaks, by code."""
        return tuple(dict.fromkeys([*(self.rule(one).code for one in self.covers), *self.rules]))

    def predicted(self, source: Any, logged: Floats) -> Iterator[Any]:
        """What it makes of the input of its stage; nothing where it predicts nothing."""
        return self.predict(source, logged) if self.predict else iter(())

    def cited(self) -> dict[str, Any]:
        """Its name and its remedy, as a finding carries them."""
        return {"cause": self.name, "remedy": self.remedy}

    def was_seen_in(self, version: str) -> bool:
        """Whether a version of Keras lies in the range in which it was seen."""
        if self.seen is None:
            return False
        first, last = (version_parts(one) for one in self.seen)
        return first <= version_parts(version) <= last


MISTAKES: dict[str, Mistake] = {}
"""Every mistake by its name."""

_Predict = Callable[..., Iterator[Any]]


def mistake(
    *covers: Covers,
    explanation: str,
    remedy: str,
    stage: Stage = "mean",
    breaks: Breaks = "value",
    rules: tuple[str, ...] = (),
    declared_by: str = "",
) -> Callable[[_Predict], _Predict]:
    """Register the mistake that a function predicts, under the name of the function.

    Args:
        covers: what the numbers promised to cover that it makes wrong.
        explanation: what the numbers are instead, as a sentence.
        remedy: what to do.
        stage: what it changes.
        breaks: the expectation that it breaks.
        rules: codes of further rules that it breaks.
        declared_by: the attribute of a series that, where it is set, says of itself that the
            numbers are so.
    """

    def register(predict: _Predict) -> _Predict:
        return _registered(
            predict,
            explanation=explanation,
            remedy=remedy,
            rules=rules,
            covers=covers,
            stage=stage,
            breaks=breaks,
            estimates=len(signature(predict).parameters) > 1 and breaks != "precision",
            declared_by=declared_by,
        )

    return register


def defect(
    *covers: Covers,
    explanation: str,
    remedy: str,
    seen: tuple[str, str],
    threads: tuple[str, ...] = (),
    rules: tuple[str, ...] = (),
) -> Callable[[_Predict], _Predict]:
    """Register a mistake of Keras itself, under the name of the function that predicts it.

    Args:
        covers: what the numbers promised to cover that it makes wrong.
        explanation: what the numbers are instead, as a sentence.
        remedy: the way out.
        seen: the first and the last version of Keras in which it was seen.
        threads: where it is reported, changed or mended in public.
        rules: codes of further rules that it breaks.
    """

    def register(predict: _Predict) -> _Predict:
        return _registered(
            predict,
            explanation=explanation,
            remedy=remedy,
            rules=rules,
            covers=covers,
            stage="keras",
            seen=seen,
            threads=threads,
        )

    return register


def named(
    name: str,
    *rules: str,
    explanation: str,
    remedy: str = "",
    stage: Stage = "check",
    seen: tuple[str, str] | None = None,
    threads: tuple[str, ...] = (),
) -> Mistake:
    """Register a mistake that an alignment or a check finds, and return it.

    Args:
        name: kebab-case, ending in what went wrong.
        rules: codes of the rules that it breaks.
        explanation: what happened, as a sentence.
        remedy: what to do; empty where only the finding can say it.
        stage: "place" for an alignment, "check" for a check.
        seen: the first and the last version of Keras in which it was seen, if Keras makes it.
        threads: where it is discussed in public.
    """
    return _add(Mistake(name, explanation, remedy, rules, stage=stage, seen=seen, threads=threads))


def of_stage(*stages: Stage) -> list[Mistake]:
    """The mistakes of some stages, in the order in which they are registered."""
    return [one for one in MISTAKES.values() if one.stage in stages]


def version_parts(version: str) -> tuple[int, ...]:
    """A version as numbers; what follows them, as in 3.16.0.dev1, does not count."""
    parts = version.split(".")[:3]
    return tuple(int(part) if part.isdigit() else 0 for part in parts)


def _registered(predict: _Predict, **fields: Any) -> _Predict:
    name = predict.__name__.replace("_", "-")
    _add(Mistake(name, predict=of_truth_and_log(predict), **fields))
    return predict


def _add(one: Mistake) -> Mistake:
    if one.name in MISTAKES:
        raise ValueError(f"name={one.name!r} is the name of a mistake already")
    MISTAKES[one.name] = one
    return one
