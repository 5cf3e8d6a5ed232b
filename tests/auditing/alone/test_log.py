"""A log computes once what several checks need."""

from __future__ import annotations

from lossaudit import Recording
from lossaudit.auditing.alone.log import Log
from tests.auditing.alone.planted import MADE


def test_axes_and_pairs_of_a_log_are_computed_once():
    log = Log(Recording([MADE.batch_losses(), MADE.by_epoch()]))
    assert log.axes is log.axes
    assert log.pairs is log.pairs
    assert list(log.pairs_by_index) == [(0, 1)]


def test_losses_are_the_series_with_the_tag_of_a_loss_in_the_order_of_the_log():
    series = [MADE.by_epoch(tag=tag) for tag in ("a_loss", "accuracy", "loss", "lossless")]
    log = Log(Recording(series))
    assert log.series == tuple(series)
    assert [one.tag for one in log.losses] == ["a_loss", "loss"]


def test_pairs_are_those_of_all_indices_one_after_the_other():
    log = Log(Recording([MADE.by_epoch(), MADE.batch_losses(), MADE.by_batch(MADE.running)]))
    assert list(log.pairs_by_index) == [(1, 0), (2, 0)]
    assert [pair.batches for pair in log.pairs] == list(log.series[1:])
