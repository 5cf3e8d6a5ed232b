"""The `lossaudit` command: demo, run, rule, verify."""

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
from typing import TextIO

from lossaudit import __version__
from lossaudit.findings import Report

CANNOT_JUDGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; exit status 0 no findings, 1 findings, 2 cannot judge."""
    options = _parser().parse_args(arguments)
    status: int = options.command(options)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lossaudit",
        description="Is the loss I logged the loss I had?",
        epilog="Exit status: 0 no findings, 1 findings, 2 cannot judge.",
    )
    parser.add_argument("--version", action="version", version=f"lossaudit {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="train on real data with the mistakes that tutorials teach, and audit them")
    demo.add_argument("--out", type=Path, metavar="DIR", help="also save the run files and reports there")
    demo.add_argument("--format", choices=("text", "json"), default="text", help="how to print the result")
    demo.set_defaults(command=_demo)

    run = commands.add_parser("run", help="run a Keras script with every fit in it audited")
    _report_options(run)
    run.add_argument("script", type=Path, metavar="SCRIPT", help="the script to run")
    run.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARGS", help="the script's own arguments")
    run.set_defaults(command=_run)

    rule = commands.add_parser("rule", help="explain a rule, or list them all")
    rule.add_argument("code", nargs="?", metavar="CODE", help="a rule code such as LA101")
    rule.add_argument("--format", choices=("text", "json"), default="text", help="how to print the rules")
    rule.set_defaults(command=_rule)

    verify = commands.add_parser(
        "verify", help="train, and see what the installed Keras logs: is it what is told of it?"
    )
    verify.add_argument("--format", choices=("text", "json"), default="text", help="how to print the table")
    verify.set_defaults(command=_verify)
    return parser


def _report_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=("text", "json"), default="text", help="how to write the report")
    parser.add_argument("--select", type=_codes, default=(), metavar="CODES", help="only these rules, e.g. LA1,LA301")
    parser.add_argument("--ignore", type=_codes, default=(), metavar="CODES", help="not these rules")
    parser.add_argument("-o", dest="output", type=Path, metavar="FILE", help="write the report there")


def _codes(text: str) -> tuple[str, ...]:
    from lossaudit.checks import RULES

    codes = tuple(code.strip() for code in text.split(",") if code.strip())
    for code in codes:
        if not any(known.startswith(code) for known in RULES):
            raise argparse.ArgumentTypeError(f"no rule begins with {code!r}; see `lossaudit rule`")
    return codes


def _demo(options: argparse.Namespace) -> int:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # what TensorFlow says of the machine is not what was asked for
    from lossaudit import demo

    return demo.main(out=options.out, as_json=options.format == "json")


def _run(options: argparse.Namespace) -> int:
    """The script's own output stays on standard output; the report goes to standard error or to a file."""
    from lossaudit.keras.scripts import every_fit_audited

    if not options.script.is_file():
        print(f"lossaudit run: SCRIPT={str(options.script)!r} is not a file", file=sys.stderr)
        return CANNOT_JUDGE
    with every_fit_audited() as reports, _as_main_program(options.script, options.arguments):
        finished = _finishes(options.script)
    report = Report.joined(reports).selected(options.select, options.ignore)
    with _stream(options.output) as stream:
        _write(report, options.format, stream)
    return report.status if finished else CANNOT_JUDGE


def _rule(options: argparse.Namespace) -> int:
    from lossaudit.checks import RULES

    if options.code is not None and options.code not in RULES:
        print(f"lossaudit rule: CODE={options.code!r} is not a rule; there are {', '.join(RULES)}", file=sys.stderr)
        return CANNOT_JUDGE
    rules = [RULES[options.code]] if options.code else list(RULES.values())
    if options.format == "json":
        print(json.dumps([vars(rule) for rule in rules]))
    elif options.code:
        print(f"{rules[0].code} {rules[0].name}\n\n{rules[0].expects}\n\n{rules[0].why}")
    else:
        print("\n".join(f"{rule.code}  {rule.expects}" for rule in rules))
    return 0


def _verify(options: argparse.Namespace) -> int:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        import keras  # noqa: F401  # whatever hinders it, nothing can be verified
    except Exception as error:
        print(f"lossaudit verify: Keras cannot be imported: {type(error).__name__}: {error}", file=sys.stderr)
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


@contextmanager
def _stream(path: Path | None) -> Iterator[TextIO]:
    if path is None:
        yield sys.stderr
    else:
        with path.open("w", encoding="utf-8") as file:
            yield file


def _write(report: Report, form: str, stream: TextIO) -> None:
    if form == "json":
        print(report.to_json(), file=stream)
    else:
        from lossaudit.render import text

        text.write(report, stream)


if __name__ == "__main__":
    sys.exit(main())
