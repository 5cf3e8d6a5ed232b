"""The options of each command, and the error that keeps a command from judging."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lossaudit.errors import LossauditError

CANNOT_JUDGE = 2
"""The exit status of a command that cannot judge."""

FAIL_ON = (
    "which findings give exit status 1: error (the default), warning (errors and warnings), or "
    "never. Undecidable findings give 2 unless never; bad usage, unreadable input and nothing to "
    "audit always do"
)


class JudgingError(Exception):
    """The reason why a command cannot judge, as a message for its user."""


def bench_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `lossaudit bench`."""
    _add_trained_model(parser)
    parser.add_argument(
        "--budget",
        type=_budget,
        metavar="RATIO",
        help="allowed duration as a multiple of a fit without the callback, e.g. 1.02",
    )
    parser.add_argument(
        "--rounds", type=int, default=31, metavar="N", help="pairs of fits; 31 by default"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="seed of the order and the bootstrap"
    )
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="how to write the result"
    )
    parser.add_argument(
        "-o",
        dest="output",
        type=Path,
        metavar="FILE",
        help="write the result to FILE instead of standard output",
    )
    parser.add_argument(
        "callbacks",
        nargs="*",
        metavar="MODULE:CALLBACK",
        help="callables that return a callback; those of lossaudit by default",
    )


def _add_trained_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--size",
        choices=("smallest", "small", "large"),
        help="the model to train, with steps of about 1, 3 or 30 ms; smallest by default",
    )
    parser.add_argument(
        "--model",
        metavar="MODULE:FUNCTION",
        help="your own model: a function that returns a compiled model and the data for fit",
    )
    parser.add_argument(
        "--steps-per-execution", type=int, metavar="N", help="as in compile; 1 by default"
    )
    parser.add_argument("--jit-compile", action="store_true", help="as in compile")


def _budget(text: str) -> float:
    budget = float(text)
    if not 0 < budget < math.inf:
        raise argparse.ArgumentTypeError(f"{text} must be positive and finite")
    return budget


def log_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how to read logs."""
    parser.add_argument(
        "--truth",
        type=Path,
        metavar="FILE",
        help="the run file with the true losses of the batches",
    )
    parser.add_argument(
        "--run", metavar="NAME", dest="run_name", help="the run to read if a log has several"
    )
    covers = ("batch", "epoch_so_far", "epoch")
    parser.add_argument(
        "--covers", choices=covers, help="what each number covers, if the log does not say"
    )


def report_options(parser: argparse.ArgumentParser, where: str) -> None:
    """Add the options of a report; None if not given, so that the project's settings apply.

    Args:
        parser: the parser of a command.
        where: where the report goes without `-o`.
    """
    parser.add_argument(
        "--format",
        choices=("text", "json", "github", "html"),
        help="how to write the report; text by default",
    )
    parser.add_argument(
        "--select", type=_codes, metavar="CODES", help="only these rules, e.g. LA1,LA301"
    )
    parser.add_argument("--ignore", type=_codes, metavar="CODES", help="all but these rules")
    parser.add_argument("--fail-on", choices=("error", "warning", "never"), help=FAIL_ON)
    parser.add_argument(
        "-o",
        dest="output",
        type=Path,
        metavar="FILE",
        help=f"write the report to FILE instead of {where}",
    )


def _codes(text: str) -> tuple[str, ...]:
    from lossaudit.rules.catalogue import codes_of

    try:
        return codes_of(text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


@contextmanager
def refusing() -> Iterator[None]:
    """Turn errors of reading and writing into a JudgingError: a message without a traceback."""
    try:
        yield
    except (LossauditError, OSError) as error:
        raise JudgingError(str(error)) from error
