"""A report as text: a table of verdicts, then each finding with its cause and remedy."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, TextIO, cast

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lossaudit.recording.origins import Origin
from lossaudit.report.contents import Contents
from lossaudit.report.findings import Finding
from lossaudit.report.verdict import Verdict

_UNAUDITED = "skipped: not named like a recorded loss, and no known quantity matches"
_STYLES = {
    Verdict.EXACT: "bold green",
    Verdict.CONSISTENT: "green",
    Verdict.SUSPECT: "yellow",
    Verdict.WRONG: "bold red",
    Verdict.UNDECIDABLE: "bold yellow",
}


class _Encodable:
    """A text stream that writes characters outside its encoding as backslash escapes."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.encoding = getattr(file, "encoding", None) or "utf-8"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, text: str) -> int:
        # Windows consoles with an old code page cannot encode "Σ", and writing it would raise.
        return self._file.write(
            text.encode(self.encoding, "backslashreplace").decode(self.encoding)
        )


class _Console(Console):
    """A console that raises BrokenPipeError when the reader of a pipe leaves."""

    def on_broken_pipe(self) -> None:
        # Rich exits with status 1 here, which would look like findings.
        raise BrokenPipeError


def console_on(file: TextIO) -> Console:
    """A console on a stream: coloured and as wide as a terminal, or plain text elsewhere."""
    # In a pipe no line is wrapped: grep and diff work on whole lines.
    return _Console(
        file=cast(TextIO, _Encodable(file)), highlight=False, soft_wrap=not file.isatty()
    )


def write(report: Contents, file: TextIO) -> None:
    """Write a report to a stream."""
    console = console_on(file)
    if report.verdicts:
        console.print(verdict_table(report))
    for finding in report.findings:
        console.print(finding_text(finding), end="\n\n")
    for explanation in report.explanations:
        console.print(Text(explanation))
    if report.explanations:
        console.print()
    for line in not_audited(report):
        console.print(line, style="dim", markup=False)
    console.print(summary(report))


def not_audited(report: Contents) -> list[str]:
    """One line that lists what was not audited; no line if everything was."""
    return (
        [f"not audited: {together(report.not_audited)} ({_UNAUDITED})"]
        if report.not_audited
        else []
    )


def together(origins: Sequence[str]) -> str:
    """Origins in one string that names each file once.

    >>> together(["log.csv: mae", "log.csv: val_mae", "rates"])
    'log.csv: mae, val_mae; rates'
    """
    by_place: dict[str, list[str]] = {}
    for origin in map(Origin.parse, origins):
        by_place.setdefault(origin.place, []).append(origin.name)
    return "; ".join(
        (f"{place}: " if place else "") + ", ".join(names) for place, names in by_place.items()
    )


def as_text(report: Contents) -> str:
    """The report as plain text."""
    buffer = io.StringIO()
    write(report, buffer)
    return buffer.getvalue()


def verdict_table(report: Contents) -> Table:
    """A table of claims: origin, split, quantity, count of numbers, and verdict."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("claim", overflow="fold")
    table.add_column("split")
    table.add_column("quantity", overflow="fold")
    table.add_column("numbers", justify="right")
    table.add_column("verdict")
    for one in report.verdicts:
        row = (one.origin, one.split, one.quantity or "?", str(one.points))
        # Text, because rich would take a name such as `loss[0]` for markup.
        table.add_row(*(Text(cell) for cell in row), styled(one.verdict))
    return table


def styled(verdict: Verdict) -> Text:
    """A verdict in its colour."""
    return Text(verdict.value, style=_STYLES[verdict])


def finding_text(finding: Finding) -> Text:
    """A finding: its code, cause, message and remedy."""
    text = Text.assemble((finding.code, _STYLES[finding.verdict]), " ")
    if finding.causes:
        text.append(" | ".join(finding.causes), style="bold").append("\n")
    text.append(finding.message)
    if finding.remedy:
        text.append(f"\nRemedy: {finding.remedy}", style="italic")
    return text


def summary(report: Contents) -> Text:
    """The report in one line."""
    if not report.verdicts and not report.findings:
        return Text(
            "lossaudit: nothing to audit: no logged loss was found",
            style="bold yellow",
        )
    right = sum(
        one.verdict in (Verdict.EXACT, Verdict.CONSISTENT, Verdict.SUSPECT)
        for one in report.verdicts
    )
    wrong = sum(one.verdict is Verdict.WRONG for one in report.verdicts)
    open_ = sum(one.verdict is Verdict.UNDECIDABLE for one in report.verdicts) or int(
        report.status == 2
    )
    style = ("bold green", "bold red", "bold yellow")[report.status]
    return Text(f"lossaudit: {right} right, {wrong} wrong, {open_} undecided", style=style)
