"""Checks of where the numbers of a claim are logged: LA201 to LA203, LA205."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lossaudit.auditing.alignment import Alignment
from lossaudit.auditing.assessment import Assessment
from lossaudit.auditing.messages import finding, instead, or_else
from lossaudit.predictions.mistakes import places
from lossaudit.report.findings import Finding
from lossaudit.report.verdict import Verdict
from lossaudit.rules.catalogue import RULES

_COUNTED = (places.BATCHES_MISSING, places.BATCHES_REPEATED, places.EXECUTIONS_COUNTED_FOR_BATCHES)
"""Mistakes in how often a number is logged."""


def check_order(assessed: Assessment) -> Iterator[Finding]:
    """LA201, LA202, LA203, LA205: numbers are elsewhere, missing, repeated, or without a truth."""
    alignment = assessed.best.alignment if assessed.best else None
    if alignment is None or alignment.mistake is None:
        return
    yield finding(
        RULES[alignment.mistake.rules[0]],
        assessed,
        f"{assessed.claim.title}: {alignment.detail}.{or_else(assessed)}",
        verdict=Verdict.WRONG if alignment.founded else Verdict.UNDECIDABLE,
        severity="error" if alignment.founded else "warning",
        causes=(alignment.mistake.name, *instead(assessed, alignment.mistake)),
        remedy=alignment.mistake.remedy,
        **_first_moved(assessed, alignment),
    )


def _first_moved(assessed: Assessment, alignment: Alignment) -> dict[str, int]:
    """Epoch and step of the first number that is missing, repeated or moved."""
    expected = assessed.expected
    assert expected is not None
    rows = alignment.rows[alignment.placed]
    times = np.bincount(rows, minlength=len(expected))
    row = int(np.argmax(times != 1)) if alignment.mistake in _COUNTED else int(rows[0])
    step = {"step": int(expected.steps[row])} if expected.per == "batch" else {}
    return {"epoch": int(expected.epochs[row]), **step}
