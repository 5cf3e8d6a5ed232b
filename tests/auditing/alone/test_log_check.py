"""The registry of checks of logs: each rule has its check, in the order of codes."""

from __future__ import annotations

import pytest

from lossaudit.auditing.alone import log_check as registry
from lossaudit.auditing.alone.log_check import log_check, log_checks
from lossaudit.rules.catalogue import RULES

LOG_RULES = [code for code in RULES if code.startswith("LA5")]


def test_every_rule_of_logs_has_a_check_and_checks_run_in_the_order_of_their_codes():
    codes = [code for check in log_checks() for code in check.codes]
    assert codes == sorted(codes)
    # LA514 says what no check could decide.
    assert {*codes, "LA514"} == {*LOG_RULES}


def test_a_check_without_a_rule_is_refused():
    with pytest.raises(ValueError, match="must name at least one rule"):
        log_check()


def test_a_check_is_registered_with_its_rules_and_stays_the_function_that_it_was(monkeypatch):
    monkeypatch.setattr(registry, "_CHECKS", [])
    rules = [RULES[code] for code in ("LA502", "LA501")]

    def find(log):
        yield from ()

    assert [log_check(rule)(find) for rule in rules] == [find, find]
    assert [check.codes for check in log_checks()] == [("LA501",), ("LA502",)]
    assert log_check(*rules)(find) is find
    assert log_checks()[-1].codes == ("LA502", "LA501")
