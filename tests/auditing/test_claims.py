"""What the name of a claim says of its split, its tag and its numbers."""

from __future__ import annotations

import numpy as np
import pytest

from lossaudit import Recording, Series, audit
from lossaudit.auditing.claims import claim_named
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


@pytest.mark.parametrize(
    ("name", "recorded", "split"),
    [
        ("test_loss", ("train", "validation"), "validation"),
        ("test_loss", ("train", "validation", "test"), "test"),
        ("test_loss", ("train",), "test"),
        ("loss", ("train", "validation"), "train"),
    ],
)
def test_test_is_the_held_out_split_that_was_recorded(name, recorded, split):
    truth = Recording([Series([1.0], split=one) for one in recorded])
    assert claim_named(name, [1.0], truth).series.split == split


def test_the_longest_recorded_tag_in_a_name_is_the_tag_of_its_numbers():
    truth = Recording([Series([1.0], tag=tag) for tag in ("loss", "a_loss", "b_a_loss")])
    tags = [
        claim_named(name, [1.0], truth).series.tag for name in ("a_loss", "a_b_loss", "c_loss")
    ]
    assert tags == ["a_loss", "b_a_loss", "loss"]


def test_none_is_nan_and_a_series_keeps_what_it_says_of_itself():
    assert np.isnan(claim_named("loss", [None, 1.0], Recording([])).series.values).tolist() == [
        True,
        False,
    ]
    series = Series([1.0], covers="epoch_so_far", split="test")
    claim = claim_named("epoch_loss", series, Recording([]))
    assert (claim.series, claim.promises) == (series, "epoch_so_far")
    assert claim.origin == series.name


def test_a_name_with_predict_in_it_is_of_training_unless_predictions_were_recorded():
    losses = [1.0, 2.0, 9.0]
    truth = Recording([Series(losses, weights=[4, 4, 2], epochs=[0, 0, 0])])
    assert str(audit(truth, {"predict_loss": losses}).verdicts[0].verdict) == "exact"
    report = audit(truth, {"PredictMonitor.losses": [1.0, 1.5, 3.0]})
    assert report.findings[0].cause == "running-mean-read-as-batch-loss"


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("evalLoss", "validation"),
        ("testLoss", "test"),
        ("loss (val)", "validation"),
        ("History.history['val_loss']", "validation"),
        ("Loss/val", "validation"),
        ("trainLoss", "train"),
        ("val_train_loss", "validation"),
    ],
)
def test_camel_case_brackets_and_slashes_say_the_split(name, split):
    series = [Series([1.0], split=one) for one in ("train", "validation")]
    recorded = Recording([*series, Series([1.0], split="test")] if split == "test" else series)
    assert claim_named(name, [1.0], recorded).series.split == split
