"""Where the numbers of a log stand: the axis that the columns of one file share, and how findings speak of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lossaudit.claims import name_of, words_of
from lossaudit.evidence import alone
from lossaudit.findings import Finding, Rule, Verdict
from lossaudit.recordings import Ints, Recording, Series


@dataclass(frozen=True, eq=False)
class Column:
    """Series that share one axis in one file, and so break one expectation together.

    Args:
        series: the series, at least one.
        axis: their common steps, or epochs, in the order of the file, shape (n,).
        origin: the file, or what a single series calls its origin.
    """

    series: tuple[Series, ...]
    axis: Ints
    origin: str | None

    @property
    def covers_epochs(self) -> bool:
        """Whether the axis counts epochs."""
        return self.series[0].covers == "epoch"

    @property
    def unit(self) -> str:
        """What the axis counts."""
        return "epoch" if self.covers_epochs else "step"

    @property
    def name(self) -> str:
        """What findings call it."""
        names = ", ".join(one.name for one in self.series)
        return f"{self.origin} ({names})" if self.origin else names

    def finding(self, rule: Rule, verdict: Verdict, text: str, **fields: Any) -> Finding:
        """A finding about all its series."""
        first = self.series[0]
        fields = {"severity": "error" if verdict is Verdict.WRONG else "warning"} | fields
        causes = tuple(filter(None, [fields.get("cause")]))
        return Finding(
            rule.code,
            verdict,
            f"{self.name}: {text}",
            tag=first.tag,
            split=first.split,
            origin=self.origin,
            causes=causes,
            evidence=alone(first, fields.get(self.unit)),
            **fields,
        )


def columns(recording: Recording) -> list[Column]:
    """The axes of a log, each with the series of one file that share it."""
    found: dict[Any, list[Series]] = {}
    for index, series in enumerate(recording.series):
        axis = axis_of(series)
        if axis is not None and len(axis) > 0:
            place = file_of(series.origin) or index
            found.setdefault((place, series.covers, axis.tobytes()), []).append(series)
    return [_column(series) for series in found.values()]


def file_of(origin: str | None) -> str:
    """The file of an origin such as "training.csv: loss"; empty where it names none.

    >>> file_of("training.csv: loss")
    'training.csv'
    """
    return (origin or "").rpartition(": ")[0]


def _column(series: Sequence[Series]) -> Column:
    first = series[0]
    axis = axis_of(first)
    assert axis is not None
    origin = first.origin if len(series) == 1 else file_of(first.origin)
    return Column(tuple(series), axis, origin)


def axis_of(series: Series) -> Ints | None:
    """What a series counts: epochs where it covers them, else steps; None where the log does not say."""
    if series.covers != "epoch":
        return series.steps
    return series.steps if series.epochs is None else series.epochs


def is_loss(series: Series) -> bool:
    """Whether the tag calls the numbers a loss; a learning rate or a count is no mean over batches."""
    return bool(words_of(series.tag) & {"loss", "losses"})


def distances(axis: Ints) -> Ints:
    """The different distances from number to number, in order."""
    steps = np.diff(axis)
    return steps[:1] if len(steps) and steps.min() == steps.max() else np.unique(steps)


def place_of(series: Series, at: int) -> dict[str, int]:
    """The epoch or step of a number, where the log knows it."""
    axis = axis_of(series)
    return {} if axis is None else {"epoch" if series.covers == "epoch" else "step": int(axis[at])}


def about(rule: Rule, series: Series, text: str, **fields: Any) -> Finding:
    """A finding about one series; `wrong` unless `fields` say otherwise."""
    verdict = fields.pop("verdict", Verdict.WRONG)
    return Finding(
        rule.code,
        verdict,
        f"{name_of(series)}: {text}",
        severity="error" if verdict is Verdict.WRONG else "warning",
        tag=series.tag,
        split=series.split,
        origin=series.origin,
        evidence=alone(series, fields.get("epoch" if series.covers == "epoch" else "step")),
        **{"causes": (fields["cause"],)} | fields,
    )
