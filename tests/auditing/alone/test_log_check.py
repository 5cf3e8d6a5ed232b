"""The registry of checks of logs: each rule has its check, in the order of codes."""

from __future__ import annotations

import pytest

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
