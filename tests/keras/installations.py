"""Installs other versions of Keras in folders of their own, and runs programs with them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import pytest

ROOT = Path(__file__).parents[2]
BESIDE = Path(tempfile.gettempdir()) / "lossaudit-keras"


def by_day_and_night(versions: Sequence[str]) -> list[Any]:
    """Versions of Keras as parameters of a test: that of this environment is tried by day, the
    others by night.
    """
    every = dict.fromkeys([*versions, keras.__version__])
    nightly = pytest.mark.nightly
    return [
        pytest.param(version, marks=() if version == keras.__version__ else nightly)
        for version in every
    ]


def installed(version: str) -> Path | None:
    """The folder of a version, which is installed if necessary; None for this environment's."""
    if version == keras.__version__:
        return None
    folder = BESIDE / version
    if not (folder / "keras" / "__init__.py").exists():
        arguments = ["--no-deps", "--quiet", "--target", str(folder), f"keras=={version}"]
        run = subprocess.run(
            [sys.executable, "-m", "pip", "install", *arguments], capture_output=True, text=True
        )
        if run.returncode:
            pytest.skip(f"Keras {version} cannot be installed here: {run.stderr.strip()[-300:]}")
    return folder


def ran_with(version: str, *program: str) -> subprocess.CompletedProcess[str]:
    """The output of `python -m` and a program with this version of Keras."""
    path = os.pathsep.join([str(one) for one in (installed(version), ROOT) if one is not None])
    environment = {**os.environ, "PYTHONPATH": path}
    arguments = [sys.executable, "-m", *program]
    return subprocess.run(
        arguments, capture_output=True, text=True, env=environment, cwd=ROOT, check=False
    )
