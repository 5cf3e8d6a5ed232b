"""A log computes once what several checks need."""

from __future__ import annotations

from lossaudit import Recording
from lossaudit.auditing.alone.log import Log
from tests.auditing.alone.planted import (
    MADE,
)


def test_axes_and_pairs_of_a_log_are_computed_once():
    log = Log(Recording([MADE.batch_losses(), MADE.by_epoch()]))
    assert log.axes is log.axes
    assert log.pairs is log.pairs
    assert list(log.pairs_by_index) == [(0, 1)]
