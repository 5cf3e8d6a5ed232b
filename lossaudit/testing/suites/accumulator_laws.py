"""What an accumulator is held to: its laws, the reference values, its state, NaN, and long runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from lossaudit.arithmetic.accumulators import SumCount, WeightedMean
from lossaudit.arithmetic.bounds import steady_bound, updating_bound
from lossaudit.arithmetic.exact import ExactSum
from lossaudit.auditing.audits import diagnose
from lossaudit.recording.series import Series
from lossaudit.rules import aggregation
from lossaudit.rules.aggregation import EPOCH, SO_FAR
from lossaudit.rules.numbers import DIGITS, FINITE
from lossaudit.testing.schedules import Updates
from lossaudit.testing.suites.adapter import Accumulator
from lossaudit.testing.suites.subject import Check, Held, Subject
from lossaudit.testing.suites.violation import Violation

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Pairs = list[tuple[float, int]]

LONG_RUN, LONG_RUN_VALUES = 10_000, (0.1, 0.7)
"""Updates after which a float32 that only adds is off by hundreds of units of its last digit."""

_REFERENCES: dict[Held, Callable[[], WeightedMean | SumCount | ExactSum]] = {
    "weighted_mean": WeightedMean,
    "mean": SumCount,
    "sum": ExactSum,
}
_SAID: dict[Held, str] = {
    "weighted_mean": "the mean weighted by rows",
    "mean": "the mean of the updates",
    "sum": "the sum weighted by rows",
}


def check_reference_value(subject: Subject, updates: Updates) -> None:
    """LA101: the result is the mean of the values by their weights."""
    _compare(
        subject, updates.pairs, Accumulator(subject).add(updates.pairs).result(), str(updates)
    )


def check_running_value(subject: Subject, updates: Updates) -> None:
    """LA103: the result after each update is the mean so far."""
    accumulator = Accumulator(subject)
    for number, (value, weight) in enumerate(updates.pairs, 1):
        accumulator.update(value, weight)
        about = f"{updates}\nread after each update, here after {number} of {len(updates.pairs)}"
        _compare(subject, updates.pairs[:number], accumulator.result(), about)


def check_reset(subject: Subject, updates: Updates) -> None:
    """LA111: after reset it is as a new one."""
    new, used = Accumulator(subject).add(updates.pairs), Accumulator(subject)
    used.add((3 * value, weight) for value, weight in updates.pairs).result()
    used.reset()
    about = f"{updates}\nadded to a new one, and after others, three times as large, and a reset"
    _same(
        about,
        new.result(),
        used.add(updates.pairs).result(),
        ("new", "after reset"),
        "state-not-reset",
    )


def check_reading(subject: Subject, updates: Updates) -> None:
    """LA112: reading twice gives the same, and reading on the way changes nothing in the end."""
    often, once = Accumulator(subject), Accumulator(subject)
    for pair in updates.pairs:
        first, second = often.add([pair]).result(), often.result()
        _same(
            f"{updates}\nread twice in a row", first, second, ("the first time", "the second time")
        )
    once.add(updates.pairs)
    _same(
        str(updates),
        often.result(),
        once.result(),
        ("read after each update", "read once at the end"),
    )


def check_order(subject: Subject, updates: Updates) -> None:
    """LA113: the reversed updates give the same as far as rounding goes."""
    forth = Accumulator(subject).add(updates.pairs).result()
    back = Accumulator(subject).add(reversed(updates.pairs)).result()
    bound = 2 * _bound(subject, updates.pairs)
    _near(str(updates), forth, back, ("in this order", "in reversed order"), bound)


def check_merge(subject: Subject, updates: Updates) -> None:
    """LA114: merged parts are the whole, also with an empty one, and what is merged stays as it
    is.
    """
    whole, bound = (
        Accumulator(subject).add(updates.pairs).result(),
        2 * _bound(subject, updates.pairs),
    )
    for cut in sorted({0, len(updates.pairs) // 2, len(updates.pairs)}):
        first, second = (
            Accumulator(subject).add(part) for part in (updates.pairs[:cut], updates.pairs[cut:])
        )
        before = second.result() if updates.pairs[cut:] else None
        about = f"{updates}\nmerged from the first {cut} and the other {len(updates.pairs) - cut}"
        _near(about, whole, first.merged(second).result(), ("as a whole", "merged"), bound)
        if before is not None:
            _same(
                about,
                before,
                second.result(),
                ("the second before it was merged", "after it was merged"),
            )


def check_weights(subject: Subject, updates: Updates) -> None:
    """LA115: a weight of n counts as n updates, and one of 0 not at all."""
    weighted = Accumulator(subject).add(updates.pairs).result()
    bound = 2 * _bound(subject, updates.pairs)
    single = (
        Accumulator(subject)
        .add((value, 1) for value, weight in updates.pairs for _ in range(weight))
        .result()
    )
    _near(str(updates), weighted, single, ("by weight", "as so many updates of weight 1"), bound)
    more = Accumulator(subject).add([*updates.pairs, (1000.0, 0)]).result()
    _near(str(updates), weighted, more, ("by weight", "and another update, of weight 0"), bound)


def check_instances(subject: Subject, updates: Updates) -> None:
    """LA116: what one is given, another does not hold."""
    alone = Accumulator(subject).add(updates.pairs).result()
    first, second = Accumulator(subject), Accumulator(subject)
    for value, weight in updates.pairs:
        first.update(value, weight)
        second.update(value + 1000, weight)
    about = f"{updates}\ngiven to one, while a second one was given other values"
    _same(
        about, alone, first.result(), ("alone", "beside the second"), "state-shared-by-instances"
    )


def check_state(subject: Subject, updates: Updates) -> None:
    """LA117: saved and restored, it goes on as if nothing had happened."""
    cut = len(updates.pairs) // 2
    through = Accumulator(subject).add(updates.pairs[:cut])
    saved = through.saved()
    through.add(updates.pairs[cut:])
    resumed = saved().add(updates.pairs[cut:])
    about = f"{updates}\nsaved after {cut} updates"
    _same(
        about,
        through.result(),
        resumed.result(),
        ("without interruption", "saved, restored, and gone on"),
    )


def check_nan(subject: Subject, updates: Updates) -> None:
    """LA303: what is not finite is propagated, ignored or refused, as the accumulator says."""
    accumulator = Accumulator(subject)
    finite: Pairs = []
    for value, weight in updates.pairs:
        refused = _refused(accumulator, value, weight)
        if refused != (subject.nan == "raise" and not math.isfinite(value)):
            done = "refused" if refused else "took"
            raise Violation(f"{updates}\nnan={subject.nan!r}, but the update {done} {value}")
        finite += [(value, weight)] if math.isfinite(value) else []
    if subject.nan != "propagate":
        if finite:
            _compare(subject, finite, accumulator.result(), f"{updates}\nnan={subject.nan!r}")
        return
    expected = float(np.sum([value for value, _ in updates.pairs if not math.isfinite(value)]))
    _same(
        f"{updates}\nnan='propagate'",
        expected,
        accumulator.result(),
        ("as IEEE 754 says", "the result"),
    )


def check_long_run(subject: Subject) -> None:
    """LA302: after many updates the result is as near to the exact one as after few."""
    values = [float(np.float32(value)) for value in LONG_RUN_VALUES]
    few, rounds = [(value, 32) for value in values], LONG_RUN // len(values)
    observed = Accumulator(subject).add_many(values * rounds, 32).result()
    exact = _exact(subject, few) * (rounds if _held(subject) == "sum" else 1)
    bound = steady_bound(float(exact), subject.dtype)
    if _is_near(observed, exact, bound):
        return
    about = f"{LONG_RUN} updates with {' and '.join(map(str, LONG_RUN_VALUES))} in turn, each of weight 32"
    said = _two(about, float(exact), observed, ("exact", "the result"), bound)
    short = Accumulator(subject).add(few).result()
    if not _is_near(short, _exact(subject, few), _bound(subject, few)):
        raise Violation(
            f"{said}\nIt is {short!r} after the first {len(few)} already, and so does not drift."
        )
    advice = "Each addition to a sum that has grown large loses digits; add in float64, or use"
    raise Violation(
        f"{said}\n{advice} `lossaudit.keras.CompensatedMean`.", "float32-sum-stands-still"
    )


def _refused(accumulator: Accumulator, value: float, weight: int) -> bool:
    try:
        accumulator.update(value, weight)
    except (ValueError, ArithmeticError):
        return True
    return False


@cache
def _held(subject: Subject) -> Held:
    return subject.holds or ("weighted_mean" if Accumulator(subject).takes_weight else "mean")


def _exact(subject: Subject, pairs: Iterable[tuple[float, float]]) -> Fraction:
    reference = _REFERENCES[_held(subject)]()
    for value, weight in pairs:
        reference.update_state(value, weight)
    return reference.fraction()


def _bound(subject: Subject, pairs: Pairs) -> float:
    values = np.array([value for value, _ in pairs])
    terms = sum(weight for _, weight in pairs)
    held = values * terms if _held(subject) == "sum" else values
    return updating_bound(held, max(terms, len(pairs)), subject.dtype)


def _is_near(observed: float, exact: Fraction, bound: float) -> bool:
    return math.isfinite(observed) and abs(Fraction(observed) - exact) <= bound


def _compare(subject: Subject, pairs: Pairs, observed: float, about: str) -> None:
    """Refuse a result that rounding cannot explain, and say what it is instead."""
    exact, bound = _exact(subject, pairs), _bound(subject, pairs)
    if _is_near(observed, exact, bound):
        return
    said = _two(about, float(exact), observed, (_SAID[_held(subject)], "the result"), bound)
    raise Violation(said, partial(_cause, subject, pairs, observed))


def _cause(subject: Subject, pairs: Pairs, observed: float) -> str | None:
    """The mistake that gives this number for the mean of one epoch."""
    if _held(subject) != "weighted_mean":
        return None
    values, weights = zip(*pairs, strict=True)
    truth = Updates(values, weights).recording
    found = diagnose(truth, Series([observed], covers="epoch"))
    return found.causes[0] if found.causes else (found.quantity and f"it is the {found.quantity}")


def _same(
    about: str, first: float, second: float, names: tuple[str, str], cause: str | None = None
) -> None:
    if first != second and not (math.isnan(first) and math.isnan(second)):
        raise Violation(_two(about, first, second, names), cause)


def _near(about: str, first: float, second: float, names: tuple[str, str], bound: float) -> None:
    if not abs(first - second) <= bound:
        raise Violation(_two(about, first, second, names, bound))


def _two(
    about: str, first: float, second: float, names: tuple[str, str], bound: float | None = None
) -> str:
    width = max(map(len, names))
    lines = [
        about,
        *(
            f"  {name:<{width}}  {value!r}"
            for name, value in zip(names, (first, second), strict=True)
        ),
    ]
    if bound is not None:
        lines.append(f"  {'apart':<{width}}  {abs(first - second):.3g} (bound {bound:.2g})")
    return "\n".join(lines)


def _lacks_weight(subject: Subject) -> str | None:
    if subject.holds == "mean":
        return "a mean of its updates counts all alike"
    return None if Accumulator(subject).takes_weight else f"{subject.update} takes no weight"


def _lacks(method: str, subject: Subject) -> str | None:
    name = getattr(subject, method)
    return None if Accumulator(subject).has(name) else f"it has no {name}"


def _lacks_state(subject: Subject) -> str | None:
    try:
        Accumulator(subject).saved()
    except Exception as error:  # pickle raises whatever the object does
        return (
            f"it has no methods to save its state, and pickle says {type(error).__name__}: {error}"
        )
    return None


def _updates(**options: Any) -> SearchStrategy[Updates]:
    from lossaudit.testing.strategies import batches

    return batches(**options)


_few = partial(_updates, most=6, largest=8)
_five = partial(Check.by, examples=5)
ACCUMULATOR_CHECKS = (
    Check.by(EPOCH, "holds_the_reference_value", check_reference_value, _updates, examples=8),
    _five(SO_FAR, "is_right_after_each_update", check_running_value, _few),
    _five(
        aggregation.RESET, "forgets_on_reset", check_reset, _few, lacks=partial(_lacks, "reset")
    ),
    _five(aggregation.READING, "is_not_changed_by_reading", check_reading, _few),
    _five(aggregation.ORDER, "does_not_depend_on_order", check_order, _few),
    _five(
        aggregation.MERGE, "merges_to_the_whole", check_merge, _few, lacks=partial(_lacks, "merge")
    ),
    _five(
        aggregation.WEIGHTS,
        "counts_weights",
        check_weights,
        partial(_updates, most=4, largest=4),
        lacks=_lacks_weight,
    ),
    _five(aggregation.INSTANCES, "shares_nothing", check_instances, _few),
    _five(aggregation.STATE, "survives_saving", check_state, _few, lacks=_lacks_state),
    _five(FINITE, "keeps_its_word_on_nan", check_nan, partial(_updates, finite=False, most=6)),
    Check.by(DIGITS, "does_not_drift", check_long_run, None),
)
