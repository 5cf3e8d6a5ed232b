"""Prints the table of the facts after they ran as tests."""

from __future__ import annotations

import io
import json
from typing import Any

from lossaudit.testing.keras_facts.fact import Outcome
from lossaudit.testing.keras_facts.verification import versions, write


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table of the facts that ran."""
    reports = [
        one
        for some in terminalreporter.stats.values()
        for one in some
        if getattr(one, "when", "") == "call"
    ]
    texts = [text for one in reports for name, text in one.user_properties if name == "keras_fact"]
    if texts:
        buffer = io.StringIO()
        write([Outcome(**json.loads(text)) for text in texts], versions(), buffer)
        terminalreporter.section("lossaudit verify")
        terminalreporter.write(buffer.getvalue())
