"""`lossaudit bench`: what callbacks cost a training."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from functools import partial
from typing import Any

from lossaudit.cli.options import JudgingError
from lossaudit.cli.output import put
from lossaudit.errors import LossauditError


def bench(options: argparse.Namespace) -> int:
    """Measure the named callbacks, or lossaudit's own; returns the exit status."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from lossaudit.overhead import cost_table as rendered
    from lossaudit.overhead import costs, trial
    from lossaudit.report.progress import tracked

    compiled = _compiled(options)
    sys.path.insert(0, os.getcwd())
    with redirect_stdout(sys.stderr), _running_foreign_code():
        candidates = {name: _named(name) for name in options.callbacks} or _own_callbacks()
        model, data, training = _training(options, compiled)
        shown = partial(tracked, what="Training with and without")
        measured = trial.compare(
            candidates,
            model,
            data,
            rounds=options.rounds,
            seed=options.seed,
            shown=shown,
            **training,
        )
    if options.format == "json":
        put(
            lambda stream: print(rendered.document(measured, options.budget), file=stream),
            options.output,
        )
    else:
        put(lambda stream: rendered.write(measured, options.budget, stream), options.output)
    return costs.status_of(measured, options.budget)


@contextmanager
def _running_foreign_code() -> Iterator[None]:
    """Turn whatever foreign code raises, SystemExit included, into a JudgingError."""
    try:
        yield
    except JudgingError:
        raise
    except (LossauditError, OSError, ValueError) as error:
        raise JudgingError(str(error)) from error
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        raise JudgingError(f"nothing was measured: {type(error).__name__}: {error}") from error


def _own_callbacks() -> dict[str, Callable[[], Any]]:
    from lossaudit.keras import LossAudit, LossRecorder

    return {"LossRecorder": LossRecorder, "LossAudit": partial(LossAudit, on_violation="ignore")}


def _compiled(options: argparse.Namespace) -> dict[str, Any]:
    """Arguments of `compile` for the example model; refused with `--model`."""
    given = {"--size": options.size, "--jit-compile": options.jit_compile or None}
    given["--steps-per-execution"] = options.steps_per_execution
    refused = [name for name, value in given.items() if value is not None]
    if options.model is not None and refused:
        raise JudgingError(
            f"{', '.join(refused)} cannot be given with --model, whose model is compiled already"
        )
    if options.steps_per_execution is not None and options.steps_per_execution < 1:
        raise JudgingError(
            f"--steps-per-execution={options.steps_per_execution} must be at least 1"
        )
    return {
        "steps_per_execution": options.steps_per_execution or 1,
        "jit_compile": options.jit_compile,
    }


def _training(
    options: argparse.Namespace, compiled: dict[str, Any]
) -> tuple[Any, Any, dict[str, Any]]:
    """The model, the data, and further arguments of `fit`."""
    from lossaudit.overhead.examples_of_size import SIZES, example

    if options.model is not None:
        made = _named(options.model)()
        if not isinstance(made, tuple) or len(made) != 2:
            raise JudgingError(f"--model={options.model} gave {made!r:.80}, not (model, data)")
        return *made, {}
    size = options.size or "smallest"
    model, data = example(size, **compiled)
    return model, data, {"batch_size": SIZES[size].batch_size}


def _named(name: str) -> Any:
    """The callable at MODULE:NAME."""
    module, _, attribute = name.partition(":")
    try:
        found = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise JudgingError(f"{name!r} cannot be imported as MODULE:NAME: {error}") from error
    if not callable(found):
        raise JudgingError(f"{name!r} is {found!r:.80}, but must be callable")
    return found
