"""The options of each command, and what keeps one from judging."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lossaudit.errors import LossauditError

CANNOT_JUDGE = 2

FAIL_ON = (
    "which findings give exit status 1: error (what is wrong; the default), warning (also what is "
    "suspect), or never; "
    "what is undecidable gives 2 unless never, and bad usage, unreadable input and nothing to "
    "audit always do"
)


class JudgingError(Exception):
    """What keeps a command from judging, in words for its user."""


def bench_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--budget",
        type=_budget,
        metavar="RATIO",
        help="how many times plain fit it may take, e.g. 1.02",
    )
    parser.add_argument(
        "--size",
        choices=("smallest", "small", "large"),
        help="the model that is trained, with steps of about 1, 3 or 30 ms; the smallest by "
        "default",
    )
    parser.add_argument(
        "--model",
        metavar="MODULE:FUNCTION",
        help="your own: returns a compiled model, and what fit takes first",
    )
    parser.add_argument(
        "--steps-per-execution", type=int, metavar="N", help="as in compile; 1 by default"
    )
    parser.add_argument("--jit-compile", action="store_true", help="as in compile")
    parser.add_argument(
        "--rounds", type=int, default=31, metavar="N", help="pairs of fits; 31 by default"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of the order, and of the bootstrap"
    )
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="how to write the result"
    )
    parser.add_argument(
        "-o",
        dest="output",
        type=Path,
        metavar="FILE",
        help="write it there, not to standard output",
    )
    parser.add_argument(
        "callbacks",
        nargs="*",
        metavar="MODULE:CALLBACK",
        help="what makes a callback; else those of lossaudit",
    )


def _budget(text: str) -> float:
    budget = float(text)
    if not 0 < budget < math.inf:
        raise argparse.ArgumentTypeError(f"{text} must be positive and finite")
    return budget


def log_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--truth",
        type=Path,
        metavar="FILE",
        help="the run file with the true losses of the batches",
    )
    parser.add_argument(
        "--run", metavar="NAME", dest="run_name", help="the run to read where a log holds several"
    )
    covers = ("batch", "epoch_so_far", "epoch")
    parser.add_argument(
        "--covers", choices=covers, help="what each number covers, where the log does not say"
    )


def report_options(parser: argparse.ArgumentParser, where: str) -> None:
    """Options whose defaults are the project's settings; argparse has None where they are not
    given.
    """
    parser.add_argument(
        "--format",
        choices=("text", "json", "github", "html"),
        help="how to write the report; text by default",
    )
    parser.add_argument(
        "--select", type=_codes, metavar="CODES", help="only these rules, e.g. LA1,LA301"
    )
    parser.add_argument("--ignore", type=_codes, metavar="CODES", help="not these rules")
    parser.add_argument("--fail-on", choices=("error", "warning", "never"), help=FAIL_ON)
    parser.add_argument(
        "-o",
        dest="output",
        type=Path,
        metavar="FILE",
        help=f"write the report there, not to {where}",
    )


def _codes(text: str) -> tuple[str, ...]:
    from lossaudit.rules.catalogue import codes_of

    try:
        return codes_of(text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


@contextmanager
def refusing() -> Iterator[None]:
    """What cannot be read or written ends the command with the error's message, and without a
    traceback.
    """
    try:
        yield
    except (LossauditError, OSError) as error:
        raise JudgingError(str(error)) from error
