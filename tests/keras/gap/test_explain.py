"""Why `evaluate` does not return what `fit` reported: each part planted alone, and all of them."""

from __future__ import annotations

import importlib.util
import os
import random
import subprocess
import sys
from fractions import Fraction

import keras
import numpy as np
import pytest
import tensorflow as tf

from lossaudit.keras import LossAudit, LossRecorder, explain_gap
from lossaudit.keras.scripts import every_fit_audited
from lossaudit.report.text import as_text
from tests.keras.gap.models import (
    LABELS,
    RANDOM,
    ROWS,
    WEIGHTS,
    X,
    Y,
    audited,
    gap_of,
    halves,
    in_form,
    network,
    parts_that_are_not_zero,
    penalised,
)
from tests.keras.programs import same_weights
from tests.keras.setups import Active, Guided, OwnMean

PARTS = ["weights_moved", "training_mode", "regularizers", "weights_and_masks", "remains"]


class Noisy(keras.layers.Layer):
    """Adds noise in training, from Keras' generator for layers without a seed."""

    def call(self, x, training=False):
        return x + keras.random.normal(keras.ops.shape(x)) if training else x


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("epochs", [1, 3])
def test_a_model_that_stands_still_has_no_gap_at_all(shuffle, epochs):
    gap = gap_of(network(), shuffle=shuffle, epochs=epochs)
    assert parts_that_are_not_zero(gap) == []
    assert gap.reported == gap.evaluated
    assert gap.epoch == epochs - 1


def test_weights_that_move_are_the_only_part_of_a_plain_model():
    model = network(rate=2.0**-5)
    gap = gap_of(model, X[:16], Y[:16])
    assert parts_that_are_not_zero(gap) == ["weights_moved"]
    assert gap.evaluated == model.evaluate(X[:16], Y[:16], verbose=0)


def test_dropout_draws_what_it_drew_in_the_last_epoch():
    gap = gap_of(network(keras.layers.Dropout(0.5, seed=3)), epochs=3)
    assert parts_that_are_not_zero(gap) == ["training_mode"]
    assert gap.layers == (("Dropout", 1),)


@pytest.mark.slow
def test_noise_without_a_seed_is_training_mode_as_well():
    gap = gap_of(network(Noisy()), epochs=2)
    assert parts_that_are_not_zero(gap)[:1] == ["training_mode"]


@pytest.mark.slow
def test_statistics_of_a_batch_are_training_mode():
    gap = gap_of(network(keras.layers.BatchNormalization()))
    assert gap.weights_moved == 0
    assert abs(gap.training_mode) > 1
    assert "(1 BatchNormalization)" in str(gap)


def test_a_penalty_is_what_it_was_over_the_epoch_less_what_it_is_at_its_end():
    gap = gap_of(penalised())
    assert parts_that_are_not_zero(gap) == ["regularizers"]
    of_steps = [Fraction(1, 4) ** step / 8 for step in range(5)]
    assert gap.regularizers == sum(of_steps[:4]) / 4 - of_steps[4]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["array", "dataset", "sequence"])
def test_class_weights_are_all_of_the_gap(form):
    model = network()
    x, y = in_form(form, X, LABELS)
    gap = gap_of(model, x, y, class_weight={1: 3.0})
    errors = (X.sum(1, keepdims=True) / 2 - LABELS) ** 2
    assert parts_that_are_not_zero(gap) == ["weights_and_masks"]
    assert gap.weights_and_masks == Fraction(float((errors * (2 * LABELS)).mean()))
    assert gap.counted[0] == "class weights"


def test_class_weights_of_one_hot_targets_and_of_classes_beyond_those_named():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, kernel_initializer=halves)])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    gap = gap_of(
        model,
        X,
        np.eye(3, dtype=np.float32)[RANDOM.integers(0, 3, ROWS)],
        class_weight={0: 4.0, 1: 0.5},
    )
    assert gap.training_mode == 0
    assert gap.weights_and_masks != 0


def test_sample_weights_are_all_of_the_gap_where_evaluate_is_not_given_them():
    gap = gap_of(network(), sample_weight=WEIGHTS)
    errors = ((X.sum(1, keepdims=True) / 2 - Y) ** 2)[:, 0]
    assert parts_that_are_not_zero(gap) == ["weights_and_masks"]
    assert gap.weights_and_masks == Fraction(float((errors * (WEIGHTS - 1)).mean()))
    assert gap.counted[0] == "sample weights"


