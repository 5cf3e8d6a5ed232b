"""One way to explain all numbers of a claim: its mistakes and their order."""

from __future__ import annotations

import numpy as np

from lossaudit.auditing.alignment import Alignment
from lossaudit.auditing.explanation import Explanation
from lossaudit.predictions.mistakes import MISTAKES, places
from lossaudit.predictions.quantities import expected_of
from lossaudit.predictions.truth import truth_about
from tests.auditing.checks.tiny import TINY

EXPECTED = expected_of(truth_about(TINY, "loss", "train", "float32"), "epoch")
SHORT = MISTAKES["short-last-batch-counted-as-full"]
IN_ORDER, MOVED = Alignment(np.arange(2)), Alignment(np.arange(2), places.STEPS_SHIFTED)


def test_what_is_right_has_no_mistake():
    right = Explanation(IN_ORDER, EXPECTED)
    assert (right.made, right.names, right.parameters) == ((), (), 0)


def test_the_mistake_that_moved_the_numbers_comes_last():
    both = Explanation(MOVED, EXPECTED, (SHORT,))
    assert both.made == (SHORT, places.STEPS_SHIFTED)
    assert both.names == ("short-last-batch-counted-as-full", "steps-shifted")


def test_only_mistakes_with_a_parameter_from_the_log_count_as_parameters():
    estimating = next(one for one in MISTAKES.values() if one.estimates)
    assert Explanation(MOVED, EXPECTED, (estimating,)).parameters == 1
    assert Explanation(MOVED, EXPECTED, (SHORT,)).parameters == 0
