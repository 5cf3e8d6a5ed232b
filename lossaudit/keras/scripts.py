"""Every `fit` of a program audited, without a change to the program."""

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

from lossaudit.report.report import Report


@contextmanager
def every_fit_audited() -> Iterator[list[Report]]:
    """Add a LossAudit to the callbacks of every `fit` while the context lasts, and collect their
    reports, in order.

    Keras is not imported here but watched for, so that a program may choose its back end and
    devices before it does. A `fit` that has a LossAudit among its callbacks already keeps that
    one.
    """
    reports: list[Report] = []
    undo: list[Callable[[], None]] = []
    watch = _Watch("keras", lambda module: undo.append(_audit_every_fit(module, reports)))
    if "keras" in sys.modules:
        watch.found(sys.modules["keras"])
    else:
        watch.enter()
    try:
        yield reports
    finally:
        watch.leave()
        for step in undo:
            step()


def _audit_every_fit(keras: ModuleType, reports: list[Report]) -> Callable[[], None]:
    """Replace `keras.Model.fit`, and give what puts the original back."""
    original, model = keras.Model.fit, keras.Model
    own = "fit" in vars(model)

    @functools.wraps(original)
    def fit(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = inspect.signature(original).bind(self, *args, **kwargs)
        call.arguments["callbacks"], audit = _with_audit(call.arguments.get("callbacks"), self)
        try:
            return original(*call.args, **call.kwargs)
        finally:
            reports.append(audit.report)

    model.fit = fit
    return lambda: setattr(model, "fit", original) if own else delattr(model, "fit")


def _with_audit(callbacks: Any, model: Any) -> tuple[Any, Any]:
    """The callbacks of a `fit` with a LossAudit among them, and that one."""
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
    """The callbacks as one list, as Keras flattens what it is given."""
    if callbacks is None:
        return []
    if isinstance(callbacks, Sequence):
        return [one for item in callbacks for one in _flat(item)]
    return [callbacks]


class _Watch(importlib.abc.MetaPathFinder):
    """Calls a function with a module once it has been imported."""

    def __init__(self, name: str, found: Callable[[ModuleType], None]) -> None:
        self.name, self.found = name, found

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Find the module as usual, with a loader that reports when it is done; many only look
        whether it is there.
        """
        if fullname != self.name:
            return None
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
