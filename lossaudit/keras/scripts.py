"""Audits every `fit` of a program without changing the program."""

from __future__ import annotations

import functools
import importlib.abc
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from lossaudit.keras.patches import Patch
from lossaudit.report.report import Report


@contextmanager
def every_fit_audited() -> Iterator[list[Report]]:
    """Add a LossAudit to every `fit` inside the context, and collect the reports in order.

    This does not import Keras but waits until the program does, so that the program can choose
    back end and devices first. A `fit` that already has a LossAudit keeps that one.
    """
    reports: list[Report] = []
    patches: list[Patch] = []
    watch = _Watch("keras", lambda module: patches.append(_audit_every_fit(module, reports)))
    if "keras" in sys.modules:
        watch.found(sys.modules["keras"])
    else:
        watch.enter()
    try:
        yield reports
    finally:
        watch.leave()
        for patch in patches:
            patch.undo()


def _audit_every_fit(keras: ModuleType, reports: list[Report]) -> Patch:
    """Replace `keras.Model.fit` until the patch is undone."""
    original = keras.Model.fit

    @functools.wraps(original)
    def fit(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = inspect.signature(original).bind(self, *args, **kwargs)
        call.arguments["callbacks"], audit = _with_audit(call.arguments.get("callbacks"), self)
        try:
            return original(*call.args, **call.kwargs)
        finally:
            reports.append(audit.report)

    return Patch(keras.Model, "fit", fit)


def _with_audit(callbacks: Any, model: Any) -> tuple[Any, Any]:
    """The callbacks of a `fit`, with a LossAudit among them; and that LossAudit."""
    from keras.callbacks import CallbackList

    from lossaudit.keras.loss_audit import LossAudit

    ready = isinstance(callbacks, CallbackList)
    listed = callbacks.callbacks if ready else _flat(callbacks)
    audit = next((one for one in listed if isinstance(one, LossAudit)), None)
    if audit is None:
        audit = LossAudit(on_violation="ignore")
        listed.append(audit)
        if ready:
            callbacks.set_model(model)
            audit.set_params(callbacks.params)
    return callbacks if ready else listed, audit


def _flat(callbacks: Any) -> list[Any]:
    """The callbacks as one list, flattened as Keras does it."""
    if callbacks is None:
        return []
    if isinstance(callbacks, Sequence):
        return [one for item in callbacks for one in _flat(item)]
    return [callbacks]


class _Watch(importlib.abc.MetaPathFinder):
    """Calls a function with a module as soon as the module has been imported."""

    def __init__(self, name: str, found: Callable[[ModuleType], None]) -> None:
        self.name, self.found = name, found

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Find the module as usual, and give it a loader that reports when it is done.

        Many programs only look for a module, so finding it does not end the watch.
        """
        if fullname != self.name:
            return None
        # Without itself in the path, or it would find the module through itself.
        self.leave()
        spec = importlib.util.find_spec(fullname)
        self.enter()
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_report(module: ModuleType) -> None:
                execute(module)
                self.leave()
                self.found(module)

            spec.loader.exec_module = execute_and_report  # type: ignore[method-assign]
        return spec

    def enter(self) -> None:
        """Start watching."""
        sys.meta_path.insert(0, self)

    def leave(self) -> None:
        """Stop watching."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
