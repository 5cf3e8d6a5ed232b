"""A recorder in a loop of one's own: batches, components, reported numbers."""

from __future__ import annotations

import pytest

from lossaudit import Recorder


def test_a_recorder_keeps_batches_components_and_reports_apart():
    recorder = Recorder()
    for epoch in range(2):
        recorder.batch(1.0, weight=4, kl=0.1)
        recorder.batch(2.0, weight=2, kl=0.2)
        recorder.batch(5.0, weight=3, split="validation")
        recorder.end_epoch(loss=4 / 3, val_loss=5.0 + epoch)
    recording = recorder.recording
    train = recording.find(tag="loss", split="train", covers="batch")
    assert (train.weights.tolist(), train.epochs.tolist(), train.steps.tolist()) == (
        [4, 2] * 2,
        [0, 0, 1, 1],
        [0, 1, 2, 3],
    )
    assert recording.find(tag="kl").values.tolist() == [0.1, 0.2] * 2
    assert recording.find(split="validation", covers="epoch").values.tolist() == [5.0, 6.0]
    assert recording.find(split="validation", covers="epoch").origin == "reported val_loss"


def test_a_recorder_refuses_a_bad_weight_with_the_place():
    recorder = Recorder()
    recorder.batch(1.0, weight=4)
    with pytest.raises(
        ValueError, match=r"weight=-3 must be finite and not negative \(tag='loss', step=1\)"
    ):
        recorder.batch(1.0, weight=-3)
    with pytest.raises(ValueError, match="weight=None: give it for every batch or for none"):
        recorder.batch(1.0)


def test_a_recorder_without_weights_has_none():
    recorder = Recorder()
    recorder.batch(1.0)
    assert recorder.recording.find(tag="loss").weights is None


def test_a_recording_does_not_change_with_the_recorder():
    recorder = Recorder(rows=10)
    recorder.batch(1.0)
    before = recorder.recording
    recorder.batch(2.0)
    assert before.find(tag="loss").values.tolist() == [1.0]
    assert recorder.recording.find(tag="loss").values.tolist() == [1.0, 2.0]
    assert before.metadata == {"rows": 10}


def test_a_reported_name_that_is_the_tag_of_batches_stays_that_tag():
    recorder = Recorder()
    recorder.batch(1.0, tag="val_gap")
    recorder.end_epoch(val_gap=1.0, val_other=2.0)
    (reported,) = recorder.recording.select(tag="val_gap", covers="epoch")
    assert reported.split == "train"
    assert recorder.recording.find(tag="other").split == "validation"
