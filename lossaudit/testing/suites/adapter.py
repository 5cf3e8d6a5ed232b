"""Accumulator: wraps a user's accumulator and calls its methods by the names in a Subject."""

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
"""Usual names of the methods that save and restore a state."""


class Accumulator:
    """A user's accumulator.

    Args:
        subject: makes the object, and names its methods.
        wrapped: an existing object; a new one is made if None.
    """

    def __init__(self, subject: Subject, wrapped: Any = None) -> None:
        self.subject = subject
        self.wrapped = subject.factory() if wrapped is None else wrapped

    @cached_property
    def takes_weight(self) -> bool:
        """Whether the update method accepts a weight."""
        try:
            signature = inspect.signature(getattr(self.wrapped, self.subject.update))
        # Built-in methods may have no signature; most accumulators accept a weight.
        except (TypeError, ValueError):
            return True
        kinds = [one.kind for one in signature.parameters.values()]
        positional = (
            inspect.Parameter.POSITIONAL_ONLY,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
        )
        number = sum(kind in positional for kind in kinds)
        return number > 1 or inspect.Parameter.VAR_POSITIONAL in kinds

    def has(self, method: str) -> bool:
        """Whether the object has an attribute of this name."""
        return hasattr(self.wrapped, method)

    def update(self, value: float, weight: float = 1) -> None:
        """Add a value and its weight."""
        method = getattr(self.wrapped, self.subject.update)
        method(value, weight) if self.takes_weight else method(value)

    def add(self, pairs: Iterable[tuple[float, float]]) -> Self:
        """Add values with their weights, one by one."""
        for value, weight in pairs:
            self.update(value, weight)
        return self

    def add_many(self, values: list[float], weight: float) -> Self:
        """Add many values of equal weight, one by one."""
        # Keras metrics: 10,000 eager updates take seconds, one compiled graph does not.
        if hasattr(self.wrapped, "stateless_update_state"):
            _add_in_graph(self.wrapped, values, weight)
            return self
        return self.add((value, weight) for value in values)

    def result(self) -> float:
        """The result, as a float."""
        result = getattr(self.wrapped, self.subject.result)
        # Torch-like meters have an attribute `avg`, Keras metrics a method `result`.
        found = result() if callable(result) else result
        try:
            return float(found)
        except (TypeError, ValueError) as error:
            raise Violation(
                f"{self.subject.result} gave {found!r:.80}, which is not a number"
            ) from error

    def reset(self) -> None:
        """Reset the object."""
        getattr(self.wrapped, self.subject.reset)()

    def merged(self, other: Accumulator) -> Accumulator:
        """Return this accumulator after merging another one into it."""
        # A merge method may change the object in place or return a new one.
        returned = getattr(self.wrapped, self.subject.merge)(other.wrapped)
        is_new = returned is not None and hasattr(returned, self.subject.result)
        return Accumulator(self.subject, returned) if is_new else self

    def saved(self) -> Callable[[], Accumulator]:
        """Save the current state; return a function that restores it into a new object."""
        names = self.state_methods
        if names is not None:
            return self._saved_by(*names)
        if self._is_variables:
            values = [np.array(one.numpy()) for one in self.wrapped.variables]
            return lambda: self._with_variables(values)
        text = pickle.dumps(self.wrapped)
        return lambda: Accumulator(self.subject, pickle.loads(text))

    @property
    def state_methods(self) -> tuple[str, str] | None:
        """Names of the methods that save and restore the state; None if it has none."""
        pairs = [self.subject.state] if self.subject.state else _STATES
        return next((pair for pair in pairs if self.has(pair[0]) and self.has(pair[1])), None)

    @property
    def _is_variables(self) -> bool:
        """Whether its state is a list of variables, like that of a Keras metric."""
        # None has no `assign`: without variables the state is pickled instead.
        return all(
            hasattr(one, "assign") for one in getattr(self.wrapped, "variables", None) or [None]
        )

    def _saved_by(self, save: str, restore: str) -> Callable[[], Accumulator]:
        state = getattr(self.wrapped, save)()

        def restored() -> Accumulator:
            new = Accumulator(self.subject)
            returned = getattr(new.wrapped, restore)(state)
            # `load_state_dict` changes its own object, and the class method `from_json` returns
            # one.
            return new if returned is None else Accumulator(self.subject, returned)

        return restored

    def _with_variables(self, values: list[Any]) -> Accumulator:
        new = Accumulator(self.subject)
        for variable, value in zip(new.wrapped.variables, values, strict=True):
            variable.assign(value)
        return new


def _add_in_graph(metric: Any, values: list[float], weight: float) -> None:
    import tensorflow as tf

    numbers = tf.constant(values)

    @tf.function
    def add() -> None:
        # AutoGraph turns this into one `tf.while_loop`, instead of a node for each number.
        for number in numbers:
            metric.update_state(number, weight)

    add()
