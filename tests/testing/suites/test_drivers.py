"""Each way of training calls the hooks of `fit`, with the same logs."""

from __future__ import annotations

import pytest

from lossaudit.testing.schedules import Schedule, outcome
from lossaudit.testing.suites.drivers import Stop, by_callback_list, by_fit, by_fit_loop, trained
from lossaudit.testing.suites.hooks import HookRecorder, first_difference
from lossaudit.testing.suites.models import exact_model, state_of

SCHEDULE = Schedule(10, 4, epochs=3, validation_rows=6)
NAMES = ("by fit", "by the driver")


def hooks_of(driver, schedule=SCHEDULE, first_epoch=0):
    hooks = HookRecorder()
    trained(driver, schedule, [hooks], first_epoch)
    return hooks


@pytest.mark.parametrize(
    ("driver", "first_epoch"), [(by_fit_loop, 0), (by_fit_loop, 2), (by_callback_list, 0)]
)
def test_the_hooks_and_their_logs_are_those_of_fit(driver, first_epoch):
    one, other = (hooks_of(each, first_epoch=first_epoch) for each in (by_fit, driver))
    assert first_difference(one, other, NAMES) is None


def test_a_bare_list_that_begins_later_has_the_hooks_of_such_a_fit():
    one, other = (hooks_of(each, first_epoch=2).calls for each in (by_fit, by_callback_list))
    assert [call[:2] for call in one] == [call[:2] for call in other]


def test_a_bare_list_of_callbacks_trains_nothing():
    model = exact_model()
    before = state_of(model)
    by_callback_list(SCHEDULE, model, [HookRecorder()])
    assert all((one == other).all() for one, other in zip(before, state_of(model), strict=True))


def test_what_a_callback_does_to_its_logs_is_seen_by_no_later_hook():
    class Clearing(HookRecorder):
        def on_train_batch_end(self, batch, logs=None):
            logs.clear()

    hooks = HookRecorder()
    by_callback_list(SCHEDULE, exact_model(), [Clearing(), hooks])
    epochs = [logs for hook, _, logs in hooks.calls if hook == "on_epoch_end"]
    assert all(set(logs) == {"loss", "val_loss"} for logs in epochs)


@pytest.mark.parametrize("driver", [by_fit, by_fit_loop])
def test_a_training_is_stopped_after_the_step_that_the_schedule_says(driver):
    schedule = Schedule(10, 4, epochs=3, stop=4)
    ends = [call for call in hooks_of(driver, schedule).calls if call[0] == "on_train_batch_end"]
    assert len(ends) == 5 == outcome(schedule).steps


def test_a_stop_counts_steps_over_all_epochs():
    model, stop = exact_model(), Stop(3)
    stop.set_model(model)
    stopped = []
    for batch in (0, 1, 2, 0, 1):
        stop.on_train_batch_end(batch)
        stopped.append(model.stop_training)
    assert stopped == [False, False, False, True, True]
