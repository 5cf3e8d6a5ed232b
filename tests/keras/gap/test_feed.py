"""The data of a `fit` are replayed, or it is said why they cannot be."""

from __future__ import annotations

import keras
import pytest
import tensorflow as tf

from lossaudit.keras import LossAudit, LossRecorder, explain_gap, fit_loop
from tests.keras.gap.models import (
    ROWS,
    WEIGHTS,
    X,
    Y,
    audited,
    gap_of,
    in_form,
    network,
    parts_that_are_not_zero,
)


def test_weights_that_the_data_bring_are_no_gap():
    data = tf.data.Dataset.from_tensor_slices((X, Y, WEIGHTS)).batch(8)
    assert parts_that_are_not_zero(gap_of(network(), data, None)) == []


@pytest.mark.parametrize("form", ["dataset", "sequence"])
def test_data_that_bring_their_batches_are_read_again(form):
    data, _ = in_form(form, X, Y)
    gap = gap_of(
        network(keras.layers.Dropout(0.5, seed=3)), data, None, steps_per_epoch=4, epochs=2
    )
    assert parts_that_are_not_zero(gap) == ["training_mode"]
    assert getattr(data, "told", 3) == 3  # once when fit begins, and after each epoch


def generator():
    while True:
        yield from (
            tuple(column[start : start + 8] for column in (X, Y)) for start in range(0, ROWS, 8)
        )


NOT_MEASURED = {
    "a generator": (
        lambda: generator(),
        {"steps_per_epoch": 4},
        "the data came from a generator, which yields each batch only once",
    ),
    "endless data": (
        lambda: in_form("dataset", X, Y)[0].repeat(),
        {"steps_per_epoch": 4},
        "steps_per_epoch=4 continues where the previous one ended, in data of unknown batches: "
        "the rows of the last epoch cannot be replayed",
    ),
    "part of the data": (
        lambda: in_form("dataset", X, Y)[0],
        {"steps_per_epoch": 2},
        "steps_per_epoch=2 continues where the previous one ended, in data of 4 batches",
    ),
}


@pytest.mark.parametrize(("make", "arguments", "reason"), NOT_MEASURED.values(), ids=NOT_MEASURED)
def test_data_that_cannot_be_replayed_are_reported(make, arguments, reason):
    audit = audited(network(), make(), None, **arguments)
    (finding,) = audit.report.findings
    assert (finding.code, finding.verdict, finding.severity) == ("LA404", "undecidable", "warning")
    assert reason in finding.message
    assert audit.gap is None
    assert [str(one.verdict) for one in audit.report.verdicts] == ["exact"]


def test_a_loop_that_is_not_fit_does_not_say_its_data():
    audit, recorder, model = LossAudit("ignore", explain_gap=True), LossRecorder(), network()
    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(8)
    fit_loop(model, data, callbacks=[audit, recorder])
    reason = "a callback does not know the data of a training loop that is not `fit`"
    assert reason in audit.report.findings[0].message
    assert parts_that_are_not_zero(explain_gap(model, recorder.recording, data)) == []


def test_a_fit_of_a_subclass_that_prepares_the_data_is_looked_into():
    class Halving(keras.Sequential):
        def fit(self, x, y, **arguments):
            return super().fit(x[: ROWS // 2], y[: ROWS // 2], **arguments)

    model = network(kind=Halving)
    assert gap_of(model).evaluated == model.evaluate(X[: ROWS // 2], Y[: ROWS // 2], verbose=0)


def test_shuffled_rows_are_another_draw_and_the_gap_says_so():
    gap = gap_of(network(keras.layers.Dropout(0.5)), shuffle=True)
    assert "(and another draw of order and noise)" in str(gap)


@pytest.mark.filterwarnings("ignore:Your input ran out of data:UserWarning:keras")
def test_data_of_unknown_size():
    def batches():
        for start in range(0, ROWS, 8):
            yield tuple(column[start : start + 8] for column in (X, Y))

    signature = tuple(tf.TensorSpec((None, width)) for width in (4, 1))
    gap = gap_of(
        network(), tf.data.Dataset.from_generator(batches, output_signature=signature), None
    )
    assert parts_that_are_not_zero(gap) == []
