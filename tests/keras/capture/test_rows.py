"""Rows of a ring become series: by tag, split, epoch and step."""

from __future__ import annotations

import tracemalloc

import numpy as np

import lossaudit
from lossaudit.keras.capture.recording_mean import RESET, TRAIN
from lossaudit.keras.capture.rows import Capture
from lossaudit.recording import keys
from lossaudit.recording.runfile import RunFile


def test_memory_stays_flat_over_ten_million_batches(tmp_path):
    capture, file = Capture(), RunFile(tmp_path / "run")
    rows = np.ones((4096, 3), np.float32)
    rows[:, 0] = TRAIN
    reset = np.float32([[RESET, 0, 0]])
    peaks = []
    tracemalloc.start()
    for chunk in range(10_000_000 // 4096):
        capture.epoch = chunk // 100
        capture.add(
            {keys.LOSS: [rows if chunk % 100 else np.concatenate([reset, rows])]},
            in_validation=False,
        )
        file.append(capture.take(), metadata=capture.described)
        if chunk % 400 == 50:
            peaks.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    file.close()
    assert peaks[-1] - peaks[0] < 64 * 1024, peaks
    assert len(lossaudit.read(tmp_path / "run").find(split="train")) == 10_000_000 // 4096 * 4096
