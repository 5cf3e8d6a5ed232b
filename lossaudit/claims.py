"""Claim: a series of logged numbers, and what its name promises."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lossaudit.recordings import Covers, Floats, Recording, Series, Split

SPLITS: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
    "eval": "test",
    "evaluation": "test",
}
"""Words by which programs name splits."""
_BATCH = frozenset({"batch", "batches", "step", "steps", "iteration", "iterations"})
_EPOCH = frozenset({"epoch", "epochs"})
_MEAN = frozenset({"avg", "average", "averages", "cumulative", "mean", "means", "running", "smooth", "smoothed"})
_PLAIN = frozenset(
    {"all", "array", "by", "data", "end", "far", "history", "list", "log", "logged", "logs", "my", "per", "record"}
    | {"recorded", "records", "result", "results", "series", "so", "total", "totals", "value", "values"}
)
LOSS = frozenset({"loss", "losses", "objective", "cost", "costs"})
"""Words by which programs name the loss."""


@dataclass(frozen=True, eq=False)
class Claim:
    """Logged numbers, and what they promise to be.

    Args:
        series: the numbers; its `covers` counts only where `promises` is not None.
        promises: what each number covers by its own account; None where the name says nothing.
        certain: False where the numbers may be another loss than the recorded one, by a word in their name that is not
            understood; such a claim is judged only if its numbers are recognised.
    """

    series: Series
    promises: Covers | None
    certain: bool = True

    @property
    def origin(self) -> str:
        """What the report calls the claim."""
        return self.series.origin or self.series.name


def claims_of(claims: Series | Recording | Mapping[str, Any], truth: Recording) -> list[Claim]:
    """Every claim in what a user hands to `audit`.

    Raises:
        TypeError: `claims` is none of the three kinds, or a mapping's value is not a series of numbers.
    """
    if isinstance(claims, Series):
        return [Claim(claims, claims.covers)]
    if isinstance(claims, Recording):
        return [Claim(series, series.covers) for series in claims.series]
    if isinstance(claims, Mapping):
        return [claim_named(name, values, truth) for name, values in claims.items()]
    raise TypeError(
        f"claims must be a Series, a Recording or a mapping of names to numbers, not {type(claims).__name__}: "
        f"{claims!r:.80}"
    )


def claim_named(name: str, values: Series | Iterable[float | None], truth: Recording) -> Claim:
    """A claim whose name says which split and tag it speaks of, and what it covers; None among its values is NaN."""
    if isinstance(values, Series):
        return Claim(values, values.covers)
    numbers = _numbers(name, values)
    words = words_of(name)
    split, tag = _split(words, truth), _tag(words, truth)
    promises = promised(words, len(numbers), _epochs(truth, tag, split))
    return Claim(Series(numbers, tag=tag, split=split, covers=promises or "batch", origin=name), promises)


def _numbers(name: str, values: Iterable[float | None]) -> Floats:
    try:
        return np.array([np.nan if value is None else float(value) for value in values], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name}={values!r:.80} must be a series of numbers: {error}") from error


def name_of(series: Series) -> str:
    """What findings call a series."""
    return f"{series.origin} ({series.name})" if series.origin else series.name


def words_of(name: str) -> frozenset[str]:
    """The lower-case words of a name in snake case, camel case, or with any other separator.

    >>> sorted(words_of("BatchLossHistory.val_losses"))
    ['batch', 'history', 'loss', 'losses', 'val']
    """
    return frozenset(word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name))


def is_plain(name: str) -> bool:
    """Whether a name has no word that could make its numbers another thing than the loss.

    >>> is_plain("val_losses"), is_plain("kl_loss"), is_plain("accuracies")
    (True, False, False)
    """
    return words_of(name) <= LOSS | _BATCH | _EPOCH | _MEAN | _PLAIN | SPLITS.keys()


def promised(words: frozenset[str], length: int, epochs: int) -> Covers | None:
    """What numbers of that name and length promise to cover, beside a truth of so many epochs."""
    if not words & (LOSS | _BATCH | _EPOCH | _MEAN):
        return None
    if not words & _BATCH and (words & _EPOCH or length <= epochs):
        return "epoch"
    return "epoch_so_far" if words & _MEAN else "batch"


def _split(words: frozenset[str], truth: Recording) -> Split:
    named: Split = next((split for word, split in SPLITS.items() if word in words), "train")
    recorded = {series.split for series in truth.series}
    # Many programs call their only held-out data "test" or "eval", whether fit validated on it or evaluate ran on it.
    if named == "test" and "test" not in recorded and "validation" in recorded:
        return "validation"
    return named


def _tag(words: frozenset[str], truth: Recording) -> str:
    tags: Sequence[str] = sorted({series.tag for series in truth.series} - {"loss"}, key=len, reverse=True)
    return next((tag for tag in tags if words_of(tag) and words_of(tag) <= words), "loss")


def _epochs(truth: Recording, tag: str, split: str) -> int:
    """How many epochs the truth has of a split."""
    recorded = truth.select(tag=tag, split=split, covers="batch")
    return max((1 if one.epochs is None else len(np.unique(one.epochs)) for one in recorded), default=0)
