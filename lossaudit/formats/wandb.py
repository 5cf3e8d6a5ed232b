"""The CSV export of a Weights & Biases chart: an axis, and the metrics of each run.

The header is `"Step","run - metric","run - metric__MIN","run - metric__MAX"`. If the axis is not
the step, `run - _step` columns have the steps.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lossaudit.errors import LogFileError
from lossaudit.formats import delimited
from lossaudit.formats.columns import Columns
from lossaudit.formats.format import Format
from lossaudit.formats.log_file import LogFile
from lossaudit.formats.points import recording_of
from lossaudit.formats.table import points_of
from lossaudit.recording.recording import Recording

# The run is greedy, because the name of a run may contain " - ", and metrics hardly do.
_SERIES = re.compile(r"^(?P<run>.+) - (?P<metric>.+?)(?P<extreme>__MIN|__MAX)?$")


def sniff(log: LogFile) -> bool:
    """Whether a log has the header of an exported chart."""
    return log.layout is not None and is_export(log.layout.names)


def is_export(names: Sequence[str]) -> bool:
    """Whether the columns are those of an exported chart."""
    found = [_SERIES.match(name) for name in names[1:]]
    # Every export has extremes; a table whose columns contain " - " by chance has none.
    return any(one and one["extreme"] for one in found) and all(found)


def read(log: LogFile) -> Recording:
    """Read the metrics of one run of a chart.

    Raises:
        LogFileError: the file is damaged, the run is missing, or the user has to name one of
            several.
    """
    notes: list[str] = []
    chart = delimited.read(log.path, log.layout, notes)
    run, columns = _run_of(chart, log.path, log.run, notes)
    points = points_of(columns, log.file, log.path, log.roles, notes, empty_is_nan=False)
    return recording_of(log.path, FORMAT.name, points, notes, covers=log.covers, run=run)


def _run_of(chart: Columns, path: Path, run: str | None, notes: list[str]) -> tuple[str, Columns]:
    """The name of one run, and its axis and metrics under the names of the metrics."""
    axis, *names = chart
    found = [(name, _SERIES.match(name)) for name in names]
    runs = list(dict.fromkeys(one["run"] for _, one in found if one))
    run = runs[0] if run is None and len(runs) == 1 else run
    if run is None or run not in runs:
        raise LogFileError(
            f"run={run!r}, but {path} has the runs {', '.join(map(repr, runs))}: name one with "
            "run=…"
        )
    metrics = {
        one["metric"]: name
        for name, one in found
        if one and one["run"] == run and not one["extreme"]
    }
    for metric, name in metrics.items():
        _note_averages(chart, metric, name, notes)
    _note_sampling(chart, axis, notes)
    is_clock = axis.lower().startswith("relative time") or axis.lower() == "wall time"
    place = {} if is_clock else {axis: chart[axis]}
    return run, place | {metric: chart[name] for metric, name in metrics.items()}


def _note_averages(chart: Columns, metric: str, name: str, notes: list[str]) -> None:
    """Note how many numbers are averages: those that differ from their minimum or maximum."""
    for extreme in ("__MIN", "__MAX"):
        other = chart.get(name + extreme)
        if other is None or other.values is None or chart[name].values is None:
            continue
        apart = (chart[name].numbers != other.numbers) & ~chart[name].gaps & ~other.gaps
        if apart.any():
            notes.append(
                f"{metric}: {apart.sum():,} numbers differ from their {extreme[2:]}: they are "
                "averages"
            )


def _note_sampling(chart: Columns, axis: str, notes: list[str]) -> None:
    """Note steps that are more than 1 apart: W&B exports a sample of long runs."""
    steps = chart[axis].values
    if axis != "Step" or steps is None or len(steps) < 2:
        return
    # A chart whose steps are all one has no distance.
    least = np.diff(np.unique(steps)).min(initial=np.inf)
    if 1 < least < np.inf:
        notes.append(
            f"the steps are at least {least:g} apart: W&B samples what it exports, unless the "
            "program logged that seldom"
        )


FORMAT = Format(
    "wandb-csv",
    "a CSV export of a W&B chart",
    sniff,
    read,
    before=("csv",),
    has_columns=True,
)
