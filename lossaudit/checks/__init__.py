"""One expectation each: a check looks at a case and yields a finding where the expectation is broken.

To add a check, write its Rule and a function of a case that yields findings in one of these modules, and put both into
its RULES and into CHECKS.

`values`: what the numbers of a claim are. `order`: where they stand. `captures`: what the audit itself needs.
`conduct`: what no log shows, and the conformance suite of `lossaudit.testing` tries.
`lossaudit.trainings` checks the recorded training, whatever was logged of it; `lossaudit.logs` logs without a truth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lossaudit import trainings
from lossaudit.cases import Case
from lossaudit.checks import captures, order, values
from lossaudit.checks.conduct import CONDUCT_RULES
from lossaudit.findings import Finding
from lossaudit.logs import LOG_RULES

_RULES = (*values.RULES, *order.RULES, *captures.RULES, *CONDUCT_RULES, *trainings.TRAINING_RULES, *LOG_RULES)
RULES = {rule.code: rule for rule in sorted(_RULES, key=lambda rule: rule.code)}

CHECKS: tuple[Callable[[Case], Iterator[Finding]], ...] = (
    values.check_presence,
    order.check_order,
    values.check_values,
)
