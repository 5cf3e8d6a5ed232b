"""The corpus: logging mistakes as people make them, each planted on a recording.

A fault is a function of a recording that gives the series which a program with that mistake would
have logged, written as users write it and not with the code that recognises it; None where the
recording cannot have the mistake. Its name in kebab-case says what it does; `@fault` names the
causes that an audit is to find.
"""

from lossaudit.testing.faults import (
    wrong_averages,
    wrong_batches,
    wrong_contents,
    wrong_pairs,
    wrong_results,
    wrong_states,
    wrong_steps,
)
from lossaudit.testing.faults.fault import FAULTS, Fault, fault

__all__ = [
    "FAULTS",
    "Fault",
    "wrong_averages",
    "wrong_batches",
    "wrong_contents",
    "fault",
    "wrong_results",
    "wrong_pairs",
    "wrong_states",
    "wrong_steps",
]
