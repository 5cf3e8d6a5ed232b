"""What a callback is held to: that it records the truth, however it is called, and that it
disturbs nothing.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from lossaudit.overhead.stopwatches import HookWatch
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
from lossaudit.testing.suites.hooks import Witness, first_apart, is_same
from lossaudit.testing.suites.models import dataset, disturbable_model, exact_model, state_of
from lossaudit.testing.suites.recorded import recorded
from lossaudit.testing.suites.subject import Check, Subject
from lossaudit.testing.suites.violation import Violation, judged

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

COSTED = Schedule(rows=64, batch_size=2, epochs=2)
"""What hooks are timed on: 64 batches."""


def check_recorded(driver: Driver, subject: Subject, schedule: Schedule) -> None:
    """What was recorded in one training is what was true."""
    callback = subject.factory()
    trained(driver, schedule, [callback])
    _hold(subject, callback, schedule, [outcome(schedule).recording], str(schedule))


def check_second_fit(subject: Subject, schedule: Schedule) -> None:
    """LA203: a second `fit` is recorded like the first: in its place, or after it."""
    callback, model = subject.factory(), exact_model()
    by_fit(schedule, model, [callback])
    by_fit(schedule, model, [callback])
    first = outcome(schedule)
    second = outcome(schedule, first.weight)
    about = f"{schedule}\nand a second fit of the same model with the same callback"
    _hold(subject, callback, schedule, [second.recording, _both(first, second)], about)


def check_resumed(subject: Subject, schedule: Schedule) -> None:
    """LA203: a training that another callback began is recorded from where it goes on, or as a
    whole.
    """
    model, middle = exact_model(), schedule.epochs // 2
    early = replace(schedule, epochs=middle)
    first = outcome(early)
    by_fit(early, model, [subject.factory()])
    callback = subject.factory()
    by_fit(schedule, model, [callback], middle)
    second = outcome(schedule, first.weight, middle)
    about = f"{schedule}\nresumed by a new callback with initial_epoch={middle}"
    _hold(subject, callback, schedule, [second.recording, _both(first, second)], about)


def _hold(
    subject: Subject, callback: Any, schedule: Schedule, truths: Iterable[Recording], about: str
) -> None:
    """Raise what is wrong by that of several truths which leaves least to explain, unless one of
    them is kept.
    """
    found = [
        judged(truth, recorded(subject, callback, truth, schedule), about) for truth in truths
    ]
    wrong = [one for one in found if one is not None]
    if len(wrong) == len(found):
        raise min(wrong, key=lambda one: (not one.causes, len(one.causes)))


def _both(first: ScheduleOutcome, second: ScheduleOutcome) -> Recording:
    """Two trainings, one after the other; steps go on, and so do epochs."""
    whole = []
    for series in first.recording.series:
        later = second.recording.find(split=series.split)
        assert series.epochs is not None
        assert later.epochs is not None
        assert later.steps is not None
        on = max(0, int(series.epochs[-1]) + 1 - int(later.epochs[0]))
        whole.append(
            Series.joined(
                [series, replace(later, epochs=later.epochs + on, steps=later.steps + len(series))]
            )
        )
    return Recording(whole, metadata=second.recording.metadata)


def check_logs(subject: Subject, schedule: Schedule) -> None:
    """LA411: the next callback is given what the one before was given."""
    before, after = Witness(), Witness()
    trained(by_fit, schedule, [before, subject.factory(), after])
    for (hook, place, given), (_, _, left) in zip(before.seen, after.seen, strict=True):
        added = {
            key: value
            for key, value in left.items()
            if key not in given and key not in subject.adds
        }
        changed = {key for key in given if not (key in left and is_same(given[key], left[key]))}
        if added or changed:
            where = hook if place is None else f"{hook}({place})"
            raise Violation(
                f"{schedule}\n  {where} was given  {given}\n  {' ' * len(where)} and left   "
                f"{left}\n"
                "Copy them before you change them: logs = dict(logs).",
                f"logs-{'changed' if changed else 'extended'}",
            )


def check_training(subject: Subject, schedule: Schedule) -> None:
    """LA412: weights, state and logs are the same, to the last bit, as without the callback."""
    alone, alone_state = _seen_training(schedule, [])
    beside, beside_state = _seen_training(schedule, [subject.factory()])
    apart = first_apart(alone, beside, ("without the callback", "with it"))
    if apart:
        raise Violation(f"{schedule}\n{apart}", "training-disturbed")
    moved = [
        place
        for place, (one, two) in enumerate(zip(alone_state, beside_state, strict=True))
        if _apart(one, two)
    ]
    if moved:
        one, two = alone_state[moved[0]].ravel(), beside_state[moved[0]].ravel()
        raise Violation(
            f"{schedule}\n{len(moved)} of {len(alone_state)} variables differ after the training, "
            "the first:\n"
            f"  without the callback  {one[:6]}\n  with it               {two[:6]}",
            "training-disturbed",
        )


def _seen_training(schedule: Schedule, callbacks: list[Any]) -> tuple[Witness, list[Any]]:
    model, witness = disturbable_model(), Witness()
    keras.utils.set_random_seed(schedule.seed)
    data = dataset(schedule).shuffle(4, seed=schedule.seed)
    validation = dataset(schedule, "validation")
    arguments = {
        "epochs": schedule.epochs,
        "validation_data": validation,
        "shuffle": False,
        "verbose": 0,
    }
    model.fit(data, **arguments, callbacks=[witness, *callbacks])
    return witness, [*state_of(model), *_random_states()]


def _random_states() -> list[Any]:
    """Where the global generators stand, from which a user's own data and layers may draw."""
    legacy: Any = np.random.get_state()  # noqa: NPY002 - it is the one generator that others can disturb
    return [np.array(random.getstate()[1]), np.asarray(legacy[1]), np.array(legacy[2])]


