"""Examples: for a rule, a program that breaks it and the same program corrected.

To add one, call `add_example` in the module of its setting. `docs/write_rules.py` runs both
programs: the wrong one must break the rule, and the right one must not. The page of the rule shows
both, with the finding about the wrong one.
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
