"""Patches: attributes of foreign objects, replaced for a while and then put back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

_ABSENT = object()

Replacement = tuple[Any, str, Any]
"""An owner, the name of its attribute, and the value to set."""


class Patch:
    """Sets an attribute of an object or a class until `undo`.

    `undo` deletes the attribute where the owner only inherited it.

    Args:
        owner: an object or a class.
        name: the attribute's name.
        value: what the owner has as that attribute until `undo`.
    """

    def __init__(self, owner: Any, name: str, value: Any) -> None:
        self._before = Attribute(owner, name)
        _set(owner, name, value)

    def undo(self) -> None:
        """Put the attribute back."""
        self._before.restore()


class Attribute:
    """An attribute as its owner has it now, or that the owner itself has none.

    Args:
        owner: an object or a class.
        name: the attribute's name.
    """

    def __init__(self, owner: Any, name: str) -> None:
        self._owner, self._name = owner, name
        # From `vars`, because `getattr` would bind a method, and find an inherited one.
        self._own = vars(owner).get(name, _ABSENT)

    def restore(self) -> None:
        """Give the owner this attribute again, or take away one that it has got since."""
        if self._own is not _ABSENT:
            _set(self._owner, self._name, self._own)
        elif self._name in vars(self._owner):
            _plain(self._owner).__delattr__(self._owner, self._name)


@contextmanager
def patched(*replacements: Replacement) -> Iterator[None]:
    """Set attributes inside the context, and put them back in reverse order afterwards."""
    with ExitStack() as undoing:
        for replacement in replacements:
            undoing.callback(Patch(*replacement).undo)
        yield


def _set(owner: Any, name: str, value: Any) -> None:
    _plain(owner).__setattr__(owner, name, value)


def _plain(owner: Any) -> Any:
    """The built-in class whose `__setattr__` and `__delattr__` only set and delete."""
    # Keras overrides `__setattr__` of layers and models: it would add a metric to the layer's
    # metrics, and a function or a list to what it saves.
    return type if isinstance(owner, type) else object
