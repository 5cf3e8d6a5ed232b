"""What importing costs: the package and its plugin load the standard library only."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import lossaudit

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
