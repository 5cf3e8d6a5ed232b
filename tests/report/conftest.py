"""What the tests of several outputs need."""

from __future__ import annotations

import pytest

from lossaudit.report import html
from tests.report.pages import report


@pytest.fixture(scope="session")
def page() -> str:
    """A page with plots, which take seconds to draw."""
    return html.page(report())
