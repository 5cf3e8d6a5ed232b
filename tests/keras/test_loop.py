"""`fit` and `fit_loop` agree to the last bit, and so do recorded and computed losses."""

from __future__ import annotations

from functools import cache

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lossaudit.keras import LossRecorder, fit_loop
from tests.keras.programs import Spy, data, fit, model, same_weights


def as_arrays(batches):
    return [tuple(column.numpy() for column in batch) for batch in batches]


def assert_same_training(
    one, other, *, epochs=2, batches=None, validation=None, loop_batches=None, recorders=None
):
    """Train one model with `fit`, its twin with `fit_loop`, and compare everything visible."""
    batches = data() if batches is None else batches
    spies, recorders = [Spy(), Spy()], recorders or [LossRecorder(), LossRecorder()]
    fit(
        one, batches, epochs=epochs, validation_data=validation, callbacks=[spies[0], recorders[0]]
    )
    fit_loop(
        other,
        loop_batches or batches,
        epochs=epochs,
        validation_data=validation,
        callbacks=[spies[1], recorders[1]],
    )
    assert spies[0].events == spies[1].events
    assert one.history.history == other.history.history
    assert same_weights(one, other)
    for fitted, looped in zip(
        recorders[0].recording.series, recorders[1].recording.series, strict=True
    ):
        assert fitted.split == looped.split
        for column in ("values", "weights", "epochs", "steps"):
            assert np.array_equal(getattr(fitted, column), getattr(looped, column)), column


SETUPS = [
    {"optimizer": "sgd", "loss": "mse"},
    {"optimizer": "sgd", "loss": "huber", "regularizer": "l2", "noisy": True},
    {"optimizer": "adam", "loss": "mae", "regularizer": "l2"},
    {"optimizer": "adam", "loss": "mse", "noisy": True},
    {"optimizer": "rmsprop", "loss": "huber"},
    {"optimizer": "rmsprop", "loss": "mae", "regularizer": "l2", "noisy": True},
]
"""Only a few, because each takes seconds to trace."""


@cache
def twins(setup):
    """Two equal models, each with a recorder, traced once for all examples.

    Every example starts from the same weights.
    """
    pair = [model(**SETUPS[setup], metrics=["mae"]) for _ in range(2)]
    for network in pair:
        network.optimizer.build(network.trainable_variables)
    return (
        pair,
        [LossRecorder(), LossRecorder()],
        [variable.numpy() for variable in (*pair[0].variables, *pair[0].optimizer.variables)],
    )


def set_back(network, state):
    for variable, value in zip(
        (*network.variables, *network.optimizer.variables), state, strict=True
    ):
        variable.assign(value)


@pytest.mark.slow
@settings(max_examples=settings.default.max_examples // 2)  # each is two trainings
@given(
    batch_size=st.integers(1, 16),
    batches=st.integers(1, 5),
    last=st.integers(1, 16),
    epochs=st.integers(1, 3),
    setup=st.integers(0, len(SETUPS) - 1),
    weighted=st.booleans(),
    held_out=st.integers(0, 20),
)
def test_fit_and_the_hand_written_loop_agree_bit_for_bit(
    batch_size, batches, last, epochs, setup, weighted, held_out
):
    pair, recorders, state = twins(setup)
    for network in pair:
        set_back(network, state)
    rows = batch_size * (batches - 1) + min(last, batch_size)
    assert_same_training(
        *pair,
        recorders=recorders,
        epochs=epochs,
        batches=data(rows, batch_size, weighted=weighted),
        validation=data(held_out, batch_size) if held_out else None,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "setup", [{"jit_compile": True}, {"run_eagerly": True}], ids=["xla", "eager"]
)
def test_they_agree_however_the_model_is_compiled(setup):
    assert_same_training(model(**setup), model(**setup), validation=data(20))


def test_they_agree_on_batches_of_arrays():
    assert_same_training(model(), model(), loop_batches=as_arrays(data()), validation=data(20))


class OwnLossAndMetrics(keras.Sequential):
    """Overrides the methods that Keras documents for it, one with an older signature."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
        return keras.ops.mean(keras.ops.abs(y - y_pred))

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return {
            **super().compute_metrics(x, y, y_pred, sample_weight),
            "largest": keras.ops.max(y_pred),
        }


class Unbuilt(keras.Model):
    """Has no argument `training`, and no weights before it gets data."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)

    def call(self, x):
        return self.dense(x)


PROGRAMS = {
    "overridden": lambda: OwnLossAndMetrics([keras.Input((4,)), keras.layers.Dense(1)]),
    "unbuilt": Unbuilt,
    "mixed precision": lambda: keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(1, dtype="mixed_float16")]
    ),
}
OPTIMIZERS = {
    "overridden": lambda: keras.optimizers.SGD(gradient_accumulation_steps=3),
    "unbuilt": lambda: keras.optimizers.SGD(use_ema=True),
    "mixed precision": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam()),
}


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS)
def test_they_agree_on_models_that_differ_from_the_usual(program):
    pair = []
    for _ in range(2):
        keras.utils.set_random_seed(1)
        network = PROGRAMS[program]()
        network.compile(OPTIMIZERS[program](), "mse")
        pair.append(network)
    assert_same_training(*pair, validation=data(20))


