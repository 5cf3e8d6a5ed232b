"""A ring keeps its latest rows in order, says how many were lost, and is empty after a reading."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from lossaudit import CaptureError
from lossaudit.keras.capture.ring import Ring, merged

CAPACITY = 4


def ring(dtype="float32"):
    return Ring(keras.metrics.Mean(dtype=dtype), CAPACITY)


RING = ring()


@given(st.lists(st.integers(0, 3 * CAPACITY), max_size=4))
def test_each_reading_has_the_latest_rows_in_order_and_the_number_of_those_lost(readings):
    for written in readings:
        for number in range(written):
            RING.write([(0, number, 1)])
        ((rows, lost),) = RING.take()
        assert rows[:, 1].tolist() == list(range(written))[-CAPACITY:]
        assert lost == max(0, written - CAPACITY)
    assert [len(rows) for rows, _ in RING.take()] == [0]


def test_several_rows_at_once_are_as_many_rows_one_by_one():
    rows = [(0, 1.0, 4), (1, 2.0, 2), (2, 0, 0)]
    at_once, single = ring(), ring()
    at_once.write(rows)
    for row in rows:
        single.write([row])
    assert (
        at_once.take()[0][0].tolist()
        == single.take()[0][0].tolist()
        == [list(map(float, row)) for row in rows]
    )


@pytest.mark.parametrize("compiled", [False, True], ids=["graph", "xla"])
def test_rows_are_written_whenever_the_graph_runs(compiled):
    written = ring()

    @tf.function(jit_compile=compiled)
    def step(value):
        written.write([(0, value, 1)])

    for value in range(6):
        step(tf.constant(float(value)))
    ((rows, lost),) = written.take()
    assert (rows[:, 1].tolist(), lost) == ([2.0, 3.0, 4.0, 5.0], 2)


@pytest.mark.parametrize(("dtype", "kept"), [("float16", "float32"), ("float64", "float64")])
def test_no_number_is_kept_in_less_than_single_precision(dtype, kept):
    written = ring(dtype)
    written.write([(0, tf.constant(0.1, kept), 1)])
    ((rows, _),) = written.take()
    assert rows.dtype == kept
    assert rows[0, 1] == np.dtype(kept).type(0.1)


def test_replicas_are_merged_to_means_weighted_by_their_rows():
    one = np.array([[0, 1.0, 4], [0, 2.0, 3]])
    other = np.array([[0, 3.0, 4], [0, np.nan, 0]])
    assert merged([one, other]).tolist() == [[0, 2.0, 8], [0, 2.0, 3]]
    assert merged([one]) is one


def test_a_batch_that_no_replica_has_rows_of_has_no_mean():
    empty = np.array([[0, 5.0, 0]])
    assert np.isnan(merged([empty, empty])[0, 1])


def test_replicas_with_other_numbers_of_batches_are_refused_with_the_numbers():
    rows = np.zeros((3, 3))
    with pytest.raises(CaptureError, match="the replicas recorded 3, 2 batches"):
        merged([rows, rows[:2]])
