"""The laws of a callback: it records the truth, however it is called, and disturbs nothing."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from lossaudit.overhead.stopwatches import HookWatch
from lossaudit.predictions.mistakes import noticed
from lossaudit.recording.names import Covers
from lossaudit.recording.recording import Recording
from lossaudit.recording.series import Series
from lossaudit.rules import callbacks
from lossaudit.rules.aggregation import VALUE_RULES
from lossaudit.rules.numbers import FINITE
from lossaudit.rules.rule import Rule
from lossaudit.rules.steps import COMPLETE, FOUNDED
from lossaudit.testing.schedules import Schedule, ScheduleOutcome, outcome
from lossaudit.testing.suites.drivers import Driver, by_callback_list, by_fit, by_fit_loop, trained
from lossaudit.testing.suites.hooks import HookRecorder, first_difference, is_same
from lossaudit.testing.suites.models import dataset, disturbable_model, exact_model, state_of
from lossaudit.testing.suites.recorded import recorded
from lossaudit.testing.suites.subject import Check, Subject
from lossaudit.testing.suites.violation import Violation, judged

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

COSTED = Schedule(rows=64, batch_size=2, epochs=2)
"""The training in which hooks are timed: 64 batches."""


def check_recorded(driver: Driver, subject: Subject, schedule: Schedule) -> None:
    """The recorded losses of one training are the true ones."""
    callback = subject.factory()
    trained(driver, schedule, [callback])
    _require_truth(subject, callback, schedule, [outcome(schedule).recording], str(schedule))


def check_second_fit(subject: Subject, schedule: Schedule) -> None:
    """LA203: a second `fit` is recorded like the first, instead of it or after it."""
    callback, model = subject.factory(), exact_model()
    by_fit(schedule, model, [callback])
    by_fit(schedule, model, [callback])
    first = outcome(schedule)
    second = outcome(schedule, first.weight)
    about = f"{schedule}\nand a second fit of the same model with the same callback"
    truths = [second.recording, _both(first, second)]
    _require_truth(subject, callback, schedule, truths, about)


def check_resumed(subject: Subject, schedule: Schedule) -> None:
    """LA203: a resumed training is recorded from where it resumes, or as a whole."""
    model, middle = exact_model(), schedule.epochs // 2
    early = replace(schedule, epochs=middle)
    first = outcome(early)
    by_fit(early, model, [subject.factory()])
    callback = subject.factory()
    by_fit(schedule, model, [callback], middle)
    second = outcome(schedule, first.weight, middle)
    about = f"{schedule}\nresumed by a new callback with initial_epoch={middle}"
    truths = [second.recording, _both(first, second)]
    _require_truth(subject, callback, schedule, truths, about)


def _require_truth(
    subject: Subject, callback: Any, schedule: Schedule, truths: Iterable[Recording], about: str
) -> None:
    """Raise a violation unless the recorded losses are one of several truths.

    The violation compares them with the truth that needs the fewest causes.
    """
    found = [
        judged(truth, recorded(subject, callback, truth, schedule), about) for truth in truths
    ]
    wrong = [one for one in found if one is not None]
    if len(wrong) == len(found):
        # A comparison without a recognised cause says least, so it comes last.
        raise min(wrong, key=lambda one: (not one.causes, len(one.causes)))


def _both(first: ScheduleOutcome, second: ScheduleOutcome) -> Recording:
    """Two trainings in sequence, with continued steps and epochs."""
    whole = []
    for series in first.recording.series:
        later = second.recording.find(split=series.split)
        assert series.epochs is not None
        assert later.epochs is not None
        assert later.steps is not None
        # Keras counts a second `fit` from 0 again, but a resumed one from `initial_epoch`.
        offset = max(0, int(series.epochs[-1]) + 1 - int(later.epochs[0]))
        epochs, steps = later.epochs + offset, later.steps + len(series)
        whole.append(Series.joined([series, replace(later, epochs=epochs, steps=steps)]))
    return Recording(whole, metadata=second.recording.metadata)


def check_logs(subject: Subject, schedule: Schedule) -> None:
    """LA411: the callbacks before and after this one receive the same logs."""
    before, after = HookRecorder(), HookRecorder()
    trained(by_fit, schedule, [before, subject.factory(), after])
    for (hook, place, given), (_, _, left) in zip(before.calls, after.calls, strict=True):
        added = {
            key: value
            for key, value in left.items()
            if key not in given and key not in subject.adds
        }
        changed = {key for key in given if not (key in left and is_same(given[key], left[key]))}
        if added or changed:
            where = hook if place is None else f"{hook}({place})"
            message = f"{schedule}\nlogs in {where}:\n  before  {given}\n  after   {left}"
            mistake = noticed.LOGS_CHANGED if changed else noticed.LOGS_EXTENDED
            raise Violation.by(mistake, message)


def check_training(subject: Subject, schedule: Schedule) -> None:
    """LA412: weights, state and logs are bit for bit those of a training without the callback."""
    hooks_without, state_without = _observed_training(schedule, [])
    hooks_with, state_with = _observed_training(schedule, [subject.factory()])
    names = ("without the callback", "with the callback")
    difference = first_difference(hooks_without, hooks_with, names)
    if difference:
        raise Violation.by(noticed.TRAINING_DISTURBED, f"{schedule}\n{difference}")
    different = [
        pair for pair in zip(state_without, state_with, strict=True) if not _is_equal(*pair)
    ]
    if different:
        one, two = (array.ravel()[:6] for array in different[0])
        number = f"{len(different)} of {len(state_without)} variables"
        message = (
            f"{schedule}\n{number} differ after the training, the first:\n"
            f"  {names[0]}  {one}\n  {names[1]}     {two}"
        )
        raise Violation.by(noticed.TRAINING_DISTURBED, message)


def _observed_training(schedule: Schedule, callbacks: list[Any]) -> tuple[HookRecorder, list[Any]]:
    """Train with callbacks; return the hook calls, and the state of model and generators."""
    model, hooks = disturbable_model(), HookRecorder()
    # After the model: building one draws random numbers, and does so once in a process.
    keras.utils.set_random_seed(schedule.seed)
    data = dataset(schedule).shuffle(4, seed=schedule.seed)
    validation = dataset(schedule, "validation")
    arguments = {
        "epochs": schedule.epochs,
        "validation_data": validation,
        "shuffle": False,
        "verbose": 0,
    }
    model.fit(data, **arguments, callbacks=[hooks, *callbacks])
    return hooks, [*state_of(model), *_random_states()]


def _random_states() -> list[Any]:
    """The states of the global random generators, which a user's data and layers may use."""
    legacy: Any = np.random.get_state()  # noqa: NPY002 - the one numpy generator that is global
    return [np.array(random.getstate()[1]), np.asarray(legacy[1]), np.array(legacy[2])]


