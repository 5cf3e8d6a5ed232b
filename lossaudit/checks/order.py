"""Checks of where the numbers of a claim stand: LA201 to LA203, LA205."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lossaudit.alignments import Alignment
from lossaudit.cases import Case
from lossaudit.claims import name_of
from lossaudit.findings import Finding, Rule, Verdict
from lossaudit.messages import finding, instead, or_else

STEPS = Rule(
    "LA201",
    "numbers-stand-at-their-step",
    "Each number is logged with the 0-based step, or at the position, at which it was measured.",
    "A counter that starts at 1, restarts with every epoch, or is read before it is increased moves a whole curve; "
    "nothing in the curve shows it.",
)
COMPLETE = Rule(
    "LA202",
    "no-number-is-missing",
    "A log without steps holds a number for every batch or epoch.",
    "With `steps_per_execution` a hook runs once for several batches; `n // batch_size` loses the short last one; a "
    "callback that logs now and then must say when.",
)
FOUNDED = Rule(
    "LA203",
    "every-number-has-a-truth",
    "For every logged number there is a recorded batch or epoch.",
    "A list that has grown over several calls of `fit` holds numbers that this audit has no truth for.",
    severity="warning",
)
ONCE = Rule(
    "LA205",
    "every-number-once",
    "A log holds each batch or epoch once.",
    "Files appended to after a restart, and hooks that are called twice, log some numbers again: means over the log "
    "count them twice.",
)
RULES = (STEPS, COMPLETE, FOUNDED, ONCE)

MOVED_RULES = {
    "steps-shifted": STEPS,
    "steps-restarted": STEPS,
    "batches-missing": COMPLETE,
    "numbers-without-truth": FOUNDED,
    "batches-repeated": ONCE,
    "executions-counted-for-batches": STEPS,
    "epochs-counted-of-equal-length": STEPS,
    "loss-after-update": STEPS,
}
"""The rule that each mistake in where numbers stand breaks."""
_COUNTED = {"batches-missing", "batches-repeated", "executions-counted-for-batches"}


def check_order(case: Case) -> Iterator[Finding]:
    """LA201, LA202, LA203, LA205: the numbers stand elsewhere, are missing, repeated, or have no truth."""
    alignment = case.reading.alignment if case.reading else None
    if case.reading is None or alignment is None or alignment.cause is None:
        return
    yield finding(
        MOVED_RULES[alignment.cause],
        case,
        f"{name_of(case.claim)}: {alignment.explanation}.{or_else(case)}",
        verdict=Verdict.WRONG if alignment.founded else Verdict.UNDECIDABLE,
        severity="error" if alignment.founded else "warning",
        causes=(alignment.cause, *instead(case, None)),
        remedy=alignment.remedy,
        **_first_moved(case, alignment),
    )


def _first_moved(case: Case, alignment: Alignment) -> dict[str, int]:
    """Epoch and step of the first number that is missing or repeated; of the first number, where all are moved."""
    expected = case.expected
    assert expected is not None
    rows = alignment.rows[alignment.placed]
    times = np.bincount(rows, minlength=len(expected))
    row = int(np.argmax(times != 1)) if alignment.cause in _COUNTED else int(rows[0])
    step = {"step": int(expected.steps[row])} if expected.pace == "batch" else {}
    return {"epoch": int(expected.epochs[row]), **step}