def test_masks_count_by_batch_and_evaluate_has_other_batches():
    lengths = np.repeat([1, 1, 2, 4], 8)
    words = (np.arange(4) < lengths[:, None]).astype(np.int32)
    embedding = keras.layers.Embedding(2, 1, mask_zero=True, embeddings_initializer="ones")
    model = keras.Sequential(
        [keras.Input((4,)), embedding, keras.layers.Dense(1, kernel_initializer=halves)]
    )
    model.compile(keras.optimizers.SGD(0.0), "mse")
    targets = np.repeat([0.5, 1.5, 2.5, 3.5], 8)[:, None, None] * np.ones((1, 4, 1))
    gap = gap_of(model, words, targets)
    assert parts_that_are_not_zero(gap) == ["weights_and_masks"]
    assert gap.weights_and_masks == Fraction(0 + 1 + 4 + 9, 4) - Fraction(
        0 * 8 + 1 * 8 + 4 * 16 + 9 * 32, 64
    )
    assert gap.counted == ("batches of 8 rows, in evaluate of 32", "masks")


@pytest.mark.slow
def test_a_short_last_batch_that_counts_as_a_full_one_is_a_matter_of_weights():
    gap = gap_of(network(kind=Guided), X[:20], Y[:20])
    assert parts_that_are_not_zero(gap)[:1] == ["weights_and_masks"]


EVERYTHING = {
    "xla": {"jit_compile": True},
    "eager": {"run_eagerly": True},
    "3 steps an execution": {"steps_per_execution": 3},
    "metrics and a sum": {
        "metrics": ["mae"],
        "weighted_metrics": ["mse"],
        "loss": keras.losses.MeanSquaredError(reduction="sum"),
    },
}


def everything(rate=0.01, **compiled):
    dense = keras.layers.Dense(8, activation="relu", kernel_regularizer="l2")
    return network(
        dense,
        Active(),
        keras.layers.BatchNormalization(),
        keras.layers.Dropout(0.5),
        Noisy(),
        rate=rate,
        **compiled,
    )


@pytest.mark.slow
@pytest.mark.parametrize("compiled", EVERYTHING.values(), ids=EVERYTHING)
def test_all_parts_together_add_up_to_what_evaluate_gives(compiled):
    model = everything(**compiled)
    gap = gap_of(model, shuffle=True, epochs=2, sample_weight=WEIGHTS, validation_split=0.25)
    assert set(parts_that_are_not_zero(gap)) >= set(PARTS[:4])
    assert gap.is_explained
    assert gap.evaluated == model.evaluate(X[:24], Y[:24], verbose=0, return_dict=True)["loss"]
    assert gap.reported == model.history.history["loss"][-1]


@pytest.mark.slow
def test_several_outputs_and_mixed_precision():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    hidden = keras.layers.Dropout(0.5)(keras.layers.Dense(8, dtype="mixed_float16")(inputs))
    model = keras.Model(
        inputs, {name: keras.layers.Dense(1, name=name, dtype="float32")(hidden) for name in "ab"}
    )
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01))
    model.compile(optimizer, {"a": "mse", "b": "mae"}, loss_weights={"a": 1.0, "b": 10.0})
    audit = LossAudit(on_violation="ignore", explain_gap=True)
    model.fit(X, {"a": Y, "b": Y}, batch_size=8, verbose=0, callbacks=[audit])
    assert audit.gap.is_explained
    assert (
        audit.gap.evaluated
        == model.evaluate(X, {"a": Y, "b": Y}, verbose=0, return_dict=True)["loss"]
    )
    assert audit.report.explanations == (str(audit.gap),)


