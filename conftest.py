"""Root configuration of the test suite: plugins, profiles, what runs when; no fixtures."""

from __future__ import annotations

import os
from typing import Any

# TensorFlow and Keras read these when they are first imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["lossaudit.pytest_plugin", "pytester"]

NIGHTLY = os.environ.get("LOSSAUDIT_NIGHTLY") == "1"
MOST_WORKERS = 8
"""Each of them imports TensorFlow, which takes seconds and half a gigabyte."""
TOGETHER = {
    "test_sources.py": "the files of one training",
    "test_mistakes.py": "the audits of planted mistakes",
    "test_facts.py": "the trainings of facts",
    "test_verification.py": "the trainings of facts",
    "test_probe_trainings.py": "the trainings of facts",
    "test_mlflow.py": "one mlflow.db",
    "test_trial.py": "a model, and a measurement of it",
}
"""Files whose tests run in the same worker, and what they share."""

settings.register_profile(
    "default", deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", parent=settings.get_profile("default"), max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "thorough" if NIGHTLY else "default"))


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Run the whole suite in parallel, unless -n says how; what is named on the command line runs
    in one process.
    """
    if not config.pluginmanager.hasplugin("xdist") or hasattr(config, "workerinput"):
        return
    if (
        config.option.numprocesses is None
        and config.args_source is pytest.Config.ArgsSource.TESTPATHS
    ):
        config.option.numprocesses = "auto"
        config.option.maxprocesses = config.option.maxprocesses or MOST_WORKERS
    if config.option.numprocesses and config.option.dist == "no":
        config.option.dist = "loadgroup"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep in one worker what stands in TOGETHER; the marks of loadgroup are lost on pytest 9.2
    with xdist 3.8.
    """
    if config.option.dist != "loadgroup":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return TOGETHER.get(nodeid.partition("::")[0].rpartition("/")[2], nodeid)

    return Together(config, log)


def pytest_report_header() -> str:
    if NIGHTLY:
        return "nightly: sweeps included, with 500 examples of each property"
    return "nightly: sweeps left out; LOSSAUDIT_NIGHTLY=1 includes them"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the sweeps to the night, and begin with what is slow, so that no worker waits for
    another at the end.
    """
    for item in items:
        if item.path.name == "test_facts.py":  # of the package, which does not know our marks
            item.add_marker(pytest.mark.slow)
    left_out = [] if NIGHTLY else [item for item in items if item.get_closest_marker("nightly")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
    items[:] = sorted((item for item in items if item not in left_out), key=_is_quick)


def _is_quick(item: pytest.Item) -> bool:
    return item.get_closest_marker("slow") is None
