"""The hardware and the versions of a measurement, as JSON values."""

from __future__ import annotations

import json
import os
import platform

import keras
import numpy as np

from lossaudit.overhead import machine as module
from lossaudit.overhead.machine import machine


def test_a_machine_is_described_by_json_values():
    found = machine()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["processor"]
    assert (found["keras"], found["numpy"]) == (keras.__version__, np.__version__)
    assert found["python"] == platform.python_version()


def test_the_cores_are_those_that_this_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3, 5}, raising=False)
    assert machine()["cores"] == 2


def test_a_system_without_load_and_affinity_is_described_all_the_same(monkeypatch):
    monkeypatch.delattr(os, "getloadavg", raising=False)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    found = machine()
    assert (found["load"], found["cores"]) == (None, os.cpu_count())


def test_a_package_that_is_not_installed_has_no_version(monkeypatch):
    monkeypatch.setattr(module, "_PACKAGES", ("numpy", "no-such-package"))
    found = machine()
    assert "numpy" in found
    assert "no-such-package" not in found
