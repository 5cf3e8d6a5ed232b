"""pytest plugin: the `loss_audit` fixture. Imports pytest and the standard library only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lossaudit.keras.audits import LossAudit


@pytest.fixture
def loss_audit(request: pytest.FixtureRequest) -> Iterator[LossAudit]:
    """A LossAudit for `callbacks=[..., loss_audit]`: the report is shown with a failing test, and its findings fail it.

    A test in which nothing was trained fails too: nothing to audit is never a pass.
    """
    from lossaudit.keras import LossAudit

    audit = LossAudit(on_violation="ignore")
    yield audit
    report = audit.report
    request.node.add_report_section("call", "lossaudit", str(report))
    if not report.ok:
        pytest.fail(str(report), pytrace=False)
