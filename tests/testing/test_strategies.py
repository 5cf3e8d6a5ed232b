"""Examples are shaped like trainings: equal batches, a short last one, several epochs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from lossaudit import audit
from lossaudit.testing.faults import FAULTS
from lossaudit.testing.schedules import Updates
from lossaudit.testing.strategies import (
    batches,
    faulty_recordings,
    losses,
    recordings,
    schedules,
    weights,
)


@given(weights(most=5, largest=16))
def test_all_batches_have_equal_rows_but_a_short_last_one(rows):
    assert 1 <= len(rows) <= 5
    assert len(set(rows[:-1])) <= 1
    assert 1 <= rows[-1] <= max(rows) <= 16


@given(st.data())
def test_losses_are_positive_float32_unless_others_are_asked_for(data):
    loss = data.draw(losses())
    assert 2.0**-10 <= loss <= 1024
    assert float(np.float32(loss)) == loss


@pytest.mark.parametrize("special", [np.isnan, np.isposinf, np.isneginf])
def test_every_loss_that_is_not_finite_is_drawn(special):
    assert special(find(losses(finite=False), special, settings=settings(max_examples=2000)))


@given(batches(finite=False))
def test_an_epoch_that_is_not_finite_has_one_such_loss(updates):
    assert isinstance(updates, Updates)
    assert sum(not np.isfinite(value) for value in updates.values) == 1


@given(schedules(validation=True, stopped=True, steps_per_execution=(1, 2), epochs=(2, 3)))
def test_a_schedule_has_several_batches_and_is_stopped_before_its_last_step(schedule):
    assert len(schedule.sizes) >= 2
    assert schedule.validation_rows > schedule.batch_size
    assert 0 <= schedule.stop < len(schedule.sizes) * schedule.epochs - 1
    assert schedule.steps_per_execution in (1, 2)


@given(schedules(odd=True))
def test_an_odd_loss_is_in_a_batch_that_there_is(schedule):
    place, target = schedule.odd
    assert 0 <= place < len(schedule.sizes)
    assert not np.isfinite(target)


@given(recordings())
def test_a_recording_has_epochs_of_equal_batches_and_is_right_about_itself(recording):
    train, validation = (recording.find(split=split) for split in ("train", "validation"))
    assert np.all(np.diff(train.steps) == 1)
    assert len(set(np.bincount(train.epochs).tolist())) == 1
    assert train.epochs[-1] == validation.epochs[-1]
    assert audit(recording, recording).ok


@given(faulty_recordings(faults=["mean-of-batch-losses"]))
def test_a_planted_fault_is_the_one_that_was_asked_for_and_its_log_is_what_it_plants(planted):
    fault, recording, logged = planted
    assert fault is FAULTS["mean-of-batch-losses"]
    assert logged.values.tolist() == fault.plant(recording).values.tolist()
