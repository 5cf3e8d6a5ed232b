"""Faults are registered under what they do, and plant only what a recording can have."""

from __future__ import annotations

import numpy as np
import pytest

from lossaudit import Recording, Series
from lossaudit.predictions.mistakes import MISTAKES
from lossaudit.testing.faults import FAULTS, fault
from lossaudit.testing.faults.fault import (
    batches_of,
    epoch_log,
    epochs_of,
    has,
    is_finite,
    mean,
    running_means,
)
from tests.auditing.checks.tiny import TINY

EPOCHS = [([1.0, 2.0, 9.0], [4, 4, 2]), ([0.5, 0.75, 3.0], [4, 4, 2])]


def test_a_fault_is_registered_by_the_name_of_its_function_with_its_causes(monkeypatch):
    monkeypatch.setitem(FAULTS, "shows-nothing", None)  # and so taken away after the test

    @fault("one-cause", "another-cause")
    def shows_nothing(recording):
        return None

    assert FAULTS["shows-nothing"].causes == ("one-cause", "another-cause")
    assert FAULTS["shows-nothing"].plant is shows_nothing


def test_epochs_are_the_batches_of_each_one_in_order():
    assert epochs_of(TINY) == EPOCHS
    assert [rows for _, rows in epochs_of(TINY, "validation")] == [[3, 2], [3, 2]]
    assert epochs_of(TINY, "test") == []
    assert batches_of(TINY) == [1.0, 2.0, 9.0, 0.5, 0.75, 3.0]


@pytest.mark.parametrize("unknown", ["weights", "epochs"])
def test_without_rows_or_epochs_there_are_none(unknown):
    columns = {"weights": [4, 4], "epochs": [0, 0]} | {unknown: None}
    assert epochs_of(Recording([Series([1.0, 2.0], **columns)])) == []


def test_means_are_those_of_a_loop_of_ones_own():
    assert [mean(*epoch) for epoch in EPOCHS] == [3.0, 1.1]
    assert running_means(EPOCHS) == [1.0, 1.5, 3.0, 0.5, 0.625, 1.1]
    assert epoch_log([3.0, 1.1], "validation").split == "validation"


def test_a_recording_has_so_many_batches_only_if_every_epoch_has():
    uneven = Recording([Series([1.0, 2.0, 9.0], weights=[4, 4, 4], epochs=[0, 0, 1])])
    assert (has(TINY, 3), has(TINY, 4), has(uneven, 2)) == (True, False, False)
    broken = Recording([Series([1.0, np.nan], weights=[4, 4], epochs=[0, 0])])
    assert (is_finite(TINY), is_finite(broken)) == (True, False)


def test_planting_changes_no_recording():
    before = [one.values.tolist() for one in TINY.series]
    for one in FAULTS.values():
        one.plant(TINY)
        assert [series.values.tolist() for series in TINY.series] == before, one.name


def test_every_fault_names_registered_mistakes_and_every_mistake_has_its_texts():
    assert [one.name for one in FAULTS.values() if not set(one.causes) <= MISTAKES.keys()] == []
    assert [one.name for one in MISTAKES.values() if not one.explanation] == []
