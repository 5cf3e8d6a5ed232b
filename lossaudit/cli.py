"""The `lossaudit` command: demo, run, audit, verify, rule, bench."""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import runpy
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from lossaudit import __version__
from lossaudit.errors import LossauditError
from lossaudit.findings import Report

if TYPE_CHECKING:
    from lossaudit.sources import Source

CANNOT_JUDGE = 2
_STATUS = "Exit status: 0 no findings, 1 findings, 2 cannot judge."
_FAIL_ON = (
    "which findings give exit status 1: error (what is wrong; the default), warning (also what is suspect), or never; "
    "what is undecidable gives 2 unless never, and bad usage, unreadable input and nothing to audit always do"
)
_COSTS = (
    "Exit status: 0 within the budget, 1 over it, 2 cannot judge, as where the machine is too noisy. What callbacks "
    "print goes to standard error."
)
_EPILOG = f"Options that are not given are taken from [tool.lossaudit] in the nearest pyproject.toml. {_STATUS}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; exit status 0 no findings, 1 findings, 2 cannot judge."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.command(options)
        sys.stdout.flush()
    except _JudgingError as error:
        print(f"lossaudit {options.name}: {error}", file=sys.stderr)
        return CANNOT_JUDGE
    except BrokenPipeError:  # the reader of a pipe has read enough; what is left must not be written at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CANNOT_JUDGE
    return status


class _JudgingError(Exception):
    """What keeps a command from judging, in words for its user."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lossaudit",
        description="Is the loss I logged the loss I had?",
        epilog=_STATUS,
    )
    parser.add_argument("--version", action="version", version=f"lossaudit {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="train on real data with the mistakes that tutorials teach, and audit them")
    demo.add_argument(
        "--out", type=Path, metavar="DIR", help="save the report and the run files there; else a new folder"
    )
    demo.add_argument("--format", choices=("text", "json"), default="text", help="how to print the result")
    demo.set_defaults(command=_demo, name="demo")

    run = commands.add_parser("run", help="run a Keras script with every fit in it audited", epilog=_EPILOG)
    _report_options(run, "standard error")
    run.add_argument("script", type=Path, metavar="SCRIPT", help="the script to run")
    run.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARGS", help="the script's own arguments")
    run.set_defaults(command=_run, name="run")

    audit = commands.add_parser("audit", help="judge the logs of a training by the losses it had", epilog=_EPILOG)
    _log_options(audit)
    _report_options(audit, "standard output")
    audit.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="a log, a run file, or a folder of event files"
    )
    audit.set_defaults(command=_audit, name="audit")

    rule = commands.add_parser("rule", help="explain a rule, or list them all")
    rule.add_argument("code", nargs="?", metavar="CODE", help="a rule code such as LA101")
    rule.add_argument("--format", choices=("text", "json"), default="text", help="how to print the rules")
    rule.set_defaults(command=_rule, name="rule")

    verify = commands.add_parser(
        "verify", help="train, and see what the installed Keras logs: is it what is told of it?"
    )
    verify.add_argument("--format", choices=("text", "json"), default="text", help="how to print the table")
    verify.set_defaults(command=_verify, name="verify")

    bench = commands.add_parser(
        "bench", help="measure what callbacks cost a training, by fits with and without them in turn", epilog=_COSTS
    )
    _bench_options(bench)
    bench.set_defaults(command=_bench, name="bench")
    return parser


def _bench_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--budget", type=_budget, metavar="RATIO", help="how many times plain fit it may take, e.g. 1.02"
    )
    parser.add_argument(
        "--size",
        choices=("smallest", "small", "large"),
        help="the model that is trained, with steps of about 1, 3 or 30 ms; the smallest by default",
    )
    parser.add_argument(
        "--model", metavar="MODULE:FUNCTION", help="your own: returns a compiled model, and what fit takes first"
    )
    parser.add_argument("--steps-per-execution", type=int, metavar="N", help="as in compile; 1 by default")
    parser.add_argument("--jit-compile", action="store_true", help="as in compile")
    parser.add_argument("--rounds", type=int, default=31, metavar="N", help="pairs of fits; 31 by default")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the order, and of the bootstrap")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="how to write the result")
    parser.add_argument("-o", dest="output", type=Path, metavar="FILE", help="write it there, not to standard output")
    parser.add_argument(
        "callbacks", nargs="*", metavar="MODULE:CALLBACK", help="what makes a callback; else those of lossaudit"
    )


def _budget(text: str) -> float:
    budget = float(text)
    if not 0 < budget < math.inf:
        raise argparse.ArgumentTypeError(f"{text} must be positive and finite")
    return budget


def _log_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--truth", type=Path, metavar="FILE", help="the run file with the true losses of the batches")
    parser.add_argument("--run", metavar="NAME", dest="run_name", help="the run to read where a log holds several")
    covers = ("batch", "epoch_so_far", "epoch")
    parser.add_argument("--covers", choices=covers, help="what each number covers, where the log does not say")


def _report_options(parser: argparse.ArgumentParser, where: str) -> None:
    """Options whose defaults are the project's settings; argparse has None where they are not given."""
    parser.add_argument(
        "--format", choices=("text", "json", "github", "html"), help="how to write the report; text by default"
    )
    parser.add_argument("--select", type=_codes, metavar="CODES", help="only these rules, e.g. LA1,LA301")
    parser.add_argument("--ignore", type=_codes, metavar="CODES", help="not these rules")
    parser.add_argument("--fail-on", choices=("error", "warning", "never"), help=_FAIL_ON)
    parser.add_argument("-o", dest="output", type=Path, metavar="FILE", help=f"write the report there, not to {where}")


