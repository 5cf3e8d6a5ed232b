"""What a training loop is held to: true reports, and the weights and the hooks that `fit` gives."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from lossaudit.recording.recording import Recording
from lossaudit.rules import callbacks
from lossaudit.rules.numbers import FINITE
from lossaudit.rules.steps import FOUNDED
from lossaudit.testing.schedules import Schedule, outcome
from lossaudit.testing.suites.callback_laws import claimed_rule, drawn_schedules
from lossaudit.testing.suites.drivers import Stop
from lossaudit.testing.suites.hooks import Witness, first_apart
from lossaudit.testing.suites.models import dataset, exact_model, numbers_of
from lossaudit.testing.suites.recorded import recorded
from lossaudit.testing.suites.subject import Check, Subject, takes
from lossaudit.testing.suites.violation import Violation, judged


def check_reports(subject: Subject, schedule: Schedule) -> None:
    """What the loop reports is what was true."""
    reported = subject.factory(exact_model(), dataset(schedule), schedule.epochs)
    _hold(subject, reported, schedule, outcome(schedule).recording, str(schedule))


def check_second_training(subject: Subject, schedule: Schedule) -> None:
    """LA203: the same loop on the same model reports its second training like the first."""
    model, data = exact_model(), dataset(schedule)
    subject.factory(model, data, schedule.epochs)
    again = subject.factory(model, data, schedule.epochs)
    second = outcome(schedule, outcome(schedule).weight)
    _hold(
        subject,
        again,
        schedule,
        second.recording,
        f"{schedule}\nand the same loop again on the same model",
    )


def check_weights(subject: Subject, schedule: Schedule) -> None:
    """LA414: the model has the weights that `fit` gives it."""
    model, data = exact_model(), dataset(schedule)
    model.fit(data, epochs=schedule.epochs, shuffle=False, verbose=0)
    names = [weight.path for weight in model.weights]
    by_fit = [one.ravel() for one in numbers_of(model.weights)]
    subject.factory(exact_model(), data, schedule.epochs)
    by_loop = [one.ravel() for one in numbers_of(model.weights)]
    lines = [
        f"  {name}: {one.tolist()} by fit, {two.tolist()} by the loop"
        for name, one, two in zip(names, by_fit, by_loop, strict=True)
        if not np.array_equal(one, two)
    ]
    if lines:
        said = "\n".join(
            [str(schedule), f"weights after {outcome(schedule).steps} steps:", *lines]
        )
        cause = _cause(schedule, by_fit, by_loop)
        raise Violation(said, cause)


def _cause(schedule: Schedule, by_fit: list[Any], by_loop: list[Any]) -> str | None:
    """What the weight and the number of calls in training mode say; the steps of the schedule are
    all different.
    """
    steps = outcome(schedule).steps
    calls = int(by_loop[1][0])
    if calls == 0:
        return "called-without-training"
    if calls != steps:
        return "steps-missing" if calls < steps else "steps-repeated"
    if by_loop[0][0] == 0:
        return "weights-never-updated"
    without = outcome(schedule, penalised=False).weight
    return "regularizers-left-out" if by_loop[0][0] == without else None


def check_hooks(subject: Subject, schedule: Schedule) -> None:
    """LA415: callbacks see the hooks and the logs that `fit` shows them."""
    by_fit, by_loop, data = Witness(), Witness(), dataset(schedule)
    stop = [] if schedule.stop is None else [Stop(schedule.stop)]
    exact_model().fit(
        data, epochs=schedule.epochs, shuffle=False, verbose=0, callbacks=[by_fit, *stop]
    )
    stop = [] if schedule.stop is None else [Stop(schedule.stop)]
    subject.factory(exact_model(), data, schedule.epochs, callbacks=[by_loop, *stop])
    apart = first_apart(by_fit, by_loop, ("by fit", "by the loop"))
    if apart:
        raise Violation(f"{schedule}\n{apart}", "hooks-unlike-fit")


def _hold(
    subject: Subject, reported: Any, schedule: Schedule, truth: Recording, about: str
) -> None:
    wrong = judged(truth, recorded(subject, reported, truth, schedule), about)
    if wrong is not None:
        raise wrong


def _lacks_callbacks(subject: Subject) -> str | None:
    return None if takes(subject.factory, "callbacks") else "it takes no callbacks="


_several = partial(drawn_schedules, epochs=(2, 3))
_four = partial(Check.by, examples=4)
LOOP_CHECKS = (
    Check(
        "reports_the_truth",
        claimed_rule,
        "What the loop reports is what was true.",
        check_reports,
        _several,
    ),
    _four(
        FINITE,
        "reports_what_is_not_finite",
        check_reports,
        partial(_several, odd=True),
        "What the loop reports with a loss that is not finite is what was true.",
    ),
    _four(
        FOUNDED,
        "reports_a_second_training",
        check_second_training,
        _several,
        "What the loop reports of a second training of the same model is what was true.",
    ),
    _four(callbacks.LOOP, "trains_as_fit", check_weights, _several),
    _four(
        callbacks.HOOKS, "calls_callbacks_as_fit", check_hooks, _several, lacks=_lacks_callbacks
    ),
    _four(
        callbacks.HOOKS,
        "stops_as_fit",
        check_hooks,
        partial(_several, stopped=True),
        lacks=_lacks_callbacks,
    ),
)
