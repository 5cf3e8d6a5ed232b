"""What Keras logs, as facts that anyone can verify against the Keras, TensorFlow and back end they
have.

`lossaudit verify` prints one table; `pytest --pyargs lossaudit.testing.keras_facts` runs the same
facts as tests, in which a known defect of the installed version is an expected failure.
"""

from __future__ import annotations

from lossaudit.testing.keras_facts import (
    content_facts,
    hook_facts,
    mean_facts,
    replica_facts,
    step_facts,
    writer_facts,
)
from lossaudit.testing.keras_facts.fact import REGISTERED, Fact, Known, Outcome

MODULES = (mean_facts, content_facts, step_facts, hook_facts, writer_facts, replica_facts)
"""Where the facts are, in reading order."""

FACTS: dict[str, Fact] = {
    name: one
    for module in MODULES
    for name, one in REGISTERED.items()
    if one.see.__module__ == module.__name__
}

__all__ = ["FACTS", "MODULES", "Fact", "Known", "Outcome"]
