"""State: everything a training changes in a model, restored after a measurement."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np

# The generator of layers without a seed is nowhere public.
from keras.src.backend.common import global_state

from lossaudit.keras.backend import array_of
from lossaudit.keras.patches import Attribute, patched

Values = list[tuple[Any, Any]]
"""Variables of Keras, each with its value as an array."""

_ATTRIBUTES = (
    "history",
    "stop_training",
    "stop_evaluating",
    "_initial_epoch",
    "_eval_epoch_iterator",
)
"""What `fit` and `evaluate` set on a model, apart from the functions they compile."""


class State:
    """The values of all variables of a model, and the states of random generators.

    The variables are those of the model, its metrics and its optimizer, with moving statistics
    and seed generators. The generators of Python and numpy are included because a data pipeline
    may draw from them.
    """

    def __init__(self, model: Any) -> None:
        optimizer = getattr(model.optimizer, "variables", [])
        self._values = values_of(
            [*model.variables, *model.metrics_variables, *optimizer, *_unseeded()]
        )
        self._attributes = [Attribute(model, name) for name in _ATTRIBUTES]
        # The legacy generator, because that is the one that pipelines use.
        self._random = random.getstate(), np.random.get_state()  # noqa: NPY002

    @classmethod
    @contextmanager
    def kept(cls, model: Any) -> Iterator[State]:
        """Use the model inside the context, and restore its state in any case."""
        state = cls(model)
        try:
            yield state
        finally:
            state.restore()

    def restore(self) -> None:
        """Restore everything."""
        restore(self._values)
        for attribute in self._attributes:
            attribute.restore()
        random.setstate(self._random[0])
        np.random.set_state(self._random[1])  # noqa: NPY002

    def matches(self, variables: Iterable[Any]) -> bool:
        """Whether these variables still have the values of this state, bit for bit."""
        # By id: `==` of Keras variables compares their values.
        before = {id(variable): value for variable, value in self._values}
        return all(
            value.tobytes() == before[id(one)].tobytes() for one, value in values_of(variables)
        )


def seeds_of(model: Any) -> Values:
    """The states of a model's seed generators, from which dropout and similar layers draw."""
    weights = {id(variable) for variable in model.weights}
    return values_of([*(one for one in model.variables if id(one) not in weights), *_unseeded()])


def values_of(variables: Iterable[Any]) -> Values:
    """The variables, each once, with copies of their values."""
    distinct = {id(variable): variable for variable in variables}
    return [(variable, array_of(variable.value)) for variable in distinct.values()]


def restore(values: Values) -> None:
    """Assign earlier values to variables."""
    for variable, value in values:
        variable.assign(value)


def still(optimizer: Any) -> AbstractContextManager[None]:
    """Keep an optimizer from changing anything, in steps that are traced inside the context."""

    def apply(grads: Any, trainable_variables: Any = None) -> None:
        pass

    def stateless_apply(optimizer_variables: Any, grads: Any, trainable_variables: Any) -> Any:
        return trainable_variables, optimizer_variables

    return patched((optimizer, "apply", apply), (optimizer, "stateless_apply", stateless_apply))


def _unseeded() -> list[Any]:
    """The state of the generator that draws for layers without a seed, if there is one."""
    generator = global_state.get_global_attribute("global_seed_generator")
    return [] if generator is None else [generator.state]
