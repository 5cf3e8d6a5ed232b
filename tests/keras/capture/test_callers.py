"""The running callbacks and the running `fit` are found on the stack."""

from __future__ import annotations

import keras
import pytest

from lossaudit.keras.capture.callers import Training, companions, running


class Asking(keras.callbacks.Callback):
    """Asks at the first batch who calls it."""

    def on_train_batch_end(self, batch, logs=None):
        if batch == 0:
            self.training, self.others = Training(), companions()


def loop(callbacks, *, then=lambda: None):
    """A training loop that has its callbacks in a local variable."""
    callbacks.on_train_batch_end(0)
    return then()


def listed(*callbacks):
    return keras.callbacks.CallbackList(list(callbacks))


def test_a_callback_finds_those_in_its_list_and_nobody_where_it_is_called_directly():
    asking, other = Asking(), keras.callbacks.Callback()
    loop(listed(asking, other))
    assert asking.others == [asking, other]
    asking.on_train_batch_end(0)
    assert asking.others == []


def test_a_training_is_over_when_the_function_with_its_callbacks_was_left():
    asking = Asking()
    inside = loop(
        listed(asking), then=lambda: (asking.training.is_over, asking.training.is_running)
    )
    assert inside == (False, True)
    assert (asking.training.is_over, asking.training.is_running) == (True, False)


def test_a_training_is_over_when_an_exception_has_left_the_function():
    asking = Asking()

    def fail():
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        loop(listed(asking), then=fail)
    assert asking.training.is_over


def test_a_loop_that_keeps_its_callbacks_in_an_attribute_is_never_known_to_be_over():
    class Loop:
        def __init__(self, callbacks):
            self.callbacks = callbacks

        def run(self):
            self.callbacks.on_train_batch_end(0)

    asking = Asking()
    kept = Loop(listed(asking))
    kept.run()
    assert (asking.training.is_over, asking.training.is_running) == (False, False)
    del kept
    assert not asking.training.is_over


class Model:
    def train(self, rows, then):
        for row in range(rows):
            found = row, then()
        return found[1]


def test_the_local_variables_of_a_running_method_are_those_of_its_own_object():
    one, other = Model(), Model()
    names = one.train(3, then=lambda: running(Model.train, one))
    assert (names["rows"], names["row"]) == (3, 2)
    assert one.train(3, then=lambda: running(Model.train, other)) is None
    assert running(Model.train, one) is None


def test_of_several_running_calls_the_innermost_is_taken():
    one = Model()
    names = one.train(1, then=lambda: one.train(2, then=lambda: running(Model.train, one)))
    assert names["rows"] == 2
