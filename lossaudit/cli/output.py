"""Output: writes the result of a command to a file or a stream, in the chosen format."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from lossaudit.cli.options import refusing

if TYPE_CHECKING:
    from lossaudit.report.report import Report


def write(report: Report, options: argparse.Namespace, stream: TextIO) -> None:
    """Write a report to the file of `-o`, or to a stream without one."""
    put(lambda file: render(report, options.format, file), options.output, stream)


def put(
    write: Callable[[TextIO], None], output: Path | None, stream: TextIO | None = None
) -> None:
    """Call `write` with the opened file, or with a stream (default: standard output).

    Raises:
        JudgingError: the file cannot be written.
    """
    if output is None:
        write(stream or sys.stdout)
        return
    with refusing(), output.open("w", encoding="utf-8") as file:
        write(file)


def render(report: Report, form: str, stream: TextIO) -> None:
    """Write a report to a stream in a format: "text", "json", "github" or "html"."""
    if form == "json":
        print(report.to_json(), file=stream)
        return
    if form == "html":
        # Jinja2 takes longer to load than auditing a small log, so other formats do without it.
        from lossaudit.report import html

        print(html.page(report), file=stream)
        return
    from lossaudit.report import github, text

    (github if form == "github" else text).write(report, stream)
