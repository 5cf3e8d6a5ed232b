"""What the names of a log promise where only names and lengths tell."""

from __future__ import annotations

import pytest

from lossaudit import Recording, Series, audit
from lossaudit.auditing.alone.log_claims import claims_of_log
from tests.auditing.alone.planted import MADE


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


def test_series_of_one_name_and_origin_are_told_apart_by_what_they_cover_and_a_number():
    series = [Series([0.5], covers=covers, origin="log") for covers in ("batch", "epoch", "epoch")]
    claims = claims_of_log(Recording(series))
    assert [claim.origin for claim in claims] == [
        "log by batch",
        "log by epoch",
        "log by epoch #2",
    ]


def test_series_of_other_names_keep_their_origin():
    series = [Series([0.5], split=split, origin="log") for split in ("train", "validation")]
    assert [claim.origin for claim in claims_of_log(Recording(series))] == ["log", "log"]


def test_a_series_in_a_mapping_says_itself_what_it_covers():
    (claim,) = claims_of_log({"loss": Series([1.0, 2.0], covers="batch")})
    assert claim.promises == "batch"


def test_a_log_of_no_kind_is_refused_with_its_type():
    with pytest.raises(TypeError, match="not list"):
        claims_of_log([1.0, 2.0])
