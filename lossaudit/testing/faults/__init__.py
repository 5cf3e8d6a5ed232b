"""Planted mistakes: wrong logs as users' programs write them, made from a true recording.

A fault is a function that takes a recording and returns the series that a program with that
mistake would have logged, or None if the recording cannot have the mistake. It is written as users
write it, without the code that recognises it. Its name in kebab-case says what it does; `@fault`
names the causes that an audit must find.
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
