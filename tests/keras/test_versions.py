"""The scenarios in several versions of Keras, installed beside each other: what each of them gives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import pytest

from lossaudit.testing.scenarios import SCENARIOS
from tests.keras.versions import EXPECTED, VERSIONS

ROOT = Path(__file__).parents[2]
BESIDE = Path(tempfile.gettempdir()) / "lossaudit-keras"


def installed(version: str) -> Path | None:
    """Where that version is, installed beside the others if need be; None for the one of this environment."""
    if version == keras.__version__:
        return None
    folder = BESIDE / version
    if not (folder / "keras" / "__init__.py").exists():
        arguments = ["--no-deps", "--quiet", "--target", str(folder), f"keras=={version}"]
        run = subprocess.run([sys.executable, "-m", "pip", "install", *arguments], capture_output=True, text=True)
        if run.returncode:
            pytest.skip(f"Keras {version} cannot be installed here: {run.stderr.strip()[-300:]}")
    return folder


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="this is about Keras on TensorFlow")
@pytest.mark.parametrize("version", dict.fromkeys([*VERSIONS, keras.__version__]))
def test_each_version_of_keras_gives_just_its_own_findings(version):
    if version not in VERSIONS:
        pytest.skip(f"nothing is known of Keras {version}: add it to tests/keras/versions.py")
    folder = installed(version)
    path = os.pathsep.join([str(one) for one in (folder, ROOT) if one is not None])
    environment = {**os.environ, "PYTHONPATH": path}
    run = subprocess.run(
        [sys.executable, "-m", "tests.keras.versions"], capture_output=True, text=True, env=environment, cwd=ROOT
    )
    assert run.returncode == 0, run.stderr[-4000:]
    said = json.loads(run.stdout.splitlines()[-1])
    assert said["keras"] == version
    assert said["changed"] == []
    assert said["found"] == {name: findings[version] for name, findings in EXPECTED.items()}


def test_the_table_has_every_scenario_and_no_other():
    assert list(EXPECTED) == list(SCENARIOS)
