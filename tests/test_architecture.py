"""The file list is the architecture: a dozen entries at the root, imports in one direction, and no
circle.
"""

from __future__ import annotations

import ast
from collections import Counter
from fnmatch import fnmatch
from pathlib import Path

import pytest

from docs.imports import ORDER, PACKAGE, between_packages, circles, import_graph, modules, top

MODULES = modules()
GRAPH = import_graph()

SERVED_BY = {
    "__main__": "cli/test_commands.py",
    "cli.__main__": "cli/test_commands.py",
    "errors": "test_imports.py",
    "_exports": "test_imports.py",
    "logs": "auditing/alone/test_recovery.py",
    # The rules of one hundred: data that the catalogue collects.
    **dict.fromkeys(
        [f"rules.{one}" for one in ("aggregation", "callbacks", "log_files", "numbers", "steps")],
        "rules/test_catalogue.py",
    ),
    "rules.examples.*_examples": "rules/examples/test_example.py",
    # Wrong programs, each of which an audit must name.
    "testing.faults.wrong_*": "predictions/test_mistakes.py",
}
"""The tests of modules that have none of their name, by a pattern of the name."""

WITHOUT_TESTS = {
    "arithmetic.arrays": "names of types",
    "recording.keys": "names of metadata",
    "report.verdict": "an enumeration with a doctest",
    "testing.keras_facts.*_facts": "trainings that `test_facts` beside them runs",
    "testing.keras_facts.test_facts": "is a test itself",
    "testing.keras_facts.conftest": "the fixtures of that test",
}
"""Why a module needs no tests, by a pattern of its name."""


def test_the_root_has_the_entries_of_the_architecture_and_no_others():
    assert {top(name) for name in MODULES} == set(ORDER)


def test_packages_import_only_what_is_named_before_them():
    for name, others in between_packages(GRAPH).items():
        later = {other for other in others if ORDER.index(other) > ORDER.index(name)}
        assert not later, f"{name} imports {sorted(later)}"


def test_no_module_imports_itself_by_way_of_others():
    assert circles(GRAPH) == []


def test_no_module_imports_the_package_itself_but_for_its_version():
    for name, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "lossaudit":
                assert all(
                    alias.name == "__version__" or alias.name in ORDER for alias in node.names
                ), name


@pytest.fixture
def package(tmp_path):
    """A small package with an import in a function, one for types, and one by the name of a
    module.
    """
    files = {
        "low/first.py": "",
        "low/second.py": "from sample.low import first\n",
        "high/third.py": "def f():\n    from sample.low.second import name\n",
    }
    for name, text in files.items():
        path = tmp_path / "sample" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_name("__init__.py").touch()
        path.write_text(text)
    return tmp_path / "sample"


def test_the_graph_has_imports_inside_functions_and_by_the_name_of_a_module(package):
    graph = import_graph(package)
    assert graph["high.third"] == {"low.second"}
    assert graph["low.second"] == {"low.first"}
    assert between_packages(graph) == {"high": {"low"}, "low": frozenset()}
    assert circles(graph) == []


def test_a_circle_is_found_that_goes_through_an_import_for_types(package):
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import sample.high.third\n"
    (package / "low" / "first.py").write_text(text)
    assert circles(import_graph(package)) == [["high.third", "low.first", "low.second"]]


@pytest.mark.parametrize("name", MODULES)
def test_no_module_is_longer_than_400_lines(name):
    assert len(MODULES[name].read_text("utf-8").splitlines()) <= 400


def test_no_module_has_a_name_that_says_nothing():
    parts = {part for name in MODULES for part in name.split(".")}
    assert not parts & {"utils", "helpers", "common", "base", "core", "misc"}


def test_no_two_modules_have_one_name_but_a_package_and_its_main_module():
    names = Counter(name.rpartition(".")[2] for name in MODULES if not is_main_module(name))
    assert [name for name, count in names.items() if count > 1] == []


def is_main_module(name):
    """Whether a module is named like its package, as `recording.recording` is, or runs it."""
    return name.split(".")[-2:-1] == name.split(".")[-1:] or name.endswith("__main__")


def test_no_two_public_classes_have_one_name():
    names = Counter(
        node.name
        for path in MODULES.values()
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, count in names.items() if count > 1] == []


def test_every_rule_is_in_the_package_of_rules():
    for name, path in MODULES.items():
        calls = [
            node
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Call)
        ]
        made = any(isinstance(one.func, ast.Name) and one.func.id == "Rule" for one in calls)
        assert not made or top(name) == "rules", name


def test_no_tolerance_is_written_down_outside_of_the_module_that_derives_them():
    for name, path in MODULES.items():
        nodes = ast.walk(ast.parse(path.read_text("utf-8")))
        numbers = [node.value for node in nodes if isinstance(node, ast.Constant)]
        small = [one for one in numbers if isinstance(one, float) and 0 < abs(one) < 1e-3]
        assert not small or name == "arithmetic.bounds", (name, small)


def test_no_docstring_is_data():
    for name, path in MODULES.items():
        assert "__doc__" not in path.read_text("utf-8") or name == "testing.suites.suite", name


def test_the_package_says_what_each_entry_of_its_root_is_for():
    text = ast.get_docstring(ast.parse((PACKAGE / "__init__.py").read_text("utf-8")))
    for entry in ORDER:
        assert entry.startswith("_") or f"\n{entry} " in text, entry


def test_every_module_has_tests_of_its_name():
    assert without_tests(MODULES, Path(__file__).parent) == []


def without_tests(files, tests):
    """The modules that have no file in a folder of tests, packages left out."""
    return [
        name
        for name, path in files.items()
        if path.name != "__init__.py"
        and not any(fnmatch(name, pattern) for pattern in WITHOUT_TESTS)
        and not (tests / file_for(name)).is_file()
    ]


def file_for(name):
    """The file of the tests of a module, in the folder of tests."""
    served = next((file for pattern, file in SERVED_BY.items() if fnmatch(name, pattern)), "")
    *packages, module = name.split(".")
    return Path(served or Path(*packages, f"test_{module}.py"))


def test_a_module_without_tests_of_its_name_is_found(package, tmp_path):
    tests = tmp_path / "tests"
    for name in ("low/test_first.py", "low/test_second.py", "test_third.py"):
        (tests / name).parent.mkdir(parents=True, exist_ok=True)
        (tests / name).touch()
    assert without_tests(modules(package), tests) == ["high.third"]


@pytest.mark.parametrize("pattern", [*SERVED_BY, *WITHOUT_TESTS])
def test_there_are_modules_for_every_exemption(pattern):
    assert [name for name in MODULES if fnmatch(name, pattern)]
