"""Verification: every fact seen in the installed Keras, as outcomes, a table, or JSON."""

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
    """See every fact, print the table or JSON, and return the exit status."""
    logging.getLogger("tensorflow").setLevel(
        logging.ERROR
    )  # so many small models are traced anew, and it says so
    if versions()["backend"] == "tensorflow":
        begun()
    outcomes = [
        outcome_of(one)
        for one in tracked(list(FACTS.values()), "Training, and looking at what is logged")
    ]
    if as_json:
        print(document(outcomes, versions()))
    else:
        write(outcomes, versions(), sys.stdout)
    return status_of(outcomes)


def versions() -> dict[str, str]:
    """The versions of Keras and of its back end, and of TensorFlow if it is there."""
    import keras

    backend = str(keras.backend.backend())
    found = {"keras": str(keras.__version__), "backend": backend}
    return {**found, **{name: one for name in ("tensorflow", backend) if (one := _version(name))}}


def outcome_of(one: Fact) -> Outcome:
    """What became of a fact in the installed Keras."""
    installed = versions()
    missing = [name for name in one.needs if importlib.util.find_spec(name) is None]
    if one.backend and one.backend != installed["backend"]:
        reason = f"This is about Keras on {one.backend}; yours is on {installed['backend']}."
    elif missing:
        reason = f"It needs {' and '.join(missing)}, which is not installed."
    else:
        return judged(one, installed["keras"], installed["backend"])
    return Outcome(one.name, one.sentence, SKIPPED, one.expected, None, reason)


def status_of(outcomes: Sequence[Outcome]) -> int:
    """The exit status: 0 if nothing unknown differs, 1 otherwise."""
    return int(bool(names(outcomes, DIFFERS)))


def document(outcomes: Sequence[Outcome], installed: dict[str, str]) -> str:
    """The outcomes as JSON."""
    head = {"schema": SCHEMA, "versions": installed, "status": status_of(outcomes)}
    return json.dumps({**head, "facts": [one.as_json() for one in outcomes]})


def write(outcomes: Sequence[Outcome], installed: dict[str, str], file: TextIO) -> None:
    """Write the table: one row for each fact, as wide as the terminal, or 80 columns where there
    is none.
    """
    console = Console(file=file, highlight=False, width=None if file.isatty() else 80)
    console.print(Text(heading(installed), style="bold"))
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("fact", overflow="fold")
    table.add_column("is", no_wrap=True)
    table.add_column("what is so, or why it is not", overflow="fold")
    for one in outcomes:
        table.add_row(Text(one.fact), Text(one.status, style=_STYLES[one.status]), Text(said(one)))
    console.print(table)
    console.print(summary(outcomes))


def heading(installed: dict[str, str]) -> str:
    """The versions in a line.

    >>> heading({"keras": "3.15.1", "backend": "jax", "jax": "0.10.2"})
    'Keras 3.15.1 on jax 0.10.2'
    """
    backend = installed["backend"]
    others = [
        f"{name} {one}"
        for name, one in installed.items()
        if name not in ("keras", "backend", backend)
    ]
    beside = f", with {' and '.join(others)}" if others else ""
    return f"Keras {installed['keras']} on {backend} {installed.get(backend, '')}{beside}"


def said(one: Outcome) -> str:
    """The fact, or why it is not so."""
    if one.status == HOLDS:
        return one.sentence
    return f"{one.reason} ({one.thread})" if one.thread else f"{one.sentence} {one.reason}"


def summary(outcomes: Sequence[Outcome]) -> Text:
    """How many came out how, in a line."""
    counts = {status: len(names(outcomes, status)) for status in _STYLES}
    defects = f"{counts[KNOWN]} known defect{'s' * (counts[KNOWN] != 1)}"
    text = f"lossaudit: {counts[HOLDS]} hold, {defects}, {counts[DIFFERS]} differ, {counts[SKIPPED]} skipped"
    return Text(text, style=_STYLES[DIFFERS if counts[DIFFERS] else HOLDS])


def _version(name: str) -> str:
    """The version of a module, whatever the package is called that it came in."""
    if importlib.util.find_spec(name) is None:
        return ""
    return str(getattr(importlib.import_module(name), "__version__", ""))