def check_cost(subject: Subject) -> None:
    """LA413: the batch hooks take no longer than the budget."""
    assert subject.budget is not None
    empty, watch = HookWatch(), HookWatch()
    # The same watch around no callback measures its own time, which is subtracted.
    trained(by_fit, COSTED, empty.surrounding([]))
    trained(by_fit, COSTED, watch.surrounding([subject.factory()]))
    cost = watch.times(empty, len(COSTED.sizes)).median
    if cost > subject.budget:
        batches = len(COSTED.sizes) * COSTED.epochs
        message = (
            f"{COSTED}\n  budget for a batch  {subject.budget * 1e6:.0f} µs\n"
            f"  its hooks took      {cost * 1e6:.0f} µs (median of {batches} batches)"
        )
        raise Violation.by(noticed.BUDGET_EXCEEDED, message)


def _is_equal(one: Any, two: Any) -> bool:
    # Only floats can be NaN, and `equal_nan` fails for types without NaN, such as objects.
    return np.array_equal(one, two, equal_nan=np.asarray(one).dtype.kind == "f")


def _lacks_read(subject: Subject) -> str | None:
    return None if subject.read is not None else "read= is missing, which returns its numbers"


def _lacks_budget(subject: Subject) -> str | None:
    return None if subject.budget is not None else "budget= is missing, its seconds for each batch"


def drawn_schedules(**options: Any) -> SearchStrategy[Schedule]:
    """Return the strategy of schedules; imports Hypothesis when called."""
    from lossaudit.testing.strategies import schedules

    return schedules(**options)


def claimed_rule(subject: Subject) -> str:
    """Code of the rule about the numbers that a subject claims to record."""
    covers: Covers = subject.covers or "epoch"
    return VALUE_RULES[covers].code


def _records(
    name: str, how: str, driver: Driver = by_fit, rule: Rule | None = None, **options: Any
) -> Check:
    examples = options.pop("examples", 4)
    return Check(
        f"records_{name}",
        claimed_rule if rule is None else rule.code,
        f"The losses that it recorded {how} are the true ones.",
        partial(check_recorded, driver),
        partial(drawn_schedules, **{"epochs": (2, 3), **options}),
        _lacks_read,
        examples,
    )


_validated = partial(drawn_schedules, validation=True, epochs=(2, 2))
CALLBACK_CHECKS = (
    _records("fit", "in fit", examples=6),
    _records("fit_loop", "in fit_loop", by_fit_loop, validation=True),
    _records(
        "a_bare_callback_list",
        "in a bare CallbackList",
        by_callback_list,
        examples=8,
        validation=True,
    ),
    _records("with_validation", "in fit with validation", validation=True),
    _records("with_sample_weights", "in fit with sample weights", weighted=True),
    _records(
        "several_steps_per_execution",
        "in fit with steps_per_execution",
        rule=COMPLETE,
        steps_per_execution=(2, 3),
    ),
    _records(
        "nan_and_infinity", "in fit with a loss that is NaN or infinite", rule=FINITE, odd=True
    ),
    _records("until_stopped", "in a fit that was stopped early", stopped=True),
    Check.by(
        FOUNDED,
        "records_a_second_fit",
        check_second_fit,
        partial(drawn_schedules, epochs=(1, 2)),
        "A second fit is recorded like the first, instead of it or after it.",
        lacks=_lacks_read,
        examples=4,
    ),
    Check.by(
        FOUNDED,
        "records_a_resumed_training",
        check_resumed,
        partial(drawn_schedules, epochs=(2, 3)),
        "A training resumed with initial_epoch is recorded from there, or as a whole.",
        lacks=_lacks_read,
        examples=4,
    ),
    Check.by(callbacks.LOGS, "leaves_the_logs", check_logs, _validated, examples=4),
    Check.by(callbacks.TRAINING, "leaves_the_training", check_training, _validated, examples=2),
    Check.by(callbacks.COST, "stays_within_budget", check_cost, None, lacks=_lacks_budget),
)
