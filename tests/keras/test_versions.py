"""The findings of all scenarios in several installed versions of Keras."""

from __future__ import annotations

import json

import keras
import pytest

from lossaudit.testing.scenarios import SCENARIOS
from tests.keras.installations import by_day_and_night, ran_with
from tests.keras.versions import EXPECTED, VERSIONS


@pytest.mark.slow
@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="this is about Keras on TensorFlow"
)
@pytest.mark.parametrize("version", by_day_and_night(VERSIONS))
def test_each_version_of_keras_gives_just_its_own_findings(version):
    if version not in VERSIONS:
        pytest.skip(f"nothing is known of Keras {version}: add it to tests/keras/versions.py")
    run = ran_with(version, "tests.keras.versions")
    assert run.returncode == 0, run.stderr[-4000:]
    said = json.loads(run.stdout.splitlines()[-1])
    assert said["keras"] == version
    assert said["changed"] == []
    assert said["found"] == {name: findings[version] for name, findings in EXPECTED.items()}


def test_the_table_has_every_scenario_and_no_other():
    assert list(EXPECTED) == list(SCENARIOS)
