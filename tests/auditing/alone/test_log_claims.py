"""What the names of a log promise where only names and lengths tell."""

from __future__ import annotations

from lossaudit import audit
from tests.auditing.alone.planted import (
    MADE,
)


def test_names_of_a_mapping_say_what_they_cover():
    report = audit(None, {"loss": MADE.running[:, -1], "batch_losses": MADE.running.ravel()})
    assert [one.covers for one in report.verdicts] == ["epoch", "batch"]
    assert report.findings[0].cause == "running-mean-read-as-batch-loss"
    names = {
        "losses": [1.0, 0.5, 0.3],
        "val_loss": [1.0],
        "a_loss": [0.5],
        "running_losses": [1, 2],
        "rate": [1, 2],
    }
    covers = [one.covers for one in audit(None, names).verdicts]
    assert covers == ["batch", "epoch", "epoch", "epoch_so_far"]
    assert (
        audit(None, {"rate": [1.0, 0.5, 0.3]})
        .findings[0]
        .message.endswith("what its numbers cover.")
    )