@pytest.mark.slow
def test_they_agree_on_several_inputs_and_outputs():
    def two_headed():
        keras.utils.set_random_seed(1)
        inputs = {name: keras.Input((2,), name=name) for name in ("left", "right")}
        joined = keras.layers.Concatenate()(list(inputs.values()))
        outputs = {name: keras.layers.Dense(1, name=name)(joined) for name in ("sum", "size")}
        network = keras.Model(inputs, outputs)
        network.compile(
            "adam", {"sum": "mse", "size": "mae"}, loss_weights={"sum": 1.0, "size": 3.0}
        )
        return network

    batches = data().map(
        lambda x, y: ({"left": x[:, :2], "right": x[:, 2:]}, {"sum": y, "size": abs(y)})
    )
    assert_same_training(two_headed(), two_headed(), batches=batches, validation=batches)


def test_they_go_on_after_a_backup(tmp_path):
    class Crash(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise RuntimeError("broken")

    pair = [model(), model()]
    for train, network in zip((fit, fit_loop), pair, strict=True):
        backup = keras.callbacks.BackupAndRestore(tmp_path / train.__name__)
        with pytest.raises(RuntimeError):
            train(network, data(), epochs=3, callbacks=[backup, Crash()])
        train(
            network,
            data(),
            epochs=3,
            callbacks=[keras.callbacks.BackupAndRestore(tmp_path / train.__name__)],
        )
    assert pair[0].history.epoch == pair[1].history.epoch == [1, 2]
    assert same_weights(*pair)


@pytest.mark.parametrize("stopping_batch", [2, 6])
def test_they_stop_at_the_same_batch(stopping_batch):
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training |= batch == stopping_batch

    spies = [Spy(), Spy()]
    fit(model(), data(), epochs=3, validation_data=data(20), callbacks=[Stop(), spies[0]])
    fit_loop(model(), data(), epochs=3, validation_data=data(20), callbacks=[Stop(), spies[1]])
    assert spies[0].events == spies[1].events


def test_they_stop_at_the_same_epoch():
    spies = [Spy(), Spy()]
    for train, spy in zip((fit, fit_loop), spies, strict=True):
        stop = keras.callbacks.EarlyStopping("val_loss", min_delta=1e9)
        train(model(), data(), epochs=9, validation_data=data(20), callbacks=[stop, spy])
    assert spies[0].events == spies[1].events
    assert [event[0] for event in spies[0].events].count("epoch_end") == 2


def test_they_start_at_the_same_epoch():
    one, other = model(), model()
    fit(one, data(), initial_epoch=2, epochs=4)
    fit_loop(other, data(), initial_epoch=2, epochs=4)
    assert one.history.epoch == other.history.epoch == [2, 3]


def test_the_learning_rate_schedule_of_keras_works_in_the_loop():
    one, other = model(), model()
    for train, network in ((fit, one), (fit_loop, other)):
        train(
            network,
            data(),
            epochs=3,
            callbacks=[keras.callbacks.LearningRateScheduler(lambda epoch: 0.1 / (epoch + 1))],
        )
    assert same_weights(one, other)
    assert float(other.optimizer.learning_rate) == float(np.float32(0.1 / 3))


@pytest.mark.parametrize("name", ["data", "validation_data"])
def test_an_iterator_is_refused_because_a_second_epoch_would_find_it_empty(name):
    batches = {"data": data(), name: iter(as_arrays(data()))}
    with pytest.raises(ValueError, match=rf"{name}=.* must be iterable again for every epoch"):
        fit_loop(model(), **batches)


def test_no_batches_are_refused():
    with pytest.raises(ValueError, match="data is empty"):
        fit_loop(model(), [])


def test_a_model_that_is_not_compiled_is_refused_by_name():
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)], name="raw")
    with pytest.raises(ValueError, match="model='raw' must be compiled"):
        fit_loop(network, data())


