"""A recording tracker is in place for one training; afterwards the model is as it was, also if the
training was interrupted.
"""

from __future__ import annotations

import keras
import pytest

from lossaudit import audit
from lossaudit.keras import LossRecorder, fit_loop
from tests.keras.programs import data, fit, model, same_weights


@pytest.mark.slow
def test_a_model_fitted_before_is_fitted_on_and_afterwards_as_if_there_had_been_no_recorder():
    plain, recorded = model(optimizer="adam"), model(optimizer="adam")
    for callbacks in ([], [LossRecorder()], []):
        expected = fit(plain, data(), epochs=2, validation_data=data(20))
        actual = fit(recorded, data(), epochs=2, validation_data=data(20), callbacks=callbacks)
        assert actual.history == expected.history
    assert same_weights(plain, recorded)
    assert plain.get_metrics_result() == recorded.get_metrics_result()


def test_after_training_the_model_has_its_own_tracker_and_functions_again():
    network = model()
    fit(network, data())
    before = {name: value for name, value in vars(network).items() if "history" not in name}
    fit(network, data(), callbacks=[LossRecorder()])
    after = {name: value for name, value in vars(network).items() if "history" not in name}
    assert after.keys() == before.keys()
    assert all(
        after[name] is before[name]
        for name in ("_loss_tracker", "train_function", "test_function")
    )
    assert len(network.metrics_variables) == 2


def test_a_second_fit_with_the_same_recorder_traces_nothing_anew():
    class Counting(keras.Sequential):
        traced = 0

        def train_step(self, batch):
            Counting.traced += 1
            return super().train_step(batch)

    network = Counting([keras.Input((4,)), keras.layers.Dense(1)])
    network.compile("sgd", "mse")
    recorder = LossRecorder()
    for _ in range(3):
        fit(network, data(), epochs=2, callbacks=[recorder])
    assert Counting.traced == 1


def test_a_compiled_model_that_is_compiled_anew_is_captured_anew():
    network, recorder = model(), LossRecorder()
    fit(network, data(), callbacks=[recorder])
    network.compile("sgd", "mae")
    history = fit(network, data(), epochs=2, callbacks=[recorder]).history
    assert audit(recorder.recording, history).ok


class Interrupt(keras.callbacks.Callback):
    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def on_train_batch_end(self, batch, logs=None):
        if batch == 3:
            raise self.error


@pytest.mark.parametrize(
    "error", [RuntimeError("broken"), KeyboardInterrupt()], ids=["error", "Ctrl-C"]
)
def test_an_interrupted_fit_keeps_what_was_captured_and_the_model_goes_on_as_if_alone(error):
    plain, recorded, recorder = model(), model(), LossRecorder()
    for network, callbacks in ((plain, []), (recorded, [recorder])):
        with pytest.raises(type(error)):
            fit(network, data(), epochs=2, callbacks=[Interrupt(error), *callbacks])
    assert len(recorder.recording.find(split="train")) == 4
    histories = [
        fit(network, data(), epochs=2, validation_data=data(20)).history
        for network in (plain, recorded)
    ]
    assert histories[0] == histories[1]
    assert same_weights(plain, recorded)
    assert not [name for name in vars(recorded) if "lossaudit" in name or name.endswith("_step")]


def interrupted(train=fit, *, at="train", network=None):
    """A model and the recorder of its training, which an exception has ended."""
    network, recorder, broken = network or model(), LossRecorder(), keras.callbacks.Callback()

    def on_batch_end(batch, logs=None):
        if batch == 1:
            raise RuntimeError("broken")

    setattr(broken, f"on_{at}_batch_end", on_batch_end)
    with pytest.raises(RuntimeError):
        train(network, data(), epochs=2, validation_data=data(20), callbacks=[broken, recorder])
    return network, recorder


def test_what_follows_an_interrupted_validation_is_not_taken_for_a_part_of_it():
    network, recorder = interrupted(at="test")
    network.evaluate(data(30), verbose=0)
    assert {series.split: len(series) for series in recorder.recording.series} == {
        "train": 7,
        "validation": 2,
    }
    assert type(network._loss_tracker) is keras.metrics.Mean


@pytest.mark.parametrize("train", [fit, fit_loop])
@pytest.mark.parametrize("then", ["train_on_batch", "fit", "fit_loop"])
def test_what_follows_an_interrupted_training_is_not_taken_for_a_part_of_it(train, then):
    network, recorder = interrupted(train)
    follow = {
        "train_on_batch": lambda: network.train_on_batch(*next(iter(data()))),
        "fit": lambda: fit(network, data()),
        "fit_loop": lambda: fit_loop(network, data()),
    }
    follow[then]()
    assert {series.split: len(series) for series in recorder.recording.series} == {"train": 2}
    assert type(network._loss_tracker) is keras.metrics.Mean


@pytest.mark.slow
def test_a_model_compiled_anew_after_an_interrupted_training_stays_as_it_was_compiled():
    network, plain = model(), model()
    fit(network, data())
    interrupted(network=network)
    plain.set_weights(network.get_weights())
    for each in (network, plain):
        each.compile("adam", "mae")
    assert fit(network, data(), epochs=2).history == fit(plain, data(), epochs=2).history
    assert same_weights(network, plain)


def test_a_step_that_somebody_else_put_on_the_model_stays_there():
    network = model()
    step = network.train_step
    object.__setattr__(network, "train_step", lambda batch: step(batch))
    mine = network.train_step
    fit(network, data(), callbacks=[LossRecorder()])
    assert network.train_step is mine


def test_an_interrupted_model_can_be_saved(tmp_path):
    network = model()
    with pytest.raises(RuntimeError):
        fit(network, data(), callbacks=[Interrupt(RuntimeError("broken")), LossRecorder()])
    network.save(tmp_path / "model.keras")
    assert same_weights(network, keras.models.load_model(tmp_path / "model.keras"))
