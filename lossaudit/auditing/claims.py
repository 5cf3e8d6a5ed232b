"""Claim: a series of logged numbers and what its name promises."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lossaudit.arithmetic.arrays import Floats
from lossaudit.recording import keys
from lossaudit.recording.names import EITHER, Covers, Name, Split
from lossaudit.recording.origins import Origin
from lossaudit.recording.recording import Recording
from lossaudit.recording.series import Series


@dataclass(frozen=True, eq=False)
class Claim:
    """Logged numbers and what they promise to be.

    Args:
        series: the numbers; its `covers` counts only where `promises` is not None.
        promises: what each number covers by its own account; None where nothing says so.
        certain: False where an unknown word in the name may mean another loss than the recorded
            one. Such a claim is judged only if its numbers are recognised.
    """

    series: Series
    promises: Covers | None
    certain: bool = True

    @property
    def origin(self) -> str:
        """The name of the claim in a report."""
        return self.series.origin or self.series.name

    @property
    def name(self) -> Name:
        """The name that the numbers have where they were logged."""
        return Name(Origin.parse(self.origin).name)


def claims_of(claims: Series | Recording | Mapping[str, Any], truth: Recording) -> list[Claim]:
    """Return every claim that a user passes to `audit`.

    Raises:
        TypeError: `claims` is none of the three kinds, or a value of the mapping is no series of
            numbers.
    """
    if isinstance(claims, Series):
        return [Claim(claims, claims.covers)]
    if isinstance(claims, Recording):
        return [Claim(series, series.covers) for series in claims.series]
    if isinstance(claims, Mapping):
        return [claim_named(name, values, truth) for name, values in claims.items()]
    raise TypeError(
        "claims must be a Series, a Recording or a mapping of names to numbers, not "
        f"{type(claims).__name__}: "
        f"{claims!r:.80}"
    )


def claim_named(name: str, values: Series | Iterable[float | None], truth: Recording) -> Claim:
    """Return a claim whose name says its split, its tag and what it covers; None becomes NaN."""
    if isinstance(values, Series):
        return Claim(values, values.covers)
    numbers = _numbers(name, values)
    parsed = Name(name)
    split, tag = _split(parsed, truth), _tag(parsed, truth)
    # A list `losses` may be of batches or of epochs; only its length tells.
    promises = parsed.promises(len(numbers), _epochs(truth, tag, split))
    return Claim(
        Series(numbers, tag=tag, split=split, covers=promises or "batch", origin=Origin(name)),
        promises,
    )


def _numbers(name: str, values: Iterable[float | None]) -> Floats:
    try:
        return np.array(
            [np.nan if value is None else float(value) for value in values], dtype=np.float64
        )
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name}={values!r:.80} must be a series of numbers: {error}") from error


def _split(name: Name, truth: Recording) -> Split:
    """Return the split that a name means in this recording.

    Many programs call their only held-out data "test" or "eval", whether `fit` validates on it or
    `evaluate` runs on it.
    """
    named, recorded = name.split or "train", {series.split for series in truth.series}
    # Many callbacks have "predict" in their name; only a recording of predictions makes it a
    # split.
    if named == "predict" and named not in recorded:
        return "train"
    if named == "test" and "test" not in recorded and "validation" in recorded:
        return "validation"
    if (
        named == "validation"
        and name.words & EITHER
        and ("test" in recorded or "validation" not in recorded)
    ):
        return "test"
    return named


def _tag(name: Name, truth: Recording) -> str:
    # Longest first, so that `val_kl_loss` means the tag `kl_loss` and not a tag `kl`.
    tags: Sequence[str] = sorted(
        {series.tag for series in truth.series} - {keys.LOSS},
        # Of equally long tags always the same one, whatever the order of the set.
        key=lambda tag: (len(tag), tag),
        reverse=True,
    )
    return next(
        (tag for tag in tags if Name(tag).words and Name(tag).words <= name.words), keys.LOSS
    )


def _epochs(truth: Recording, tag: str, split: str) -> int:
    """Number of epochs that the truth has of a split."""
    recorded = truth.select(tag=tag, split=split, covers="batch")
    return max(
        (1 if one.epochs is None else len(np.unique(one.epochs)) for one in recorded), default=0
    )
