"""The axis that columns of one file share, and findings about it."""

from __future__ import annotations

from lossaudit import Series
from tests.auditing.alone.planted import (
    appended,
    found,
    made,
    verdicts,
    wrong,
)


def test_columns_of_one_file_are_one_finding_and_each_of_them_is_wrong():
    train = appended(made(1).by_epoch(epochs=range(4)), made(2).by_epoch(epochs=range(4)))
    other = appended(made(3).by_epoch(epochs=range(4)), made(4).by_epoch(epochs=range(4)))
    validation = Series(
        other.values,
        covers="epoch",
        split="validation",
        epochs=other.epochs,
        origin="log: val_loss",
    )
    assert found(train, validation) == wrong("LA505", "two-runs-in-one-log")
    assert verdicts(train, validation) == [("wrong", None)] * 2
