"""Verifies every fact with the installed Keras; prints the outcomes as a table or JSON."""

from __future__ import annotations

import importlib
import importlib.util
import json
import logging
import sys
from collections.abc import Sequence
from typing import TextIO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lossaudit.report.progress import tracked
from lossaudit.testing.keras_facts import FACTS
from lossaudit.testing.keras_facts.fact import (
    DIFFERS,
    HOLDS,
    KNOWN,
    SKIPPED,
    Fact,
    Outcome,
    judged,
    names,
)
from lossaudit.testing.keras_facts.replica_facts import begun

SCHEMA = 1
_STYLES = {HOLDS: "green", KNOWN: "yellow", DIFFERS: "bold red", SKIPPED: "dim"}


def main(*, as_json: bool = False) -> int:
    """Verify every fact, print the table or JSON, and return the exit status."""
    # TensorFlow warns of frequent retracing, which many small models cannot avoid.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    # The process that trains on two replicas runs in parallel with the other facts.
    if versions()["backend"] == "tensorflow":
        begun()
    outcomes = [outcome_of(one) for one in tracked(list(FACTS.values()), "Verifying facts")]
    if as_json:
        print(document(outcomes, versions()))
    else:
        write(outcomes, versions(), sys.stdout)
    return status_of(outcomes)


def versions() -> dict[str, str]:
    """Return the versions of Keras, its back end, and TensorFlow if installed."""
    import keras

    backend = str(keras.backend.backend())
    found = {"keras": str(keras.__version__), "backend": backend}
    return {**found, **{name: one for name in ("tensorflow", backend) if (one := _version(name))}}


def outcome_of(one: Fact) -> Outcome:
    """Verify a fact with the installed Keras, or skip it."""
    installed = versions()
    missing = [name for name in one.needs if importlib.util.find_spec(name) is None]
    if one.backend and one.backend != installed["backend"]:
        reason = f"It is about Keras on {one.backend}; yours is on {installed['backend']}."
    elif missing:
        reason = f"It needs {' and '.join(missing)}: not installed."
    else:
        return judged(one, installed["keras"], installed["backend"])
    return Outcome(one.name, one.sentence, SKIPPED, one.expected, None, reason)


def status_of(outcomes: Sequence[Outcome]) -> int:
    """Return the exit status: 1 if a fact differs from all that is known, otherwise 0."""
    return int(bool(names(outcomes, DIFFERS)))


def document(outcomes: Sequence[Outcome], installed: dict[str, str]) -> str:
    """Return the outcomes as JSON."""
    head = {"schema": SCHEMA, "versions": installed, "status": status_of(outcomes)}
    return json.dumps({**head, "facts": [one.as_json() for one in outcomes]})


def write(outcomes: Sequence[Outcome], installed: dict[str, str], file: TextIO) -> None:
    """Write the table, one row for each fact; 80 columns wide if `file` is not a terminal."""
    console = Console(file=file, highlight=False, width=None if file.isatty() else 80)
    console.print(Text(heading(installed), style="bold"))
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("fact", overflow="fold")
    table.add_column("status", no_wrap=True)
    table.add_column("what holds, or why it does not", overflow="fold")
    for one in outcomes:
        table.add_row(
            Text(one.fact), Text(one.status, style=_STYLES[one.status]), Text(described(one))
        )
    console.print(table)
    console.print(summary(outcomes))


def heading(installed: dict[str, str]) -> str:
    """Return the versions in one line.

    >>> heading({"keras": "3.15.1", "backend": "jax", "jax": "0.10.2"})
    'Keras 3.15.1 on jax 0.10.2'
    """
    backend = installed["backend"]
    others = [
        f"{name} {one}"
        for name, one in installed.items()
        if name not in ("keras", "backend", backend)
    ]
    more = f", with {' and '.join(others)}" if others else ""
    return f"Keras {installed['keras']} on {backend} {installed.get(backend, '')}{more}"


def described(one: Outcome) -> str:
    """Return the fact as a sentence, or why it does not hold."""
    if one.status == HOLDS:
        return one.sentence
    return f"{one.reason} ({one.thread})" if one.thread else f"{one.sentence} {one.reason}"


def summary(outcomes: Sequence[Outcome]) -> Text:
    """Count the outcomes by status, in one line."""
    counts = {status: len(names(outcomes, status)) for status in _STYLES}
    defects = f"{counts[KNOWN]} known defect{'s' * (counts[KNOWN] != 1)}"
    others = f"{counts[DIFFERS]} differ, {counts[SKIPPED]} skipped"
    text = f"lossaudit: {counts[HOLDS]} hold, {defects}, {others}"
    return Text(text, style=_STYLES[DIFFERS if counts[DIFFERS] else HOLDS])


def _version(name: str) -> str:
    """Return the version of a module, or an empty text."""
    # From the module: its package may be tensorflow, tensorflow-cpu or a vendor build.
    if importlib.util.find_spec(name) is None:
        return ""
    return str(getattr(importlib.import_module(name), "__version__", ""))
