"""Accumulator: an object of a user, under the names that a Subject gives for its methods."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, Self

import numpy as np

from lossaudit.testing.suites.subject import Subject
from lossaudit.testing.suites.violation import Violation

_STATES = (("to_json", "from_json"), ("state_dict", "load_state_dict"), ("get_state", "set_state"))
"""Names under which an object saves its state and restores it; the first of a pair decides."""


class Accumulator:
    """A new object of the user, or one that was restored.

    Args:
        subject: what it claims, and what its methods are called.
        held: the object; a new one if None.
    """

    def __init__(self, subject: Subject, held: Any = None) -> None:
        self.subject = subject
        self.held = subject.factory() if held is None else held

    @cached_property
    def takes_weight(self) -> bool:
        """Whether an update can be given a weight."""
        try:
            parameters = list(
                inspect.signature(getattr(self.held, self.subject.update)).parameters.values()
            )
        except (TypeError, ValueError):
            return True
        usual = [
            one
            for one in parameters
            if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
        ]
        return len(usual) > 1 or any(one.kind is one.VAR_POSITIONAL for one in parameters)

    def has(self, method: str) -> bool:
        """Whether the object has a method or an attribute of this name."""
        return hasattr(self.held, method)

    def update(self, value: float, weight: float = 1) -> None:
        """Add a value and its weight."""
        method = getattr(self.held, self.subject.update)
        method(value, weight) if self.takes_weight else method(value)

    def add(self, pairs: Iterable[tuple[float, float]]) -> Self:
        """Add values and their weights, one after the other."""
        for value, weight in pairs:
            self.update(value, weight)
        return self

    def add_many(self, values: list[float], weight: float) -> Self:
        """Add many values of one weight, one after the other; a metric of Keras in a graph, where
        it is fast.
        """
        if hasattr(self.held, "stateless_update_state"):
            _add_in_graph(self.held, values, weight)
            return self
        return self.add((value, weight) for value in values)

    def result(self) -> float:
        """The result, as a float."""
        result = getattr(self.held, self.subject.result)
        found = result() if callable(result) else result
        try:
            return float(found)
        except (TypeError, ValueError) as error:
            raise Violation(
                f"{self.subject.result}() gave {found!r:.80}, which is no number"
            ) from error

    def reset(self) -> None:
        """Forget everything."""
        getattr(self.held, self.subject.reset)()

    def merged(self, other: Accumulator) -> Accumulator:
        """This one with what another holds, in place or as what the method returns."""
        returned = getattr(self.held, self.subject.merge)(other.held)
        is_new = returned is not None and hasattr(returned, self.subject.result)
        return Accumulator(self.subject, returned) if is_new else self

    def saved(self) -> Callable[[], Accumulator]:
        """What makes another one from the saved state of this one as it is now."""
        names = self.state_methods
        if names is not None:
            return self._saved_by(*names)
        if self._is_variables:
            values = [np.array(one.numpy()) for one in self.held.variables]
            return lambda: self._with_variables(values)
        text = pickle.dumps(self.held)
        return lambda: Accumulator(self.subject, pickle.loads(text))

    @property
    def state_methods(self) -> tuple[str, str] | None:
        """The methods that save and restore its state, if it has some."""
        pairs = [self.subject.state] if self.subject.state else _STATES
        return next((pair for pair in pairs if self.has(pair[0]) and self.has(pair[1])), None)

    @property
    def _is_variables(self) -> bool:
        """Whether its state is a list of variables, as that of a metric of Keras."""
        return all(
            hasattr(one, "assign") for one in getattr(self.held, "variables", None) or [None]
        )

    def _saved_by(self, save: str, restore: str) -> Callable[[], Accumulator]:
        state = getattr(self.held, save)()

        def restored() -> Accumulator:
            new = Accumulator(self.subject)
            returned = getattr(new.held, restore)(state)
            return new if returned is None else Accumulator(self.subject, returned)

        return restored

    def _with_variables(self, values: list[Any]) -> Accumulator:
        new = Accumulator(self.subject)
        for variable, value in zip(new.held.variables, values, strict=True):
            variable.assign(value)
        return new


def _add_in_graph(metric: Any, values: list[float], weight: float) -> None:
    import tensorflow as tf

    numbers = tf.constant(values)

    @tf.function
    def add() -> None:
        for number in numbers:
            metric.update_state(number, weight)

    add()
