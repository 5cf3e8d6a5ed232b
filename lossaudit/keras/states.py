"""State: all that a training leaves in a model, to be put back after the model was used for a
measurement.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from keras import ops
from keras.src.backend.common import (
    global_state,  # the generator of layers that were given no seed is nowhere public
)

from lossaudit.keras.capture.ring import ON_TENSORFLOW

Values = list[tuple[Any, Any]]
"""Variables of Keras, each with its value as an array."""

_ABSENT = object()
_ATTRIBUTES = (
    "history",
    "stop_training",
    "stop_evaluating",
    "_initial_epoch",
    "_eval_epoch_iterator",
)
"""What `fit` and `evaluate` set on a model, beside what they compile."""


class State:
    """Values of all variables of a model, its metrics and its optimizer, and of the generators of
    random numbers.

    Among the variables are moving statistics and the states of seed generators. Of Python and
    numpy it is the generators that a data pipeline may draw from.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        optimizer = getattr(model.optimizer, "variables", [])
        self._values = values_of(
            [*model.variables, *model.metrics_variables, *optimizer, *_unseeded()]
        )
        self._attributes = {name: vars(model).get(name, _ABSENT) for name in _ATTRIBUTES}
        self._random = random.getstate(), np.random.get_state()  # noqa: NPY002 - it is this one that is in use

    @classmethod
    @contextmanager
    def kept(cls, model: Any) -> Iterator[State]:
        """Let the model be used inside the context, and leave it as it was, whatever happens."""
        state = cls(model)
        try:
            yield state
        finally:
            state.restore()

    def restore(self) -> None:
        """Put everything back."""
        restore(self._values)
        for name, value in self._attributes.items():
            if value is not _ABSENT:
                object.__setattr__(self._model, name, value)
            elif name in vars(self._model):
                object.__delattr__(self._model, name)
        random.setstate(self._random[0])
        np.random.set_state(self._random[1])  # noqa: NPY002

    def holds(self, variables: Iterable[Any]) -> bool:
        """Whether some of the variables still have the values that they had, bit for bit."""
        before = {id(variable): value for variable, value in self._values}
        return all(
            value.tobytes() == before[id(one)].tobytes() for one, value in values_of(variables)
        )


def seeds_of(model: Any) -> Values:
    """Where the seed generators of a model stand, from which dropout and the like draw."""
    weights = {id(variable) for variable in model.weights}
    return values_of([*(one for one in model.variables if id(one) not in weights), *_unseeded()])


def values_of(variables: Iterable[Any]) -> Values:
    """The variables, each once, with copies of their values."""
    distinct = {id(variable): variable for variable in variables}
    return [(variable, _read(variable)) for variable in distinct.values()]


def restore(values: Values) -> None:
    """Give variables values that they had before."""
    for variable, value in values:
        variable.assign(value)


@contextmanager
def still(optimizer: Any) -> Iterator[None]:
    """Let an optimizer change nothing inside the context, in steps that are traced there."""
    replacements = {
        "apply": lambda grads, trainable_variables=None: None,
        "stateless_apply": lambda optimizer_variables, grads, trainable_variables: (
            trainable_variables,
            optimizer_variables,
        ),
    }
    before = {name: vars(optimizer).get(name) for name in replacements}
    for name, replacement in replacements.items():
        object.__setattr__(optimizer, name, replacement)
    try:
        yield
    finally:
        for name, method in before.items():
            object.__delattr__(optimizer, name)
            if method is not None:
                object.__setattr__(optimizer, name, method)


def _unseeded() -> list[Any]:
    """The state of the generator that draws for layers without a seed, if there is one."""
    generator = global_state.get_global_attribute("global_seed_generator")
    return [] if generator is None else [generator.state]


def _read(variable: Any) -> Any:
    # Keras 3.15 reads TensorFlow variables in a way of which numpy 2 warns.
    return (
        variable.value.numpy() if ON_TENSORFLOW else np.array(ops.convert_to_numpy(variable.value))
    )
