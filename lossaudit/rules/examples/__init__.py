"""For a rule, a program that breaks it and the same program put right: what its page shows, and
what was tried.

To add one, call `add_example` in the module of its setting. `docs/write_rules.py` plays both
programs: the wrong one must break the rule, and the right one must not.
"""

from lossaudit.rules.examples import (
    accumulator_examples,
    log_examples,
    loop_examples,
    training_examples,
)
from lossaudit.rules.examples.example import EXAMPLES, SETTINGS, Example, Setting, add_example

__all__ = [
    "EXAMPLES",
    "SETTINGS",
    "Example",
    "Setting",
    "accumulator_examples",
    "add_example",
    "log_examples",
    "loop_examples",
    "training_examples",
]
