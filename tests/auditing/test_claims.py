"""What the name of a claim says of its split, its tag and its numbers."""

from __future__ import annotations

import numpy as np
import pytest

from lossaudit import audit
from tests.runs import by_epoch, run


def epoch_means(recording):
    return [
        np.average(losses, weights=rows)
        for losses, rows in by_epoch(recording.find(split="train"))
    ]


def test_the_names_of_a_mapping_say_the_split_and_what_a_number_covers():
    report = audit(
        run(),
        {
            "val_batch_losses": run().find(split="validation").values,
            "train_loss": epoch_means(run()),
        },
    )
    assert [(one.split, one.covers) for one in report.verdicts] == [
        ("validation", "batch"),
        ("train", "epoch"),
    ]


@pytest.mark.parametrize("values", [3.0, "abc", [[1.0]]])
def test_a_claim_that_is_no_series_of_numbers_is_refused_by_name(values):
    with pytest.raises(TypeError, match=r"epoch_loss=.* must be a series of numbers"):
        audit(run(), {"epoch_loss": values})
