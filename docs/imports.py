"""The import graph of the package: which module imports which, wherever in a file.

Imports inside functions and under `TYPE_CHECKING` count too: a reader of a file follows them as
well.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "lossaudit"

ORDER = (
    "errors",
    "_exports",
    "arithmetic",
    "recording",
    "rules",
    "formats",
    "report",
    "predictions",
    "auditing",
    "logs",
    "keras",
    "overhead",
    "testing",
    "pytest_plugin",
    "cli",
    "__main__",
)
"""The packages and modules at the root. Each may import only those named before it."""

Graph = Mapping[str, frozenset[str]]
"""The names that each name imports."""


def modules(package: Path = PACKAGE) -> dict[str, Path]:
    """The file of each module by its dotted name; the package itself is left out."""
    named = {
        ".".join(path.relative_to(package).with_suffix("").parts): path
        for path in package.rglob("*.py")
    }
    return {
        name.removesuffix(".__init__"): path
        for name, path in sorted(named.items())
        if name != "__init__"
    }


def import_graph(package: Path = PACKAGE) -> dict[str, frozenset[str]]:
    """The modules of the package that each of its modules imports."""
    files = modules(package)
    return {
        name: frozenset(_imports(path, package.name, files) - {name})
        for name, path in files.items()
    }


def between_packages(graph: Graph) -> dict[str, frozenset[str]]:
    """The same graph between the packages and modules at the root."""
    found: dict[str, set[str]] = {top(name): set() for name in graph}
    for name, others in graph.items():
        found[top(name)] |= {top(other) for other in others} - {top(name)}
    return {name: frozenset(others) for name, others in found.items()}


def circles(graph: Graph) -> list[list[str]]:
    """The modules of each import circle, sorted."""
    reached = {name: _reachable(graph, name) for name in graph}
    found = {frozenset(one for one in reached[name] if name in reached[one]) for name in graph}
    return sorted(sorted(circle) for circle in found if circle)


def reduced(graph: Graph) -> dict[str, frozenset[str]]:
    """The transitive reduction: the fewest edges from which all others follow.

    The graph must have no circle; see `circles`.

    >>> {name: sorted(others) for name, others in reduced({"c": {"a", "b"}, "b": {"a"}}).items()}
    {'c': ['b'], 'b': ['a']}
    """
    return {
        name: frozenset(others) - {far for near in others for far in _reachable(graph, near)}
        for name, others in graph.items()
    }


def top(name: str) -> str:
    """The package or module at the root that a module belongs to."""
    return name.partition(".")[0]


def _reachable(graph: Graph, start: str) -> set[str]:
    found: set[str] = set()
    left = list(graph.get(start, ()))
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += graph.get(name, ())
    return found


def _imports(path: Path, package: str, known: Iterable[str]) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and top(node.module) == package:
            found |= {_module(f"{node.module}.{alias.name}", known) for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {
                _module(alias.name, known) for alias in node.names if top(alias.name) == package
            }
    return found - {""}


def _module(name: str, known: Iterable[str]) -> str:
    """The module that an imported name is, or comes from; empty for the package itself."""
    inside = name.partition(".")[2]
    return inside if inside in known else inside.rpartition(".")[0]