def check_cost(subject: Subject) -> None:
    """LA413: the batch hooks take no longer than they may."""
    assert subject.budget is not None
    empty, watch = HookWatch(), HookWatch()
    trained(by_fit, COSTED, empty.surrounding([]))
    trained(by_fit, COSTED, watch.surrounding([subject.factory()]))
    cost = watch.times(empty, len(COSTED.sizes)).median
    if cost > subject.budget:
        raise Violation(
            f"{COSTED}\n  budget for a batch  {subject.budget * 1e6:.0f} µs\n"
            f"  its hooks took      {cost * 1e6:.0f} µs (median of "
            f"{len(COSTED.sizes) * COSTED.epochs} batches)",
            "budget-exceeded",
        )


def _apart(one: Any, two: Any) -> bool:
    return not np.array_equal(one, two, equal_nan=np.asarray(one).dtype.kind == "f")


def _lacks_read(subject: Subject) -> str | None:
    return None if subject.read is not None else "no read= says what it records"


def _lacks_budget(subject: Subject) -> str | None:
    return None if subject.budget is not None else "no budget= says what it may cost"


def drawn_schedules(**options: Any) -> SearchStrategy[Schedule]:
    """The strategy of schedules; Hypothesis is imported when it is asked for."""
    from lossaudit.testing.strategies import schedules

    return schedules(**options)


def claimed_rule(subject: Subject) -> str:
    """The rule about what the numbers claim to be."""
    covers: Covers = subject.covers or "epoch"
    return VALUE_RULES[covers].code


def _records(
    name: str, how: str, driver: Driver = by_fit, rule: Rule | None = None, **options: Any
) -> Check:
    examples = options.pop("examples", 4)
    return Check(
        f"records_{name}",
        claimed_rule if rule is None else rule.code,
        f"What it recorded {how} is what was true.",
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
        "in a bare callback list",
        by_callback_list,
        examples=8,
        validation=True,
    ),
    _records("beside_validation", "beside validation", validation=True),
    _records("with_sample_weights", "with sample weights", weighted=True),
    _records(
        "several_steps_per_execution",
        "with steps_per_execution",
        rule=COMPLETE,
        steps_per_execution=(2, 3),
    ),
    _records("what_is_not_finite", "with a loss that is not finite", rule=FINITE, odd=True),
    _records("until_stopped", "until it was stopped", stopped=True),
    Check.by(
        FOUNDED,
        "records_a_second_fit",
        check_second_fit,
        partial(drawn_schedules, epochs=(1, 2)),
        "A second fit is recorded like the first, in its place or after it.",
        lacks=_lacks_read,
        examples=4,
    ),
    Check.by(
        FOUNDED,
        "records_a_resumed_training",
        check_resumed,
        partial(drawn_schedules, epochs=(2, 3)),
        "A training that goes on with initial_epoch is recorded from there, or as a whole.",
        lacks=_lacks_read,
        examples=4,
    ),
    Check.by(callbacks.LOGS, "leaves_the_logs", check_logs, _validated, examples=4),
    Check.by(callbacks.TRAINING, "leaves_the_training", check_training, _validated, examples=2),
    Check.by(callbacks.COST, "costs_no_more", check_cost, None, lacks=_lacks_budget),
)
