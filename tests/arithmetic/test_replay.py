"""KerasMean equals the real metric in every float type, compiled or not, and in a real fit."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import lossaudit
from lossaudit import KerasMean
from lossaudit.arithmetic.replay import replay_keras_mean, rounded_to
from lossaudit.keras import LossRecorder
from tests.keras import programs

STREAMS = {
    "noisy, with rows": lambda g: (g.lognormal(-1, 0.5, 400), g.integers(1, 65, 400)),
    "float weights": lambda g: (g.normal(size=400), g.uniform(0, 3, 400)),
    "saturating": lambda g: (np.full(3000, 0.1), np.ones(3000)),
    "overflowing": lambda g: (np.full(12, 1e38), np.full(12, 1000.0)),
    "next to zero": lambda g: (
        g.uniform(0.5, 1, 300) * 2.0 ** g.integers(-135, -120, 300),
        np.ones(300),
    ),
    "products next to zero": lambda g: (
        g.uniform(0.5, 1, 300) * 2.0**-100,
        2.0 ** g.integers(-40, -20, 300),
    ),
}


COMPILED = {"eager": None, "graph": False, "xla": True}

CASES = [
    pytest.param(
        stream, way, marks=pytest.mark.nightly if (stream, way) == ("saturating", "eager") else ()
    )
    for stream in STREAMS
    for way in COMPILED
]
"""Three thousand steps are compiled by day, and by night eager as well."""


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize(("stream", "way"), CASES)
def test_the_replay_plain_or_fused_is_the_metric_bit_for_bit(stream, way, dtype):
    compiled = COMPILED[way]
    losses, rows = (np.float32(column) for column in STREAMS[stream](np.random.default_rng(0)))
    metric = keras.metrics.Mean(dtype=dtype)

    def update(loss, weight):
        metric.update_state(loss, sample_weight=weight)
        return metric.result()

    step = update if compiled is None else tf.function(update, jit_compile=compiled)
    few = slice(0, 60 if compiled is None and stream != "saturating" else None)
    logged = [
        float(step(tf.constant(loss), tf.constant(weight)))
        for loss, weight in zip(losses[few], rows[few], strict=True)
    ]
    replays = [
        replay_keras_mean(losses[few], rows[few], dtype=dtype, fused=fused).mean
        for fused in (False, True)
    ]
    assert any(np.array_equal(replay, logged, equal_nan=True) for replay in replays)


def logged_by_fit(**compiled):
    """The logs after every batch of a `fit` with batches of 7 rows, and the true losses."""
    spy, recorder = programs.Spy(), LossRecorder()
    programs.fit(
        programs.model(**compiled),
        programs.data(rows=500, batch_size=7),
        callbacks=[recorder, spy],
    )
    logged = [event[-1]["loss"] for event in spy.events if event[0] == "train_batch_end"]
    return logged, recorder.recording


def test_the_replay_is_what_a_real_fit_logs_after_every_batch():
    logged, recording = logged_by_fit(jit_compile=False)
    losses = recording.find(tag="loss", split="train")
    assert logged == replay_keras_mean(losses.values, losses.weights).mean.tolist()


def test_what_xla_folds_into_one_product_is_still_consistent_with_the_truth():
    logged, recording = logged_by_fit(jit_compile=True)
    losses = recording.find(tag="loss", split="train")
    replays = [
        replay_keras_mean(losses.values, losses.weights, fused=fused).mean.tolist()
        for fused in (False, True)
    ]
    assert logged not in replays, (
        "XLA no longer folds the division by 7 rows: the bound could be tighter"
    )
    report = lossaudit.audit(recording, lossaudit.Series(logged, covers="epoch_so_far"))
    assert report.ok, str(report)


def test_a_mean_in_chunks_is_the_mean_at_once():
    generator = np.random.default_rng(1)
    losses, rows = (
        generator.lognormal(size=70_000).astype(np.float32),
        generator.integers(1, 9, 70_000),
    )
    mean = KerasMean()
    mean.update_state(losses, sample_weight=rows)
    assert mean.result() == replay_keras_mean(losses, rows).mean[-1]


@pytest.mark.parametrize(
    ("dtype", "rounded", "as_numpy"),
    [
        # 0.1 has no exact float of any type; 1e-40 is subnormal in bfloat16 and float32.
        ("float16", [0.0999755859375, 0.0], [0.0999755859375, 0.0]),
        ("bfloat16", [0.10009765625, 0.0], [0.1, 1e-40]),
        ("float32", [0.10000000149011612, 0.0], [0.10000000149011612, 9.99994610111476e-41]),
        ("float64", [0.1, 1e-40], [0.1, 1e-40]),
    ],
)
def test_the_two_roundings_differ_on_subnormals_and_bfloat16_only(dtype, rounded, as_numpy):
    assert rounded_to([0.1, 1e-40], dtype).tolist() == rounded
    assert rounded_to([0.1, 1e-40], dtype, as_numpy=True).tolist() == as_numpy
