"""The facts in several versions of Keras, and the command that verifies them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from lossaudit.cli.commands import main
from lossaudit.testing.keras_facts import FACTS, Outcome
from lossaudit.testing.keras_facts.fact import DIFFERS, HOLDS, KNOWN, SKIPPED, judged, names
from lossaudit.testing.keras_facts.verification import (
    described,
    document,
    heading,
    outcome_of,
    status_of,
    write,
)
from tests.keras.installations import ROOT, ran_with
from tests.testing.keras_facts.facts import (
    KNOWN_DEFECTS,
    PERIODS,
    VERSIONS,
    WHICH_LOSS,
    page,
    which_loss,
)
from tests.testing.keras_facts.one_fact import THREE, a_fact

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="this is about Keras on TensorFlow"
)


def assert_just_the_known_defects(version, status, printed):
    """That `lossaudit verify --format json` says of a version what the table says of it, and exits
    with 0.
    """
    found = json.loads(printed.splitlines()[-1])
    assert found["versions"]["keras"] == version
    expected = {name: KNOWN if version in KNOWN_DEFECTS.get(name, ()) else HOLDS for name in FACTS}
    assert {one["fact"]: one["status"] for one in found["facts"]} == expected
    assert (found["status"], status) == (0, 0)


@pytest.mark.slow
@pytest.mark.nightly
@pytest.mark.parametrize("version", VERSIONS)
def test_the_table_of_each_version_is_that_of_the_facts(version):
    run = ran_with(version, "lossaudit.cli", "verify", "--format", "json")
    assert_just_the_known_defects(version, run.returncode, run.stdout)


@pytest.mark.slow
def test_the_table_of_the_installed_version_is_that_of_the_facts(capsys):
    if keras.__version__ not in VERSIONS:
        pytest.skip(
            f"nothing is known of Keras {keras.__version__}: add it to "
            "tests/testing/keras_facts/facts.py"
        )
    status = main(["verify", "--format", "json"])
    assert_just_the_known_defects(keras.__version__, status, capsys.readouterr().out)


def test_every_fact_of_the_table_is_one():
    assert set(KNOWN_DEFECTS) <= set(FACTS)


def test_the_page_is_what_its_command_prints():
    assert (ROOT / "docs" / "keras-facts.md").read_text("utf-8") == page()


def test_the_table_of_the_readme_is_that_of_the_facts():
    assert which_loss() in (ROOT / "README.md").read_text("utf-8")


def test_the_periods_of_the_readme_are_those_in_which_the_facts_change():
    for _, _, name, _ in WHICH_LOSS:
        for period, versions in PERIODS.items():
            first, last = (
                period.replace(",", " to").split(" to ")[0],
                period.replace(",", " to").split(" to ")[-1],
            )
            known = [
                FACTS[name].known_of(version, "tensorflow")
                for version in (f"{first}.0", *versions, f"{last}.0")
            ]
            assert len({id(one) for one in known}) == 1, (name, period)


def test_a_fact_that_cannot_be_observed_here_is_skipped_with_the_reason():
    assert (
        outcome_of(a_fact(on="torch")).reason
        == "It is about Keras on torch; yours is on tensorflow."
    )
    assert (
        outcome_of(a_fact(needs=("no_such_module",))).reason
        == "It needs no_such_module: not installed."
    )
    assert outcome_of(a_fact(needs=("no_such_module",))).status == SKIPPED


@pytest.fixture
def outcomes() -> list[Outcome]:
    return [judged(a_fact(THREE, seen=seen), "3.8.0", "tensorflow") for seen in (4.0, 3.5)] + [
        judged(a_fact(), "3.8.0", "tensorflow"),
        outcome_of(a_fact(on="torch")),
    ]


def test_the_table_has_each_fact_and_fits_into_80_columns_of_a_pipe(outcomes, tmp_path: Path):
    with (tmp_path / "table.txt").open("w+", encoding="utf-8") as file:
        write(outcomes, {"keras": "3.8.0", "backend": "tensorflow", "tensorflow": "2.21.0"}, file)
        file.seek(0)
        text = file.read()
    assert max(map(len, text.splitlines())) <= 80
    assert text.startswith("Keras 3.8.0 on tensorflow 2.21.0\n")
    words = " ".join(text.split())
    for part in (
        "a-fact",
        "known defect",
        "keras-team/keras#1",
        "1 hold, 1 known defect, 1 differ, 1 skipped",
    ):
        assert part in words
    assert described(outcomes[2]) == "A mean is 3."


def test_the_status_is_1_only_if_something_unknown_differs(outcomes):
    assert status_of(outcomes) == 1
    assert status_of([one for one in outcomes if one.status != DIFFERS]) == 0
    assert names(outcomes, DIFFERS) == ["a-fact"]


def test_json_writes_nan_as_a_text():
    outcome = judged(a_fact(seen=float("nan")), "3.15.1", "tensorflow")
    content = json.loads(document([outcome], {"keras": "3.15.1"}), parse_constant=pytest.fail)
    assert content["facts"][0]["seen"] == "nan"
    assert content["status"] == 1


def test_the_heading_names_keras_its_back_end_and_tensorflow():
    installed = {"keras": "3.15.1", "backend": "jax", "tensorflow": "2.21.0", "jax": "0.10.2"}
    assert heading(installed) == "Keras 3.15.1 on jax 0.10.2, with tensorflow 2.21.0"


def test_without_keras_nothing_can_be_verified(tmp_path: Path):
    (tmp_path / "keras.py").write_text("raise ImportError('no such back end')")
    folders = [str(tmp_path), str(ROOT)]
    program = f"import sys; sys.path[:0] = {folders!r}; from lossaudit.cli import main; "
    arguments = [sys.executable, "-c", program + "sys.exit(main(['verify']))"]
    run = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert (
        run.stderr == "lossaudit verify: Keras cannot be imported: ImportError: no such back end\n"
    )


@pytest.mark.slow
def test_the_facts_run_as_a_suite_of_the_installed_package_and_print_their_table(
    pytester: pytest.Pytester,
):
    run = pytester.runpytest_inprocess(
        "-p", "no:cacheprovider", "--pyargs", "lossaudit.testing.keras_facts"
    )
    known = sum(
        one.known_of(keras.__version__, "tensorflow") is not None for one in FACTS.values()
    )
    run.assert_outcomes(passed=len(FACTS) - known, xfailed=known)
    said = f"{len(FACTS) - known} hold, {known} known defects, 0 differ, 0 skipped"
    assert said in run.stdout.str()
