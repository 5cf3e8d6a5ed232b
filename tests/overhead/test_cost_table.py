"""The table of costs: ratio, hooks, memory, budget, control and machine."""

from __future__ import annotations

import io
import json
import re

from lossaudit.overhead import cost_table as rendered
from tests.overhead.measured import overhead


def test_the_table_says_ratio_hooks_memory_budget_control_and_machine():
    stream = io.StringIO()
    rendered.write([overhead(1.1, 1.2), overhead(0.99, 1.01), overhead(1.01, 1.03)], 1.02, stream)
    printed = stream.getvalue()
    assert all(len(line) <= 100 for line in printed.splitlines()[:9])
    assert re.search(r"not shown to\s+exceed", printed)
    assert re.search(r"ms outside +MB per.*\n.*of epochs +10⁶ batches", printed)
    assert re.search(r"0\.4% +10\.0 +32 ", printed)
    assert "1.150 (1.100 to 1.200)" in printed
    assert "3.5 (12.0)" in printed
    assert "≤ 1.02" in printed
    assert "over" in printed
    assert "within" in printed
    assert (
        printed.count(
            "plain fit against itself: 0.995 to 1.005; 31 pairs of 256 batches, 1.20 ms a batch"
        )
        == 1
    )
    assert "a processor, 2 cores, load 0.5, no accelerator; Keras 3.15.1, Python 3.12.1" in printed
    assert json.loads(rendered.document([overhead(0.99, 1.01)], 1.02))["status"] == 0