AVERAGING = keras.optimizers.SGD(0.01, momentum=0.9, use_ema=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shuffle", "optimizer"),
    [
        (True, "adam"),
        (False, AVERAGING),
        pytest.param(False, "adam", marks=pytest.mark.nightly),
        pytest.param(True, AVERAGING, marks=pytest.mark.nightly),
    ],
    ids=["shuffled-adam", "in-order-averaging", "in-order-adam", "shuffled-averaging"],
)
def test_nothing_is_disturbed_now_or_in_the_training_that_follows(shuffle, optimizer):
    runs = []
    for asked in (False, True):
        random.seed(5)
        model = everything(metrics=["mae"])
        model.compile(
            keras.optimizers.get(keras.optimizers.serialize(keras.optimizers.get(optimizer))),
            "mse",
            metrics=["mae"],
        )
        logs = []
        for _ in range(2):
            audit = LossAudit(on_violation="ignore", explain_gap=asked)
            history = model.fit(
                X,
                Y,
                epochs=2,
                verbose=0,
                shuffle=shuffle,
                validation_data=(X, Y),
                callbacks=[audit],
            )
            logs.append(
                (history.history, history.epoch, model.history is history, model.stop_training)
            )
            logs.append(model.get_metrics_result())
            logs.append(
                [
                    variable.numpy().tolist()
                    for variable in (*model.variables, *model.metrics_variables)
                ]
            )
        drawn = random.random(), np.random.random()  # noqa: NPY002
        logs.append((*drawn, sorted(vars(model)), sorted(vars(model.optimizer))))
        runs.append((model, logs))
        assert (audit.gap is not None) == asked
    (plain, logs), (explained, same) = runs
    assert repr(logs) == repr(same)
    assert same_weights(plain, explained)
    assert same_weights(plain.optimizer, explained.optimizer)


@pytest.mark.slow
def test_what_keras_compiled_is_kept_so_that_the_next_training_is_not_traced_anew():
    model = network()
    audited(model)
    before = model.train_function, model.test_function
    audited(model)
    assert (model.train_function, model.test_function) == before


