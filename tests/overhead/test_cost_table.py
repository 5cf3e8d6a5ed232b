"""The table of costs: ratio, hooks, memory, budget, control and machine."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace

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


def printed(*measured, budget=None):
    stream = io.StringIO()
    rendered.write(list(measured), budget, stream)
    return stream.getvalue()


def test_without_a_budget_the_only_word_is_undecided():
    right, doubtful = overhead(0.99, 1.01), overhead(0.99, 1.01, doubts=("the clock is coarse",))
    assert (rendered.word_for(right, None), rendered.word_for(doubtful, None)) == (
        "decided",
        "undecided",
    )
    assert "decided" not in printed(right)
    assert "undecided" in printed(doubtful)


def test_a_doubt_of_several_callbacks_is_told_once():
    measured = [overhead(0.99, 1.01, doubts=("the clock is coarse",)) for _ in range(2)]
    assert printed(*measured, budget=1.02).count("undecided: the clock is coarse") == 1


def test_memory_that_was_not_measured_has_an_empty_cell():
    assert rendered.cells(replace(overhead(0.99, 1.01), growth=None))[-1] == ""


def test_accelerators_are_named():
    about = overhead(0.99, 1.01)
    gpu = replace(about, setup={**about.setup, "accelerators": ["gpu:0"]})
    assert ", gpu:0; Keras" in rendered.notes(gpu)[1]