def test_a_model_without_trainable_weights_is_refused_by_name():
    network = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(1, trainable=False)], name="frozen"
    )
    network.compile("sgd", "mse")
    with pytest.raises(ValueError, match="model='frozen' must have trainable weights"):
        fit_loop(network, data())


def test_data_of_unknown_length_is_trained_on_without_counting_it_first():
    def batches():
        yield from as_arrays(data())

    signature = tuple(
        tf.TensorSpec((None, *column.shape[1:]), tf.float32) for column in as_arrays(data())[0]
    )
    unknown = tf.data.Dataset.from_generator(batches, output_signature=signature)
    one, other = model(), model()
    fit_loop(one, unknown, epochs=2)
    fit(other, data(), epochs=2)
    assert one.history.history == other.history.history


@pytest.mark.slow
@given(
    rows=st.integers(1, 60),
    steps=st.integers(1, 9),
    epochs=st.integers(1, 4),
    unknown=st.booleans(),
)
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_they_agree_on_epochs_of_so_many_steps(rows, steps, epochs, unknown):
    batches = data(rows, 8)
    assume(
        not unknown or -(-rows // 8) % steps
    )  # at such an end Keras makes an epoch of no batch, whose loss is 0
    batches = batches.filter(lambda *_: True) if unknown else batches
    pair, recorders, state = twins(0)
    for network in pair:
        set_back(network, state)
    fit(pair[0], batches, epochs=epochs, steps_per_epoch=steps, callbacks=[recorders[0]])
    fit_loop(pair[1], batches, epochs=epochs, steps_per_epoch=steps, callbacks=[recorders[1]])
    assert same_weights(*pair)
    losses = [recorder.recording.find(tag="loss", split="train") for recorder in recorders]
    for column in ("values", "weights", "epochs", "steps"):
        assert getattr(losses[0], column).tolist() == getattr(losses[1], column).tolist()
    assert pair[0].history.history == pair[1].history.history


@pytest.mark.parametrize("labels", ["numbers", "column", "one-hot"])
def test_they_agree_on_class_weights(labels):
    random = np.random.default_rng(0)
    x, classes = random.normal(size=(50, 4)).astype(np.float32), random.integers(0, 3, 50)
    y = {
        "numbers": classes,
        "column": classes[:, None],
        "one-hot": np.eye(3, dtype=np.float32)[classes],
    }[labels]
    loss = "categorical_crossentropy" if labels == "one-hot" else "sparse_categorical_crossentropy"
    batches, pair = tf.data.Dataset.from_tensor_slices((x, y)).batch(8), []
    for train in (fit, fit_loop):
        keras.utils.set_random_seed(0)
        network = keras.Sequential(
            [keras.Input((4,)), keras.layers.Dense(3, activation="softmax")]
        )
        network.compile("sgd", loss)
        train(network, batches, epochs=2, class_weight={0: 0.5, 2: 3.0})
        pair.append(network)
    assert same_weights(*pair)
    assert pair[0].history.history == pair[1].history.history


def test_bad_steps_and_weights_of_both_kinds_are_refused():
    with pytest.raises(ValueError, match="steps_per_epoch=0 must be at least 1"):
        fit_loop(model(), data(), steps_per_epoch=0)
    with pytest.raises(ValueError, match="and sample weights cannot be given together"):
        fit_loop(model(), data(weighted=True), class_weight={0: 1.0})
