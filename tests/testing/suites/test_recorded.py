"""What a callback recorded or a loop reported becomes series, or a violation that shows it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from lossaudit import Recording, Series
from lossaudit.testing import Subject
from lossaudit.testing.schedules import Schedule, outcome
from lossaudit.testing.suites.recorded import recorded
from lossaudit.testing.suites.violation import Violation

SCHEDULE = Schedule(10, 4, epochs=2, validation_rows=6)
TRUTH = outcome(SCHEDULE).recording


def series_of(source, schedule=SCHEDULE, truth=TRUTH, **claims):
    subject = Subject(lambda: None, kind="loop", **claims)
    return recorded(subject, source, truth, schedule)


def told(series):
    return [(one.split, one.covers, one.values.tolist()) for one in series]


@pytest.mark.parametrize(
    "source",
    [
        {"loss": [3.0, 2.0], "val_loss": [1.0, None], "accuracy": [0.5, 0.5]},
        SimpleNamespace(history={"loss": [3.0, 2.0], "val_loss": [1.0, None]}),
    ],
    ids=["a mapping", "a History"],
)
def test_losses_are_found_by_their_names_with_none_as_nan(source):
    train, validation = series_of(source)
    assert told([train]) == [("train", "epoch", [3.0, 2.0])]
    assert np.isnan(validation.values).tolist() == [False, True]


def test_a_list_is_the_train_loss_and_covers_what_the_subject_claims():
    assert told(series_of([3.0, 2.0])) == [("train", "epoch", [3.0, 2.0])]
    assert told(series_of([3.0, 2.0], covers="epoch_so_far"))[0][1] == "epoch_so_far"


def test_of_a_recording_only_losses_of_recorded_splits_count_and_say_themselves_what_they_cover():
    source = Recording(
        [Series([1.0], tag="mae"), Series([2.0], covers="batch"), Series([3.0], split="test")]
    )
    assert told(series_of(source)) == [("train", "batch", [2.0])]


def test_read_gets_the_numbers_of_a_source():
    assert told(series_of("4.5", read=lambda text: [float(text)])) == [("train", "epoch", [4.5])]


def test_running_means_of_executions_stand_at_the_steps_of_their_hooks():
    schedule = Schedule(10, 2, epochs=2, steps_per_execution=2)
    truth = outcome(schedule).recording
    (series,) = series_of(range(6), schedule, truth, covers="epoch_so_far")
    assert series.steps.tolist() == [1, 3, 4, 6, 8, 9]
    (uneven,) = series_of(range(5), schedule, truth, covers="epoch_so_far")
    (epochs,) = series_of(range(6), schedule, truth)
    assert (uneven.steps, epochs.steps) == (None, None)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"accuracy": [1.0]}, "has no 'loss'"),
        (["a"], "not a list of numbers"),
        (3.0, "not a list"),
    ],
)
def test_what_is_no_loss_is_a_violation_that_shows_it(source, message):
    with pytest.raises(Violation, match=message):
        series_of(source)
