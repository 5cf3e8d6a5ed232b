"""The data of a `fit` are replayed, or it is said why they cannot be."""

from __future__ import annotations

from dataclasses import replace

import keras
import pytest
import tensorflow as tf

from lossaudit import CaptureError
from lossaudit.keras import LossAudit, LossRecorder, explain_gap, fit_loop
from lossaudit.keras.gap.feed import Feed, method
from lossaudit.keras.scripts import every_fit_audited
from tests.keras.gap.models import (
    ROWS,
    WEIGHTS,
    Shuffling,
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


@pytest.mark.slow
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


@pytest.mark.slow
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


def test_batches_are_alike_only_if_size_order_and_weights_are_those_of_evaluate():
    plain = Feed(X, Y, shuffle=False)
    assert plain.evaluates_alike
    for changed in (
        {"batch_size": 8},
        {"shuffle": True},
        {"sample_weight": WEIGHTS},
        {"class_weight": {0: 2.0}},
    ):
        assert not replace(plain, **changed).evaluates_alike, changed
    assert replace(plain, shuffle="batch").evaluates_alike


def test_what_evaluate_counts_differently_is_said_in_words():
    feed = Feed(X, Y, sample_weight=WEIGHTS, class_weight={0: 2.0}, batch_size=8)
    assert feed.counted_differently == [
        "class weights",
        "sample weights",
        "batches of 8 rows, in evaluate of 32",
    ]
    assert Feed(X, Y).counted_differently == []


def test_shuffled_arrays_have_the_same_rows_in_the_same_order_in_every_pass():
    feed = Feed(X, Y, sample_weight=WEIGHTS, batch_size=8)
    one, other = feed.as_trained(), feed.as_trained()
    for name, column in {"x": X, "y": Y, "sample_weight": WEIGHTS}.items():
        assert one[name].tolist() == other[name].tolist()
        assert sorted(one[name].tolist()) == sorted(column.tolist())
    assert one["x"].tolist() != X.tolist()
    assert Feed(X, Y, shuffle=False).as_trained()["x"] is X


def test_tables_are_mixed_like_arrays():
    pandas = pytest.importorskip("pandas")
    table = Feed(pandas.DataFrame(X), Y).as_trained()
    assert table["x"].to_numpy().tolist() == Feed(X, Y).as_trained()["x"].tolist()


def test_steps_of_an_epoch_give_the_batch_size_of_arrays():
    assert Feed(X, Y, steps_per_epoch=4).as_trained()["batch_size"] == ROWS // 4
    with pytest.raises(CaptureError, match=r"steps_per_epoch=3 continues .* in data of 4 batches"):
        Feed(X, Y, steps_per_epoch=3, batch_size=8)


def test_a_data_set_that_reshuffles_at_the_end_of_an_epoch_is_not_told_of_it():
    data = Shuffling((X, Y))
    quiet = Feed(data).as_trained()["x"]
    quiet.on_epoch_end()
    assert data.told == 0
    assert quiet.num_batches == len(data)
    assert quiet[1][0].tolist() == data[1][0].tolist()


def test_the_methods_of_keras_are_found_below_overrides_and_patches():
    class Own(keras.Sequential):
        def fit(self, *arguments, **keywords):
            raise NotImplementedError

    with every_fit_audited():
        assert method(Own(), "fit") is method(keras.Sequential(), "fit")
    assert method(Own(), "fit").__module__.startswith("keras")
