"""The `lossaudit` command: demo, run, audit, verify, rule, bench."""

from __future__ import annotations

import argparse
import json
import os
import runpy
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lossaudit import __version__
from lossaudit.cli.bench import bench
from lossaudit.cli.options import (
    CANNOT_JUDGE,
    JudgingError,
    bench_options,
    log_options,
    refusing,
    report_options,
)
from lossaudit.cli.output import write

if TYPE_CHECKING:
    from lossaudit.cli.sources import Source

_STATUS = "Exit status: 0 no findings, 1 findings, 2 cannot judge."
_COSTS = (
    "Exit status: 0 within the budget, 1 over it, 2 cannot judge, as where the machine is too "
    "noisy. What callbacks "
    "print goes to standard error."
)
_EPILOG = f"Options that are not given are taken from [tool.lossaudit] in the nearest pyproject.toml. {_STATUS}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; exit status 0 no findings, 1 findings, 2 cannot judge."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.command(options)
        sys.stdout.flush()
    except JudgingError as error:
        print(f"lossaudit {options.name}: {error}", file=sys.stderr)
        return CANNOT_JUDGE
    except (
        BrokenPipeError
    ):  # the reader of a pipe has read enough; what is left must not be written at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CANNOT_JUDGE
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lossaudit",
        description="Is the loss I logged the loss I had?",
        epilog=_STATUS,
    )
    parser.add_argument("--version", action="version", version=f"lossaudit {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    demo = commands.add_parser(
        "demo", help="train on real data with the mistakes that tutorials teach, and audit them"
    )
    demo.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="save the report and the run files there; else a new folder",
    )
    demo.add_argument(
        "--format", choices=("text", "json"), default="text", help="how to print the result"
    )
    demo.set_defaults(command=_demo, name="demo")

    run = commands.add_parser(
        "run", help="run a Keras script with every fit in it audited", epilog=_EPILOG
    )
    report_options(run, "standard error")
    run.add_argument("script", type=Path, metavar="SCRIPT", help="the script to run")
    run.add_argument(
        "arguments", nargs=argparse.REMAINDER, metavar="ARGS", help="the script's own arguments"
    )
    run.set_defaults(command=_run, name="run")

    audit = commands.add_parser(
        "audit", help="judge the logs of a training by the losses it had", epilog=_EPILOG
    )
    log_options(audit)
    report_options(audit, "standard output")
    audit.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="a log, a run file, or a folder of event files",
    )
    audit.set_defaults(command=_audit, name="audit")

    rule = commands.add_parser("rule", help="explain a rule, or list them all")
    rule.add_argument("code", nargs="?", metavar="CODE", help="a rule code such as LA101")
    rule.add_argument(
        "--format", choices=("text", "json"), default="text", help="how to print the rules"
    )
    rule.set_defaults(command=_rule, name="rule")

    verify = commands.add_parser(
        "verify", help="train, and see what the installed Keras logs: is it what is told of it?"
    )
    verify.add_argument(
        "--format", choices=("text", "json"), default="text", help="how to print the table"
    )
    verify.set_defaults(command=_verify, name="verify")

    measure = commands.add_parser(
        "bench",
        help="measure what callbacks cost a training, by fits with and without them in turn",
        epilog=_COSTS,
    )
    bench_options(measure)
    measure.set_defaults(command=bench, name="bench")
    return parser


def _with_settings(options: argparse.Namespace) -> None:
    """Fill in what was not given on the command line."""
    from lossaudit.cli.settings import settings_of

    with refusing():
        settings = settings_of(Path.cwd())
    for name, value in vars(settings).items():
        if getattr(options, name, None) is None:
            setattr(options, name, value)


def _demo(options: argparse.Namespace) -> int:
    os.environ.setdefault(
        "TF_CPP_MIN_LOG_LEVEL", "2"
    )  # what TensorFlow says of the machine is not what was asked for
    from lossaudit.cli import demo

    return demo.main(out=options.out, as_json=options.format == "json")


def _run(options: argparse.Namespace) -> int:
    """The script's own output stays on standard output; the report goes to standard error or to a
    file.
    """
    from lossaudit.keras.scripts import every_fit_audited

    if not options.script.is_file():
        raise JudgingError(f"SCRIPT={str(options.script)!r} is not a file")
    _with_settings(options)
    with every_fit_audited() as reports, _as_main_program(options.script, options.arguments):
        finished = _finishes(options.script)
    from lossaudit.report.report import Report

    report = Report.joined(reports).selected(options.select, options.ignore)
    write(report, options, sys.stderr)
    return report.exit_status(options.fail_on) if finished else CANNOT_JUDGE


def _audit(options: argparse.Namespace) -> int:
    """Judge all paths as logs of one training."""
    _with_settings(options)
    from lossaudit.cli.sources import read_truth, report_on_sources
    from lossaudit.report.progress import tracked

    with refusing():
        truth = None if options.truth is None else read_truth(options.truth)
        sources = [_read(path, options) for path in tracked(options.paths, "Reading")]
    report = report_on_sources(
        truth,
        sources,
        select=options.select,
        ignore=options.ignore,
        shown=lambda claims: tracked(claims, "Judging"),
    )
    write(report, options, sys.stdout)
    return report.exit_status(options.fail_on)


def _read(path: Path, options: argparse.Namespace) -> Source:
    from lossaudit.cli.sources import read_source

    return read_source(path, run=options.run_name, covers=options.covers)


def _rule(options: argparse.Namespace) -> int:
    from lossaudit.cli.rule_help import help_of
    from lossaudit.rules.catalogue import RULES

    if options.code is not None and options.code not in RULES:
        raise JudgingError(f"CODE={options.code!r} is not a rule; there are {', '.join(RULES)}")
    found = [help_of(code) for code in ([options.code] if options.code else RULES)]
    if options.format == "json":
        print(json.dumps([one.to_dict() for one in found]))
    elif options.code:
        print(found[0])
    else:
        print("\n".join(f"{one.rule.code}  {one.rule.expects}" for one in found))
    return 0


def _verify(options: argparse.Namespace) -> int:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        import keras  # noqa: F401  # whatever hinders it, nothing can be verified
    except Exception as error:
        print(
            f"lossaudit verify: Keras cannot be imported: {type(error).__name__}: {error}",
            file=sys.stderr,
        )
        return CANNOT_JUDGE
    from lossaudit.testing.keras_facts import verification

    return verification.main(as_json=options.format == "json")


@contextmanager
def _as_main_program(script: Path, arguments: Sequence[str]) -> Iterator[None]:
    """`sys.argv` and `sys.path` as `python SCRIPT ARGS...` sets them."""
    argv, path = sys.argv, sys.path
    sys.argv, sys.path = [str(script), *arguments], [str(script.resolve().parent), *path]
    try:
        yield
    finally:
        sys.argv, sys.path = argv, path


def _finishes(script: Path) -> bool:
    """Run the script; False if it failed, with its own traceback on standard error."""
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as leaving:
        if isinstance(leaving.code, str):
            print(leaving.code, file=sys.stderr)
        return leaving.code in (None, 0)
    except BaseException as error:
        frames = error.__traceback__
        while frames is not None and frames.tb_frame.f_code.co_filename != str(script):
            frames = frames.tb_next
        traceback.print_exception(type(error), error, frames or error.__traceback__)
        return False
    return True
