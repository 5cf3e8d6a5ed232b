"""Which batch values lead to which epoch values: by epochs, steps or position, in each session."""

from __future__ import annotations

import numpy as np

from lossaudit import Recording, audit
from tests.auditing.alone.planted import (
    MADE,
    N,
)


def test_where_every_third_step_was_logged_the_running_mean_is_still_found():
    series = MADE.by_batch(MADE.running, steps=1 + np.arange(N)).take(np.arange(2, N, 3))
    found_causes = (
        audit(None, Recording([series, MADE.by_epoch(epochs=range(4))])).findings[0].causes
    )
    assert "running-mean-read-as-batch-loss" in found_causes
