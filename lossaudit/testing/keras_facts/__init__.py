"""Facts about what Keras logs, to verify with the installed Keras and back end.

`lossaudit verify` prints them as a table. `pytest --pyargs lossaudit.testing.keras_facts` runs
them as tests; a known defect of the installed version is an expected failure.
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
"""The modules of the facts, in reading order."""

FACTS: dict[str, Fact] = {
    name: one
    for module in MODULES
    for name, one in REGISTERED.items()
    if one.see.__module__ == module.__name__
}

__all__ = ["FACTS", "MODULES", "Fact", "Known", "Outcome"]
