"""What a recorder keeps in addition to the loss: only on request, and of each batch alone."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from lossaudit.keras import LossRecorder
from tests.keras.programs import WAYS, data, fit, model, same_weights

X = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)


Y = X.sum(1, keepdims=True)


def two_outputs(**compiled):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(8, kernel_regularizer="l2")(inputs)
    network = keras.Model(
        inputs, {name: keras.layers.Dense(1, name=name)(hidden) for name in "ab"}
    )
    network.compile(
        keras.optimizers.SGD(0.0),
        {"a": "mse", "b": "mae"},
        loss_weights={"a": 1.0, "b": 10.0},
        **compiled,
    )
    return network


def by_hand(network, batch_size=8):
    """a_loss, b_loss and regularization of each batch of a model that does not change."""
    for start in range(0, len(X), batch_size):
        outputs, y = network(X[start : start + batch_size]), Y[start : start + batch_size]
        a, b = (outputs[name].numpy().astype(np.float64) for name in "ab")
        yield (
            np.mean((y - a) ** 2),
            np.mean(np.abs(y - b)),
            sum(float(loss) for loss in network.losses),
        )


@pytest.mark.slow
@pytest.mark.parametrize("setup", WAYS.values(), ids=WAYS)
def test_components_are_those_computed_by_hand_and_make_up_the_loss(setup):
    network, recorder = two_outputs(**setup), LossRecorder(components=True)
    network.fit(X, {"a": Y, "b": Y}, batch_size=8, verbose=0, shuffle=False, callbacks=[recorder])
    tags = ("a_loss", "b_loss", "regularization", "loss")
    a, b, regularization, loss = (recorder.recording.find(tag=tag).values for tag in tags)
    np.testing.assert_allclose(
        np.stack([a, b, regularization], 1), list(by_hand(network)), rtol=2.0**-18
    )
    np.testing.assert_allclose(a + 10 * b + regularization, loss, rtol=2.0**-18)
    weighted = [recorder.recording.find(tag=f"{tag}_loss/weighted").values for tag in "ab"]
    np.testing.assert_allclose(weighted, [a, 10 * b], rtol=2.0**-22)
    assert recorder.recording.find(tag="a_loss").weights.tolist() == [8] * 6 + [2]


def test_every_part_of_what_layers_add_is_kept():
    dense = [
        keras.layers.Dense(3, kernel_regularizer="l2"),
        keras.layers.Dense(1, kernel_regularizer="l1"),
    ]
    network, recorder = (
        keras.Sequential([keras.Input((4,)), *dense]),
        LossRecorder(components=True),
    )
    network.compile(keras.optimizers.SGD(0.0), "mse")
    fit(network, data(), callbacks=[recorder])
    parts = [recorder.recording.find(tag=f"regularization[{number}]").values for number in (0, 1)]
    np.testing.assert_allclose(parts[0], [float(network.losses[0])] * 7, rtol=2.0**-20)
    np.testing.assert_allclose(
        sum(parts), recorder.recording.find(tag="regularization").values, rtol=2.0**-20
    )


@pytest.mark.slow
@pytest.mark.parametrize("setup", WAYS.values(), ids=WAYS)
def test_compiled_metrics_are_those_of_each_batch_and_leave_those_of_keras_alone(setup):
    plain, recorded, recorder = (
        *(model(metrics=["mae", "mse"], **setup) for _ in range(2)),
        LossRecorder(metrics=True),
    )
    arguments = {"epochs": 2, "validation_data": data(20)}
    histories = [
        fit(plain, data(), **arguments),
        fit(recorded, data(), callbacks=[recorder], **arguments),
    ]
    assert histories[0].history == histories[1].history
    assert same_weights(plain, recorded)
    for split, number in (("train", 14), ("validation", 6)):
        loss, mse = (recorder.recording.find(tag=tag, split=split) for tag in ("loss", "mse"))
        np.testing.assert_allclose(mse.values, loss.values, rtol=2.0**-18)
        assert len(recorder.recording.find(tag="mae", split=split)) == number


def test_weight_sums_are_kept_wherever_there_are_weights_so_that_any_mean_can_be_formed():
    weights = np.linspace(0, 1, 50, dtype=np.float32)
    recorder = LossRecorder()
    model().fit(
        X, Y, sample_weight=weights, batch_size=8, verbose=0, shuffle=False, callbacks=[recorder]
    )
    sums = recorder.recording.find(tag="weight_sum")
    np.testing.assert_allclose(
        sums.values, [weights[i : i + 8].sum() for i in range(0, 50, 8)], rtol=2.0**-20
    )
    assert sums.weights.tolist() == [8] * 6 + [2]
    assert [one.tag for one in LossRecorder().recording.series] == []


def test_the_tokens_of_a_mask_are_counted():
    words = np.random.default_rng(0).integers(0, 3, (20, 5))
    network = keras.Sequential(
        [
            keras.Input((5,)),
            keras.layers.Embedding(3, 4, mask_zero=True),
            keras.layers.LSTM(2, return_sequences=True),
        ]
    )
    network.compile("sgd", "mse")
    recorder = LossRecorder()
    network.fit(
        words, np.zeros((20, 5, 2)), batch_size=8, verbose=0, shuffle=False, callbacks=[recorder]
    )
    tokens = recorder.recording.find(tag="tokens").values.tolist()
    assert tokens == [float((words[i : i + 8] != 0).sum()) for i in range(0, 20, 8)]


@pytest.mark.slow
@pytest.mark.parametrize("setup", WAYS.values(), ids=WAYS)
def test_gradient_statistics_are_those_of_a_tape(setup):
    network, recorder = (
        model(optimizer=keras.optimizers.SGD(0.0), **setup),
        LossRecorder(gradients=True),
    )
    fit(network, data(), callbacks=[recorder])
    expected = {"norm": [], "mean": [], "variance": []}
    for x, y in data():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((y - network(x, training=True)) ** 2)
        gradient = (
            tape.gradient(loss, network.trainable_variables[0].value).numpy().astype(np.float64)
        )
        for name, value in (
            ("norm", np.linalg.norm(gradient)),
            ("mean", gradient.mean()),
            ("variance", gradient.var()),
        ):
            expected[name].append(value)
    path = network.trainable_variables[0].path
    for name, values in expected.items():
        found = recorder.recording.find(tag=f"gradient_{name}/{path}").values
        np.testing.assert_allclose(found, values, rtol=2.0**-14, atol=2.0**-20)
    assert recorder.recording.find(tag="gradient_finite").values.tolist() == [1.0] * 7


def test_steps_that_a_scaled_optimizer_skips_are_seen_and_the_loss_is_not_scaled():
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(4, dtype="mixed_float16"), keras.layers.Dense(1, dtype="float32")]
    network = keras.Sequential([keras.Input((4,)), *layers])
    optimizer = keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(0.0), initial_scale=2.0**20
    )
    network.compile(optimizer, "mse")
    recorder = LossRecorder(gradients=True)
    fit(network, data(400), callbacks=[recorder])
    finite = recorder.recording.find(tag="gradient_finite").values
    assert 0 in finite
    assert 1 in finite
    with_scale, plain = (
        recorder.recording.find(tag="loss").values,
        keras.models.clone_model(network),
    )
    plain.set_weights(network.get_weights())
    x, y = next(iter(data(400)))
    assert abs(with_scale[0] - float(tf.reduce_mean((y - plain(x)) ** 2))) < 0.01 * with_scale[0]


@pytest.mark.slow
def test_nothing_is_traced_for_what_was_not_asked_for():
    def operations(recorder):
        network = model(metrics=["mae"])
        fit(network, data(), callbacks=[recorder])
        network.make_train_function()
        return sorted(one.tag for one in recorder.recording.series)

    assert operations(LossRecorder()) == ["loss"]
    assert operations(LossRecorder(metrics=True)) == ["loss", "mae"]
