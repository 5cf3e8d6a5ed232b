"""What importing costs: the package and its plugin load the standard library only.

Also tests of the names that the package exports, and of its errors.
"""

from __future__ import annotations

import json
import subprocess
import sys
from types import ModuleType

import pytest

import lossaudit
from lossaudit import errors
from lossaudit._exports import exported

HEAVY = ["tensorflow", "keras", "numpy", "hypothesis", "rich", "jinja2", "pandas"]
SHOW = "import sys, json; print(json.dumps([name for name in {heavy!r} if name in sys.modules]))"


def loaded_after(statement: str) -> list[str]:
    program = f"{statement}; {SHOW.format(heavy=HEAVY)}"
    return json.loads(
        subprocess.run(
            [sys.executable, "-c", program], check=True, capture_output=True, text=True
        ).stdout
    )


@pytest.mark.parametrize(
    "module", ["lossaudit", "lossaudit.pytest_plugin", "lossaudit.keras", "lossaudit.cli"]
)
def test_importing_loads_no_heavy_package(module):
    assert loaded_after(f"import {module}") == []


def test_the_test_can_fail():
    assert loaded_after("import lossaudit; lossaudit.Series") == ["numpy"]


def test_a_pytest_run_that_does_not_use_the_plugin_loads_no_heavy_package(pytester):
    pytester.makepyfile(
        f"def test_nothing(): {SHOW.format(heavy=HEAVY[:3]).replace('print(', 'found = (')}; "
        "assert found == '[]'"
    )
    pytester.runpytest_subprocess(
        "-p", "lossaudit.pytest_plugin", "-p", "no:hypothesispytest"
    ).assert_outcomes(passed=1)


@pytest.mark.parametrize("name", lossaudit.__all__)
def test_every_public_name_can_be_had(name):
    assert getattr(lossaudit, name).__name__ == name
    assert name in dir(lossaudit)


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = lossaudit.nothing


def test_a_name_is_loaded_once_and_then_belongs_to_its_package(monkeypatch):
    package = ModuleType("sample")
    monkeypatch.setitem(sys.modules, "sample", package)
    monkeypatch.setitem(sys.modules, "sample.home", ModuleType("sample.home"))
    sys.modules["sample.home"].Thing = object()
    package.other = 1
    get, names = exported("sample", {"Thing": "home", "Missing": "home"})
    assert {"Thing", "Missing", "other"} <= set(names())
    assert "Thing" not in vars(package)
    assert get("Thing") is package.Thing is sys.modules["sample.home"].Thing
    with pytest.raises(AttributeError, match="Missing"):
        get("Missing")
    with pytest.raises(AttributeError, match="module 'sample' has no attribute 'home'"):
        get("home")


ERRORS = {name: one for name, one in vars(errors).items() if isinstance(one, type)}


@pytest.mark.parametrize("name", ERRORS)
def test_every_error_is_one_of_lossaudit_and_says_the_way_out(name):
    one = ERRORS[name]
    assert issubclass(one, errors.LossauditError) != issubclass(one, Warning)
    assert one is errors.LossauditError or "Remedy: " in one.__doc__


def test_every_error_but_the_base_is_also_of_a_kind_that_python_knows():
    for name, one in ERRORS.items():
        if one is not errors.LossauditError:
            kinds = set(one.__mro__) - {
                one,
                errors.LossauditError,
                Exception,
                BaseException,
                object,
            }
            assert kinds, name