def test_a_training_that_did_not_end_has_no_gap():
    class Interrupt(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    audit = LossAudit(explain_gap=True)
    with pytest.raises(KeyboardInterrupt):
        network().fit(X, Y, verbose=0, callbacks=[audit, Interrupt()])
    assert "the training did not end" in audit.report.findings[-1].message


def test_a_mean_of_its_own_that_only_the_train_step_tells_leaves_evaluate_without_a_loss():
    model = network(kind=OwnMean)
    audit = audited(model)
    assert audit.gap.evaluated == model.evaluate(X, Y, verbose=0) == 0
    assert parts_that_are_not_zero(audit.gap)[-1] == "remains"
    assert audit.report.findings[-1].verdict == "wrong"


def test_a_step_that_moves_weights_without_its_optimizer_cannot_be_explained():
    class Moving(Guided):
        def train_step(self, batch):
            logs = super().train_step(batch)
            self.trainable_variables[0].assign_add(tf.ones((4, 1)))
            return logs

    model = network(kind=Moving)
    (finding,) = audited(model).report.findings
    assert "changes weights without calling its optimizer" in finding.message
    assert model.get_weights()[0].tolist() == [[4.5]] * 4


class Evaluating(keras.callbacks.Callback):
    """Evaluates in the middle of an epoch, which resets the mean of the epoch."""

    def on_train_batch_end(self, batch, logs=None):
        if batch == 1:
            self.model.evaluate(X[:8], Y[:8] + 10, verbose=0)


def test_what_remains_beyond_rounding_is_a_finding():
    report = audited(network(), X, Y, Evaluating()).report
    finding = report.findings[-1]
    assert (finding.code, finding.verdict, finding.severity) == ("LA404", "wrong", "error")
    assert abs(finding.observed) > finding.bound
    assert "The remainder exceeds what rounding can explain." in finding.message
    assert not report.ok


def test_the_report_says_it_in_one_sentence_and_stays_ok():
    audit = audited(network(), sample_weight=WEIGHTS)
    errors = ((X.sum(1, keepdims=True) / 2 - Y) ** 2)[:, 0]
    reported, evaluated = float((errors * WEIGHTS).mean()), float(errors.mean())
    expected = (
        f"train loss, epoch 0: fit reported {reported:.3f}, evaluate on the same rows returns "
        f"{evaluated:.3f}. The difference {reported - evaluated:+.3f} has these parts: weights "
        "that moved during the epoch 0, training mode 0, regularizers 0, weights and masks "
        f"{reported - evaluated:+.3f} (sample weights, batches of 8 rows, in evaluate of 32), "
        f"remainder 0 (bound {audit.gap.bound:.2g})."
    )
    assert str(audit.gap) == expected
    assert expected in str(audit.report)
    assert expected in as_text(audit.report)
    assert audit.report.status == 0
    assert audit.report.metadata["gap"]["weights_and_masks"] == float(audit.gap.weights_and_masks)


def test_without_the_option_nothing_is_measured_or_said():
    audit = LossAudit("ignore")
    network().fit(X, Y, verbose=0, callbacks=[audit])
    assert audit.gap is None
    assert audit.report.explanations == ()
    assert "gap" not in audit.report.metadata


def test_afterwards_and_by_hand_the_noise_is_another_draw_and_the_gap_says_so():
    recorder, model = LossRecorder(penalties=True), network(keras.layers.Dropout(0.5, seed=3))
    model.fit(X, Y, batch_size=8, shuffle=False, verbose=0, callbacks=[recorder])
    gap = explain_gap(model, recorder.recording, X, Y, batch_size=8, shuffle=False)
    assert parts_that_are_not_zero(gap) == ["weights_moved", "training_mode"]
    assert "(and another draw of noise)" in str(gap)


def test_a_recorder_beside_it_records_nothing_of_the_measurement():
    before, after = LossRecorder(), LossRecorder()
    audit = LossAudit("ignore", explain_gap=True)
    network().fit(X, Y, batch_size=8, verbose=0, callbacks=[before, audit, after])
    for recorder in (before, after, audit):
        assert [(one.tag, one.split, len(one)) for one in recorder.recording.series] == [
            ("loss", "train", 4)
        ]
    assert audit.gap.is_explained


def test_a_program_that_is_audited_as_a_whole_has_no_report_of_the_measurement():
    with every_fit_audited() as reports:
        gap_of(network())
    assert len(reports) == 1


def test_a_recorder_of_penalties_keeps_their_sum_and_nothing_else():
    recorder = LossRecorder(penalties=True)
    penalised().fit(X, Y, batch_size=8, verbose=0, callbacks=[recorder])
    assert sorted(one.tag for one in recorder.recording.series) == ["loss", "regularization"]
    assert recorder.recording.find(tag="regularization").values.tolist() == [
        0.25**step / 8 for step in range(4)
    ]


ON_JAX = """
import sys
sys.modules["tensorflow"] = None
import keras, numpy as np
from lossaudit.keras import LossAudit
x = np.arange(64, dtype="float32").reshape(16, 4) % 5
weights = []
for asked in (False, True):
    keras.utils.set_random_seed(0)
    layers = [keras.Input((4,)), keras.layers.Dropout(0.5), keras.layers.Dense(1)]
    network = keras.Sequential(layers)
    network.compile(keras.optimizers.Adam(0.0), "mse")
    for _ in range(2):
        audit = LossAudit("ignore", explain_gap=asked)
        given = {"batch_size": 4, "epochs": 2, "verbose": 0, "shuffle": False}
        network.fit(x, x[:, :1], **given, callbacks=[audit])
    variables = (*network.variables, *network.optimizer.variables)
    weights.append(repr([np.asarray(one.value) for one in variables]))
print(weights[0] == weights[1], audit.gap.weights_moved == 0 != audit.gap.training_mode)
print(audit.report.ok)
"""


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")
def test_the_gap_is_measured_on_jax_as_well():
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    run = subprocess.run(
        [sys.executable, "-c", ON_JAX],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert run.stdout.split() == ["True"] * 3, run.stderr[-3000:]


def test_a_recorder_without_penalties_is_told_what_is_missing():
    recorder, model = LossRecorder(), penalised()
    model.fit(X, Y, verbose=0, callbacks=[recorder])
    with pytest.raises(RuntimeError, match=r"LossRecorder\(penalties=True\)"):
        explain_gap(model, recorder.recording, X, Y)


def test_a_loss_that_is_not_finite_has_no_parts():
    audit = audited(network(), X, np.where(Y > 2, np.nan, Y))
    assert audit.gap is None
    assert "fit reported nan, and evaluate returns nan" in audit.report.findings[-1].message
