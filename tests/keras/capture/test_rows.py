"""Rows of a ring become series: by tag, split, epoch and step."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lossaudit
from lossaudit.keras.capture.recording_mean import EVALUATION, RESET, TRAIN
from lossaudit.keras.capture.rows import Capture, split_of_kind
from lossaudit.recording import keys
from lossaudit.recording.runfile import RunFile


@pytest.mark.slow
@pytest.mark.parametrize(
    "batches", [1_000_000, pytest.param(10_000_000, marks=pytest.mark.nightly)]
)
def test_memory_stays_flat_however_many_batches_there_are(tmp_path, batches):
    capture, file = Capture(), RunFile(tmp_path / "run")
    rows = np.ones((4096, 3), np.float32)
    rows[:, 0] = TRAIN
    reset = np.float32([[RESET, 0, 0]])
    peaks = []
    tracemalloc.start()
    for chunk in range(batches // 4096):
        capture.epoch = chunk // 100
        capture.add(
            {keys.LOSS: [rows if chunk % 100 else np.concatenate([reset, rows])]},
            in_validation=False,
        )
        file.append(capture.take(), metadata=capture.described)
        if chunk % 40 == 5:
            peaks.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    file.close()
    assert peaks[-1] - peaks[0] < 64 * 1024, peaks
    assert len(lossaudit.read(tmp_path / "run").find(split="train")) == batches // 4096 * 4096


def rows(*kinds):
    """A row of each kind, with the values 1, 2, … and the weight 2; a reset has neither."""
    made = [
        (kind, 0, 0) if kind == RESET else (kind, place, 2) for place, kind in enumerate(kinds, 1)
    ]
    return np.array(made, np.float32).reshape(-1, 3)


def added(*readings, **capture):
    """A capture after readings of (epoch, in_validation, kinds)."""
    made = Capture(**capture)
    for epoch, in_validation, kinds in readings:
        made.epoch = epoch
        made.add({keys.LOSS: [rows(*kinds)]}, in_validation=in_validation)
    return made


def found(capture):
    return {
        one.split: [one.values.tolist(), one.epochs.tolist(), one.steps.tolist()]
        for one in capture.recording.series
    }


EPOCH = (RESET, TRAIN, TRAIN, RESET, EVALUATION)


def test_rows_are_sorted_by_split_with_their_epochs_and_steps():
    capture = added((0, True, EPOCH), (1, True, EPOCH), first_step=10)
    assert found(capture) == {
        "train": [[2.0, 3.0] * 2, [0, 0, 1, 1], [10, 11, 12, 13]],
        "validation": [[5.0, 5.0], [0, 1], [0, 1]],
    }


@given(st.lists(st.booleans(), min_size=len(EPOCH) - 1, max_size=len(EPOCH) - 1))
def test_however_often_the_ring_is_read_the_recording_is_the_same(cuts):
    whole, parts = added((0, True, EPOCH)), Capture()
    table, edges = rows(*EPOCH), [place + 1 for place, cut in enumerate(cuts) if cut]
    for part in np.split(table, edges):
        parts.add({keys.LOSS: [part]}, in_validation=True)
    assert found(parts) == found(whole)
    assert parts.described == whole.described


def test_each_evaluation_of_a_callback_is_an_epoch_of_its_own_and_the_reset_of_the_mean_is_noted():
    once = (RESET, TRAIN, TRAIN, RESET, EVALUATION, TRAIN, RESET, EVALUATION, EVALUATION)
    capture = added((0, False, once))
    assert found(capture)["test"] == [[5.0, 8.0, 9.0], [0, 1, 1], [0, 1, 2]]
    assert capture.described[keys.RESETS] == [2]
    assert capture.described[keys.EVALUATED] == [[2, 0], [3, 1]]


def test_a_split_that_lost_rows_has_no_series_and_the_number_that_is_missing():
    capture = Capture(seen={"train": 3})
    capture.add({keys.LOSS: [rows(TRAIN)]}, 2, in_validation=False)
    assert capture.recording.series == ()
    assert capture.described[keys.NOT_CAPTURED]["train"].startswith("2 losses were overwritten")


def test_batches_that_reached_no_mean_are_counted():
    capture = added((0, False, (TRAIN,)), seen={"train": 3})
    (reason,) = capture.described[keys.NOT_CAPTURED].values()
    assert reason.startswith("3 batches of the train split were run, but the losses of 1 were")


def test_what_was_taken_is_not_given_again_and_steps_go_on():
    capture = added((0, False, (TRAIN, TRAIN)))
    assert [len(one) for one in capture.take()] == [2]
    assert capture.take() == []
    capture.add({keys.LOSS: [rows(TRAIN)]}, in_validation=False)
    assert found(capture)["train"][2] == [2]


def test_replicas_have_series_of_their_own_beside_the_mean_and_what_fit_minimises():
    one, other = np.float32([[TRAIN, 1, 3]]), np.float32([[TRAIN, 5, 1]])
    capture = Capture()
    capture.add({keys.LOSS: [one, other]}, in_validation=False)
    values = {series.tag: series.values.tolist() for series in capture.recording.series}
    assert values == {
        "loss": [2.0],
        "loss/replica_0": [1.0],
        "loss/replica_1": [5.0],
        keys.OPTIMISED_LOSS: [3.0],
    }


def test_an_evaluation_is_validation_only_inside_of_fit():
    assert [split_of_kind(EVALUATION, inside) for inside in (True, False)] == [
        "validation",
        "test",
    ]
    assert split_of_kind(TRAIN, True) == "train"
