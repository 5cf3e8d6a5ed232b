"""The axis that the columns of one file share, and findings about it or about one series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from lossaudit.arithmetic.arrays import Ints
from lossaudit.recording.origins import Origin
from lossaudit.recording.recording import Recording
from lossaudit.recording.series import Series
from lossaudit.report.curves import evidence_of_log
from lossaudit.report.findings import Finding
from lossaudit.report.verdict import Verdict
from lossaudit.rules.rule import Rule


@dataclass(frozen=True, eq=False)
class SharedAxis:
    """Series of one file that share an axis, and so break an expectation together.

    Args:
        series: the series, at least one.
        axis: their common steps, or epochs, in the order of the file, shape (n,).
        origin: the file, or the origin of the series if there is only one.
    """

    series: tuple[Series, ...]
    axis: Ints
    origin: Origin | None

    @property
    def covers_epochs(self) -> bool:
        """Whether the axis counts epochs."""
        return self.series[0].covers == "epoch"

    @property
    def unit(self) -> str:
        """What the axis counts: "epoch" or "step"."""
        return "epoch" if self.covers_epochs else "step"

    @property
    def name(self) -> str:
        """The file and the names of the series, as findings print them."""
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
            draw=partial(evidence_of_log, first, fields.get(self.unit)),
            **fields,
        )


def shared_axes(recording: Recording) -> list[SharedAxis]:
    """The axes of a log, each with the series of one file that share it."""
    found: dict[Any, list[Series]] = {}
    for index, series in enumerate(recording.series):
        axis = series.axis
        if axis is not None and len(axis) > 0:
            # Series without a file share nothing: the index keeps them apart.
            place = series.file or index
            found.setdefault((place, series.covers, axis.tobytes()), []).append(series)
    return [_shared_axis(series) for series in found.values()]


def _shared_axis(series: Sequence[Series]) -> SharedAxis:
    first = series[0]
    axis = first.axis
    assert axis is not None
    origin = first.origin if len(series) == 1 else Origin("", file=first.file)
    return SharedAxis(tuple(series), axis, origin)


def distances(axis: Ints) -> Ints:
    """The different distances from number to number, in ascending order."""
    steps = np.diff(axis)
    # Long logs mostly have one distance, and finding the extremes is cheaper than sorting.
    return steps[:1] if len(steps) and steps.min() == steps.max() else np.unique(steps)


def place_of(series: Series, at: int) -> dict[str, int]:
    """The epoch or step of the number at an index, as fields of a finding; empty if unknown."""
    axis = series.axis
    return {} if axis is None else {"epoch" if series.covers == "epoch" else "step": int(axis[at])}


def finding_about(rule: Rule, series: Series, text: str, **fields: Any) -> Finding:
    """A finding about one series; `wrong` unless `fields` say otherwise."""
    verdict = fields.pop("verdict", Verdict.WRONG)
    marked = fields.get("epoch" if series.covers == "epoch" else "step")
    return Finding(
        rule.code,
        verdict,
        f"{series.title}: {text}",
        severity="error" if verdict is Verdict.WRONG else "warning",
        tag=series.tag,
        split=series.split,
        origin=series.origin,
        draw=partial(evidence_of_log, series, marked),
        **{"causes": (fields["cause"],)} | fields,
    )