def _codes(text: str) -> tuple[str, ...]:
    from lossaudit.settings import codes_of

    try:
        return codes_of(text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _with_settings(options: argparse.Namespace) -> None:
    """Fill in what was not given on the command line."""
    from lossaudit.settings import settings_of

    with _refusing():
        settings = settings_of(Path.cwd())
    for name, value in vars(settings).items():
        if getattr(options, name, None) is None:
            setattr(options, name, value)


@contextmanager
def _refusing() -> Iterator[None]:
    """What cannot be read or written ends the command with the error's message, and without a traceback."""
    try:
        yield
    except (LossauditError, OSError) as error:
        raise _JudgingError(str(error)) from error


def _demo(options: argparse.Namespace) -> int:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # what TensorFlow says of the machine is not what was asked for
    from lossaudit import demo

    return demo.main(out=options.out, as_json=options.format == "json")


def _run(options: argparse.Namespace) -> int:
    """The script's own output stays on standard output; the report goes to standard error or to a file."""
    from lossaudit.keras.scripts import every_fit_audited

    if not options.script.is_file():
        raise _JudgingError(f"SCRIPT={str(options.script)!r} is not a file")
    _with_settings(options)
    with every_fit_audited() as reports, _as_main_program(options.script, options.arguments):
        finished = _finishes(options.script)
    report = Report.joined(reports).selected(options.select, options.ignore)
    _write(report, options, sys.stderr)
    return report.exit_status(options.fail_on) if finished else CANNOT_JUDGE


def _audit(options: argparse.Namespace) -> int:
    """Judge all paths as logs of one training."""
    _with_settings(options)
    from lossaudit.render.progress import tracked
    from lossaudit.sources import read_truth, report_on_sources

    with _refusing():
        truth = None if options.truth is None else read_truth(options.truth)
        sources = [_read(path, options) for path in tracked(options.paths, "Reading")]
    report = report_on_sources(
        truth,
        sources,
        select=options.select,
        ignore=options.ignore,
        shown=lambda claims: tracked(claims, "Judging"),
    )
    _write(report, options, sys.stdout)
    return report.exit_status(options.fail_on)


def _read(path: Path, options: argparse.Namespace) -> Source:
    from lossaudit.sources import read_source

    return read_source(path, run=options.run_name, covers=options.covers)


def _rule(options: argparse.Namespace) -> int:
    from lossaudit.checks import RULES
    from lossaudit.explanations import explained

    if options.code is not None and options.code not in RULES:
        raise _JudgingError(f"CODE={options.code!r} is not a rule; there are {', '.join(RULES)}")
    explanations = [explained(code) for code in ([options.code] if options.code else RULES)]
    if options.format == "json":
        print(json.dumps([one.to_dict() for one in explanations]))
    elif options.code:
        print(explanations[0])
    else:
        print("\n".join(f"{one.rule.code}  {one.rule.expects}" for one in explanations))
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


def _bench(options: argparse.Namespace) -> int:
    """Measure the callbacks that were named, or lossaudit's own."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from lossaudit import costs, overhead
    from lossaudit.render import costs as rendered
    from lossaudit.render.progress import tracked

    compiled = _compiled(options)
    sys.path.insert(0, os.getcwd())
    with redirect_stdout(sys.stderr), _running_foreign_code():
        candidates = {name: _named(name) for name in options.callbacks} or _own_callbacks()
        model, data, training = _training(options, compiled)
        shown = partial(tracked, what="Training with and without")
        measured = overhead.compare(
            candidates, model, data, rounds=options.rounds, seed=options.seed, shown=shown, **training
        )
    if options.format == "json":
        _put(lambda stream: print(rendered.document(measured, options.budget), file=stream), options.output)
    else:
        _put(lambda stream: rendered.write(measured, options.budget, stream), options.output)
    return costs.status_of(measured, options.budget)


@contextmanager
def _running_foreign_code() -> Iterator[None]:
    """Whatever it raises judges nothing: not even its leaving with an exit status of its own."""
    try:
        yield
    except _JudgingError:
        raise
    except (LossauditError, OSError, ValueError) as error:
        raise _JudgingError(str(error)) from error
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        raise _JudgingError(f"nothing was measured: {type(error).__name__}: {error}") from error


def _own_callbacks() -> dict[str, Callable[[], Any]]:
    from lossaudit.keras import LossAudit, LossRecorder

    return {"LossRecorder": LossRecorder, "LossAudit": partial(LossAudit, on_violation="ignore")}


def _compiled(options: argparse.Namespace) -> dict[str, Any]:
    """How the example is compiled; refused for a model that comes compiled."""
    given = {"--size": options.size, "--jit-compile": options.jit_compile or None}
    given["--steps-per-execution"] = options.steps_per_execution
    refused = [name for name, value in given.items() if value is not None]
    if options.model is not None and refused:
        raise _JudgingError(f"{', '.join(refused)} cannot be given with --model, which brings a compiled model")
    if options.steps_per_execution is not None and options.steps_per_execution < 1:
        raise _JudgingError(f"--steps-per-execution={options.steps_per_execution} must be at least 1")
    return {"steps_per_execution": options.steps_per_execution or 1, "jit_compile": options.jit_compile}


def _training(options: argparse.Namespace, compiled: dict[str, Any]) -> tuple[Any, Any, dict[str, Any]]:
    """The model, the data, and further arguments of `fit`."""
    from lossaudit.overhead import SIZES, example

    if options.model is not None:
        made = _named(options.model)()
        if not isinstance(made, tuple) or len(made) != 2:
            raise _JudgingError(f"--model={options.model} gave {made!r:.80}, not (model, data)")
        return *made, {}
    size = options.size or "smallest"
    model, data = example(size, **compiled)
    return model, data, {"batch_size": SIZES[size].batch_size}


def _named(name: str) -> Any:
    """What stands at MODULE:NAME."""
    module, _, attribute = name.partition(":")
    try:
        found = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise _JudgingError(f"{name!r} is not MODULE:NAME of anything: {error}") from error
    if not callable(found):
        raise _JudgingError(f"{name!r} is {found!r:.80}, which makes nothing: it must be callable")
    return found


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


def _write(report: Report, options: argparse.Namespace, stream: TextIO) -> None:
    """Write a report to the file that was asked for, or else to a stream."""
    _put(lambda file: _render(report, options.format, file), options.output, stream)


def _put(write: Callable[[TextIO], None], output: Path | None, stream: TextIO | None = None) -> None:
    """Let it be written to a file, or else to a stream, by default standard output."""
    if output is None:
        write(stream or sys.stdout)
        return
    with _refusing(), output.open("w", encoding="utf-8") as file:
        write(file)


def _render(report: Report, form: str, stream: TextIO) -> None:
    if form == "json":
        print(report.to_json(), file=stream)
        return
    from lossaudit.render import github, html, text

    if form == "html":
        print(html.page(report), file=stream)
    else:
        (github if form == "github" else text).write(report, stream)


if __name__ == "__main__":
    sys.exit(main())
