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

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

_STATUS = "Exit status: 0 no findings, 1 findings, 2 cannot judge."
_COSTS = (
    "Exit status: 0 within the budget, 1 over it, 2 cannot judge, for example because the machine "
    "is too noisy. Output of callbacks goes to standard error."
)
_EPILOG = (
    "Options that are not given are read from [tool.lossaudit] in the nearest pyproject.toml. "
    f"{_STATUS}"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: the command line without the program's name; `sys.argv` if None.

    Returns:
        The exit status: 0 no findings, 1 findings, 2 cannot judge.
    """
    options = _parser().parse_args(arguments)
    try:
        status: int = options.command(options)
        sys.stdout.flush()
    except JudgingError as error:
        print(f"lossaudit {options.name}: {error}", file=sys.stderr)
        return CANNOT_JUDGE
    except BrokenPipeError:
        # The reader of a pipe has left. Python flushes standard output once more at exit, which
        # must not fail again.
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
    for add in (_add_demo, _add_run, _add_audit, _add_rule, _add_verify, _add_bench):
        add(commands)
    return parser


def _add_demo(commands: Commands) -> None:
    demo = commands.add_parser(
        "demo", help="train on real data with mistakes that tutorials teach, and audit them"
    )
    demo.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder for the report and the run files; a new temporary one by default",
    )
    _add_format(demo, "how to print the result")
    demo.set_defaults(command=_demo, name="demo")


def _add_run(commands: Commands) -> None:
    run = commands.add_parser(
        "run", help="run a Keras script and audit every fit in it", epilog=_EPILOG
    )
    report_options(run, "standard error")
    run.add_argument("script", type=Path, metavar="SCRIPT", help="the script to run")
    run.add_argument(
        "arguments", nargs=argparse.REMAINDER, metavar="ARGS", help="arguments of the script"
    )
    run.set_defaults(command=_run, name="run")


def _add_audit(commands: Commands) -> None:
    audit = commands.add_parser(
        "audit", help="judge the logs of a training by its true losses, or alone", epilog=_EPILOG
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


def _add_rule(commands: Commands) -> None:
    rule = commands.add_parser("rule", help="explain a rule, or list all rules")
    rule.add_argument("code", nargs="?", metavar="CODE", help="a rule code such as LA101")
    _add_format(rule, "how to print the rules")
    rule.set_defaults(command=_rule, name="rule")


def _add_verify(commands: Commands) -> None:
    verify = commands.add_parser(
        "verify",
        help="train small models and check that the installed Keras logs what its documentation "
        "says",
    )
    _add_format(verify, "how to print the table")
    verify.set_defaults(command=_verify, name="verify")


def _add_bench(commands: Commands) -> None:
    measure = commands.add_parser(
        "bench",
        help="measure what callbacks cost a training, by fits with and without them in turn",
        epilog=_COSTS,
    )
    bench_options(measure)
    measure.set_defaults(command=bench, name="bench")


def _add_format(parser: argparse.ArgumentParser, purpose: str) -> None:
    parser.add_argument("--format", choices=("text", "json"), default="text", help=purpose)


def _with_settings(options: argparse.Namespace) -> None:
    """Take options that are not on the command line from the project's settings."""
    from lossaudit.cli.settings import settings_of

    with refusing():
        settings = settings_of(Path.cwd())
    for name, value in vars(settings).items():
        if getattr(options, name, None) is None:
            setattr(options, name, value)


def _demo(options: argparse.Namespace) -> int:
    # TensorFlow's messages about the machine would bury the result.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from lossaudit.cli import demo

    return demo.main(out=options.out, as_json=options.format == "json")


def _run(options: argparse.Namespace) -> int:
    """Run a script and audit every fit; the report stays off the script's standard output."""
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
    """Judge all paths together, as logs of one training."""
    _with_settings(options)
    from lossaudit.cli.sources import read_truth, report_on_sources
    from lossaudit.report.progress import tracked

    with refusing():
        truth = None if options.truth is None else read_truth(options.truth)
        sources = [_read(path, options) for path in tracked(options.paths, "Reading")]
    report = report_on_sources(
        truth,
        sources,
        shown=lambda claims: tracked(claims, "Judging"),
    ).selected(options.select, options.ignore)
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
        import keras  # noqa: F401
    except Exception as error:
        # Importing a broken backend can raise anything, not only ImportError.
        print(
            f"lossaudit verify: Keras cannot be imported: {type(error).__name__}: {error}",
            file=sys.stderr,
        )
        return CANNOT_JUDGE
    from lossaudit.testing.keras_facts import verification

    return verification.main(as_json=options.format == "json")


@contextmanager
def _as_main_program(script: Path, arguments: Sequence[str]) -> Iterator[None]:
    """Set `sys.argv` and `sys.path` as `python SCRIPT ARGS...` does."""
    argv, path = sys.argv, sys.path
    sys.argv, sys.path = [str(script), *arguments], [str(script.resolve().parent), *path]
    try:
        yield
    finally:
        sys.argv, sys.path = argv, path


def _finishes(script: Path) -> bool:
    """Run the script; False if it failed, with the script's traceback on standard error."""
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as leaving:
        if isinstance(leaving.code, str):
            print(leaving.code, file=sys.stderr)
        return leaving.code in (None, 0)
    except BaseException as error:
        # Skip the frames of this command and of runpy, so that the traceback is the script's own.
        frames = error.__traceback__
        while frames is not None and frames.tb_frame.f_code.co_filename != str(script):
            frames = frames.tb_next
        traceback.print_exception(type(error), error, frames or error.__traceback__)
        return False
    return True
