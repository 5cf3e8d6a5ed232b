"""The CSV file that a chart of Weights & Biases exports: an axis, and for each run its metrics
with their extremes.

The header is `"Step","run - metric","run - metric__MIN","run - metric__MAX"`, with `run - _step`
columns where the axis is another one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lossaudit.errors import LogFileError
from lossaudit.formats.columns import Columns

_SERIES = re.compile(r"^(?P<run>.+) - (?P<metric>.+?)(?P<extreme>__MIN|__MAX)?$")


def is_export(names: Sequence[str]) -> bool:
    """Whether the names of columns are those of an exported chart."""
    found = [_SERIES.match(name) for name in names[1:]]
    return any(one and one["extreme"] for one in found) and all(found)


def run_of(columns: Columns, path: Path, run: str | None, notes: list[str]) -> tuple[str, Columns]:
    """The axis and the metrics of one run, under the names of the metrics.

    Raises:
        LogFileError: the chart has several runs and none is asked for, or not the one that is
            asked for.
    """
    axis, *names = columns
    found = [(name, _SERIES.match(name)) for name in names]
    runs = list(dict.fromkeys(one["run"] for _, one in found if one))
    run = runs[0] if run is None and len(runs) == 1 else run
    if run is None or run not in runs:
        raise LogFileError(
            f"run={run!r}, but {path} holds the runs {', '.join(map(repr, runs))}: name one with "
            "run=…"
        )
    metrics = {
        one["metric"]: name
        for name, one in found
        if one and one["run"] == run and not one["extreme"]
    }
    for metric, name in metrics.items():
        _say_what_was_averaged(columns, metric, name, notes)
    _say_what_is_missing(columns, axis, notes)
    place = (
        {}
        if axis.lower().startswith("relative time") or axis.lower() == "wall time"
        else {axis: columns[axis]}
    )
    return run, place | {metric: columns[name] for metric, name in metrics.items()}


def _say_what_was_averaged(columns: Columns, metric: str, name: str, notes: list[str]) -> None:
    for extreme in ("__MIN", "__MAX"):
        other = columns.get(name + extreme)
        if other is None or other.values is None or columns[name].values is None:
            continue
        apart = (columns[name].numbers != other.numbers) & ~columns[name].gaps & ~other.gaps
        if apart.any():
            notes.append(
                f"{metric}: {apart.sum():,} numbers differ from their {extreme[2:]}: they are "
                "averages"
            )


def _say_what_is_missing(columns: Columns, axis: str, notes: list[str]) -> None:
    steps = columns[axis].values
    if axis != "Step" or steps is None or len(steps) < 2:
        return
    least = np.diff(np.unique(steps)).min()
    if least > 1:
        notes.append(
            f"the steps are at least {least:g} apart: W&B samples what it exports, unless the "
            "program logged so"
        )
