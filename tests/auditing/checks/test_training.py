"""What the training itself did, whatever was logged: each check has its fault, its clean run and
its near miss.
"""

from __future__ import annotations

import lossaudit
from lossaudit import Recorder, Recording, Series


def recorded(sizes, rows):
    recorder = Recorder(rows=rows)
    for _ in range(2):
        for size in sizes:
            recorder.batch(1.0, weight=size)
        recorder.end_epoch(loss=1.0)
    return recorder.recording


def codes(recording):
    return [finding.code for finding in lossaudit.audit(recording, {}).findings]


def test_a_loop_over_n_floor_batch_size_batches_leaves_rows_out_and_that_is_said():
    recording = recorded([8] * (50 // 8), rows=50)
    (finding,) = lossaudit.audit(recording, recording).findings
    assert finding.message == "train loss, epoch 0: was trained on 48 of 50 rows."
    assert (finding.code, finding.cause, finding.epoch) == ("LA204", "rows-not-trained-on-once", 0)
    assert codes(recorded([8] * 6 + [2], rows=50)) == []
    assert codes(recorded([8] * 6, rows=48)) == []
    assert codes(recorded([8] * 6, rows=None)) == []


def test_rows_that_are_trained_on_twice_are_said_and_unknown_rows_are_not_judged():
    assert codes(recorded([8] * 7, rows=48)) == ["LA204"]
    (finding,) = lossaudit.audit(recorded([1] * 7, rows=48), {}).findings
    assert finding.verdict == "undecidable"


def on_replicas(values, weights, optimised):
    parts = [
        Series(one, tag=f"loss/replica_{number}", weights=of_one)
        for number, (one, of_one) in enumerate(zip(values, weights, strict=True))
    ]
    rows = [sum(each) for each in zip(*weights, strict=True)]
    whole = [
        sum(v * w for v, w in zip(vs, ws, strict=True)) / sum(ws)
        for vs, ws in zip(zip(*values, strict=True), zip(*weights, strict=True), strict=True)
    ]
    series = [
        Series(whole, weights=rows),
        Series(optimised, tag="optimised_loss", weights=rows),
        *parts,
    ]
    return Recording(series, metadata={"replicas": len(values)})


def test_replicas_of_unequal_rows_minimise_another_loss_than_is_logged():
    recording = on_replicas([[1.0, 8.0], [3.0, 2.0]], [[4, 2], [4, 1]], [2.0, 5.0])
    (finding,) = lossaudit.audit(recording, {}).findings
    assert finding.message == (
        "train loss, step 1: 6 is the mean over its rows, which is logged, but 5 was minimised: "
        "the replicas had 2, 1 "
        "rows, and each counted alike (1 of 2 batches)."
    )
    assert (finding.code, finding.severity) == ("LA403", "warning")
    assert codes(on_replicas([[1.0, 8.0], [3.0, 2.0]], [[4, 2], [4, 2]], [2.0, 5.0])) == []


def test_replicas_that_all_read_the_same_rows_are_noticed():
    same = on_replicas([[1.0, 8.0], [1.0, 8.0]], [[4, 4], [4, 4]], [1.0, 8.0])
    (finding,) = lossaudit.audit(same, {}).findings
    assert finding.cause == "replicas-trained-on-the-same-rows"
    assert codes(on_replicas([[1.0], [1.0]], [[4], [4]], [1.0])) == []
