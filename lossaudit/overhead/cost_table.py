"""Cost table: ratio to plain fit, time in hooks, memory, and the verdict on a budget."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from lossaudit.report.text import console_on

if TYPE_CHECKING:
    from lossaudit.overhead.costs import Overhead

_STYLES = {
    "within": "green",
    "not shown to exceed": "green",
    "over": "bold red",
    "undecided": "bold yellow",
    "decided": "",
}
_HEADS = (
    "callbacks",
    "times plain fit",
    "µs in hooks\na batch (p99)",
    "share",
    "ms outside\nof epochs",
    "MB per\n10⁶ batches",
)

_WORD = len("undecided")
_WIDTH = 100
"""Width of the table in characters if there is no terminal."""


def write(measured: Sequence[Overhead], budget: float | None, file: TextIO) -> None:
    """Write the table to a stream, and below it control, training, machine and doubts."""
    console = console_on(file)
    console.width = console.width if file.isatty() else _WIDTH
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for head in _HEADS:
        table.add_column(head, no_wrap=head != "callbacks", overflow="fold")
    table.add_column(
        "" if budget is None else f"≤ {budget:g}", min_width=0 if budget is None else _WORD
    )
    for one in measured:
        judged = word_for(one, budget)
        table.add_row(
            *map(Text, cells(one)),
            Text("" if judged == "decided" else judged, style=_STYLES[judged]),
        )
    console.print(table)
    for line in dict.fromkeys(line for one in measured for line in notes(one)):
        console.print(Text(line, style="dim"))
    for doubt in dict.fromkeys(doubt for one in measured for doubt in one.doubts):
        console.print(Text(f"undecided: {doubt}", style="bold yellow"))


def word_for(one: Overhead, budget: float | None) -> str:
    """The verdict on a measurement in a word or two."""
    if budget is None:
        return "decided" if one.decided else "undecided"
    return str(one.judged(budget))


def cells(one: Overhead) -> tuple[str, ...]:
    """The row of a measurement, without the verdict."""
    return (
        one.name,
        f"{one.ratio:.3f} ({one.interval})",
        f"{one.hooks.median * 1e6:.1f} ({one.hooks.worst * 1e6:.1f})",
        f"{one.hooks.share:.1%}",
        f"{one.outside * 1e3:.1f}",
        "" if one.growth is None else f"{one.growth.bytes:.0f}",
    )


def notes(one: Overhead) -> list[str]:
    """What a row was compared with and measured on: control, training and machine."""
    about = one.setup
    settings = (
        f"steps_per_execution={about['steps_per_execution']}, jit_compile={about['jit_compile']}"
    )
    devices = ", ".join(about["accelerators"]) or "no accelerator"
    return [
        f"plain fit against itself: {one.control}; {one.pairs} pairs of {one.batches} batches, "
        f"{one.step * 1e3:.2f} ms a batch; {settings}",
        f"{about['processor']}, {about['cores']} cores, load {about['load']}, {devices}; Keras "
        f"{about['keras']}, Python {about['python']}",
    ]


def document(measured: Sequence[Overhead], budget: float | None) -> str:
    """The measurements as JSON."""
    from lossaudit.overhead import costs

    return json.dumps(costs.document(measured, budget), allow_nan=False)
