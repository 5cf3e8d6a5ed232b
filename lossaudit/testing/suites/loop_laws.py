"""The laws of a training loop: it reports the truth, and trains and calls hooks like `fit`."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from lossaudit.predictions.mistakes import Mistake, noticed
from lossaudit.recording.recording import Recording
from lossaudit.rules import callbacks
from lossaudit.rules.numbers import FINITE
from lossaudit.rules.steps import FOUNDED
from lossaudit.testing.schedules import Schedule, outcome
from lossaudit.testing.suites.callback_laws import claimed_rule, drawn_schedules
from lossaudit.testing.suites.drivers import Stop
from lossaudit.testing.suites.hooks import HookRecorder, first_difference
from lossaudit.testing.suites.models import dataset, exact_model, numbers_of
from lossaudit.testing.suites.recorded import recorded
from lossaudit.testing.suites.subject import Check, Subject, takes
from lossaudit.testing.suites.violation import Violation, judged


def check_reports(subject: Subject, schedule: Schedule) -> None:
    """The losses that the loop reports are the true ones."""
    reported = subject.factory(exact_model(), dataset(schedule), schedule.epochs)
    _require_truth(subject, reported, schedule, outcome(schedule).recording, str(schedule))


def check_second_training(subject: Subject, schedule: Schedule) -> None:
    """LA203: the loop reports a second training of the same model like the first."""
    model, data = exact_model(), dataset(schedule)
    subject.factory(model, data, schedule.epochs)
    again = subject.factory(model, data, schedule.epochs)
    second = outcome(schedule, outcome(schedule).weight)
    about = f"{schedule}\nand a second training of the same model"
    _require_truth(subject, again, schedule, second.recording, about)


def check_weights(subject: Subject, schedule: Schedule) -> None:
    """LA414: the loop gives the model the same weights as `fit`."""
    model, data = exact_model(), dataset(schedule)
    # `shuffle` would not matter for a dataset; False says that the order is part of the law.
    model.fit(data, epochs=schedule.epochs, shuffle=False, verbose=0)
    # Read before the loop trains: `exact_model` returns this object again, in its initial state.
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
        heading = f"weights after {outcome(schedule).steps} steps:"
        message = "\n".join([str(schedule), heading, *lines])
        mistake = _mistake(schedule, by_loop)
        raise Violation.by(mistake, message) if mistake else Violation(message)


def _mistake(schedule: Schedule, weights: list[Any]) -> Mistake | None:
    """The mistake of a loop, by its final weight and its number of calls in training mode.

    Args:
        schedule: what was trained.
        weights: the weight of the model, shape (1,), and the counted calls, shape (1,).
    """
    steps = outcome(schedule).steps
    weight, calls = weights[0][0], int(weights[1][0])
    if calls == 0:
        return noticed.CALLED_WITHOUT_TRAINING
    # Before the weights: a wrong number of steps explains wrong weights as well.
    if calls != steps:
        return noticed.STEPS_MISSING if calls < steps else noticed.STEPS_REPEATED
    if weight == 0:
        return noticed.WEIGHTS_NEVER_UPDATED
    # Every number of a schedule is a float32 exactly, so that equality is a proof.
    unpenalised = outcome(schedule, penalised=False).weight
    return noticed.REGULARIZERS_LEFT_OUT if weight == unpenalised else None


def check_hooks(subject: Subject, schedule: Schedule) -> None:
    """LA415: the loop calls the same hooks with the same logs as `fit`."""
    by_fit, by_loop, data = HookRecorder(), HookRecorder(), dataset(schedule)
    stop = [] if schedule.stop is None else [Stop(schedule.stop)]
    exact_model().fit(
        data, epochs=schedule.epochs, shuffle=False, verbose=0, callbacks=[by_fit, *stop]
    )
    # A new Stop, because the first one has counted its steps.
    stop = [] if schedule.stop is None else [Stop(schedule.stop)]
    subject.factory(exact_model(), data, schedule.epochs, callbacks=[by_loop, *stop])
    difference = first_difference(by_fit, by_loop, ("by fit", "by the loop"))
    if difference:
        raise Violation.by(noticed.HOOKS_UNLIKE_FIT, f"{schedule}\n{difference}")


def _require_truth(
    subject: Subject, reported: Any, schedule: Schedule, truth: Recording, about: str
) -> None:
    wrong = judged(truth, recorded(subject, reported, truth, schedule), about)
    if wrong is not None:
        raise wrong


def _lacks_callbacks(subject: Subject) -> str | None:
    return None if takes(subject.factory, "callbacks") else "it does not accept callbacks="


_several = partial(drawn_schedules, epochs=(2, 3))
_four = partial(Check.by, examples=4)
LOOP_CHECKS = (
    Check(
        "reports_the_truth",
        claimed_rule,
        "The losses that the loop reports are the true ones.",
        check_reports,
        _several,
    ),
    _four(
        FINITE,
        "reports_nan_and_infinity",
        check_reports,
        partial(_several, odd=True),
        "The loop reports a loss that is NaN or infinite as it is.",
    ),
    _four(
        FOUNDED,
        "reports_a_second_training",
        check_second_training,
        _several,
        "The loop reports a second training of the same model like the first.",
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
