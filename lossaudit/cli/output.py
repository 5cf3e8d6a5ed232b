"""Where a command writes its result, and in which format."""

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
    """Write a report to the file that was asked for, or else to a stream."""
    put(lambda file: render(report, options.format, file), options.output, stream)


def put(
    write: Callable[[TextIO], None], output: Path | None, stream: TextIO | None = None
) -> None:
    """Let it be written to a file, or else to a stream, by default standard output."""
    if output is None:
        write(stream or sys.stdout)
        return
    with refusing(), output.open("w", encoding="utf-8") as file:
        write(file)


def render(report: Report, form: str, stream: TextIO) -> None:
    if form == "json":
        print(report.to_json(), file=stream)
        return
    from lossaudit.report import github, html, text

    if form == "html":
        print(html.page(report), file=stream)
    else:
        (github if form == "github" else text).write(report, stream)
