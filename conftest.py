"""Root configuration of the test suite: plugins and the profiles of Hypothesis; no fixtures."""

from __future__ import annotations

import os

# TensorFlow and Keras read these when they are first imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

from hypothesis import HealthCheck, settings

pytest_plugins = ["lossaudit.pytest_plugin", "pytester"]

settings.register_profile(
    "default", deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", parent=settings.get_profile("default"), max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
