"""The laws of an accumulator: reference values, reset, order, merging, saving, NaN, long runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from fractions import Fraction
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from lossaudit.arithmetic.accumulators import SumCount, WeightedMean
from lossaudit.arithmetic.bounds import steady_bound, updating_bound
from lossaudit.arithmetic.exact import ExactSum
from lossaudit.auditing.audits import diagnose
from lossaudit.predictions.mistakes import MISTAKES, Mistake, noticed
from lossaudit.recording.series import Series
from lossaudit.rules import aggregation
from lossaudit.rules.aggregation import EPOCH, SO_FAR
from lossaudit.rules.numbers import DIGITS, FINITE
from lossaudit.testing.schedules import Updates
from lossaudit.testing.suites.adapter import Accumulator
from lossaudit.testing.suites.subject import Check, Reduction, Subject
from lossaudit.testing.suites.violation import Violation

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Pairs = list[tuple[float, int]]

LONG_RUN, LONG_RUN_VALUES = 10_000, (0.1, 0.7)
"""Updates after which a plain float32 sum is off by hundreds of units in the last place."""

_REFERENCES: dict[Reduction, Callable[[], WeightedMean | SumCount | ExactSum]] = {
    "weighted_mean": WeightedMean,
    "mean": SumCount,
    "sum": ExactSum,
}
_REFERENCE_NAMES: dict[Reduction, str] = {
    "weighted_mean": "the mean weighted by rows",
    "mean": "the mean of the updates",
    "sum": "the sum weighted by rows",
}
_NOT_RESET = replace(
    MISTAKES["state-not-reset"], remedy="Clear the whole state in the reset method: sum and count."
)


def check_reference_value(subject: Subject, updates: Updates) -> None:
    """LA101: the result is the mean of the values, weighted by their weights."""
    result = Accumulator(subject).add(updates.pairs).result()
    _require_reference(subject, updates.pairs, result, str(updates))


def check_running_value(subject: Subject, updates: Updates) -> None:
    """LA103: the result after each update is the mean so far."""
    accumulator = Accumulator(subject)
    for number, (value, weight) in enumerate(updates.pairs, 1):
        accumulator.update(value, weight)
        about = (
            f"{updates}\nread after each update; this is update {number} of {len(updates.pairs)}"
        )
        _require_reference(subject, updates.pairs[:number], accumulator.result(), about)


def check_reset(subject: Subject, updates: Updates) -> None:
    """LA111: after a reset an accumulator behaves like a new one."""
    new, used = Accumulator(subject).add(updates.pairs), Accumulator(subject)
    # Other values than those that follow, so that whatever a reset leaves behind shows.
    used.add((3 * value, weight) for value, weight in updates.pairs).result()
    used.reset()
    results = new.result(), used.add(updates.pairs).result()
    about = f"{updates}\nadded to a new accumulator, and to one that was reset after other updates"
    _require_equal(about, *results, ("new", "after reset"), _NOT_RESET)


def check_reading(subject: Subject, updates: Updates) -> None:
    """LA112: two readings are equal, and readings in between do not change the final result."""
    often, once = Accumulator(subject), Accumulator(subject)
    for pair in updates.pairs:
        first, second = often.add([pair]).result(), often.result()
        about = f"{updates}\nread twice in a row"
        _require_equal(about, first, second, ("first reading", "second reading"))
    once.add(updates.pairs)
    names = ("read after each update", "read once at the end")
    _require_equal(str(updates), often.result(), once.result(), names)


def check_order(subject: Subject, updates: Updates) -> None:
    """LA113: the reversed updates give the same result within rounding."""
    forth = Accumulator(subject).add(updates.pairs).result()
    back = Accumulator(subject).add(reversed(updates.pairs)).result()
    # Twice the bound, because both results may be off, in opposite directions.
    bound = 2 * _bound(subject, updates.pairs)
    _require_near(str(updates), forth, back, ("in this order", "in reversed order"), bound)


def check_merge(subject: Subject, updates: Updates) -> None:
    """LA114: merged parts give the result of the whole, and merging leaves the second unchanged.

    One of the parts may be empty.
    """
    pairs, bound = updates.pairs, 2 * _bound(subject, updates.pairs)
    whole = Accumulator(subject).add(pairs).result()
    # 0 and all: distributed training merges replicas that had no batch.
    for cut in sorted({0, len(pairs) // 2, len(pairs)}):
        first, second = (Accumulator(subject).add(part) for part in (pairs[:cut], pairs[cut:]))
        # The result of an empty accumulator may be undefined.
        before = second.result() if pairs[cut:] else None
        about = f"{updates}\nthe first {cut} and the last {len(pairs) - cut} updates merged"
        _require_near(about, whole, first.merged(second).result(), ("in one", "merged"), bound)
        if before is not None:
            names = ("second before merging", "second after merging")
            _require_equal(about, before, second.result(), names)


def check_weights(subject: Subject, updates: Updates) -> None:
    """LA115: an update of weight n counts as n updates, and one of weight 0 does not count."""
    weighted = Accumulator(subject).add(updates.pairs).result()
    bound = 2 * _bound(subject, updates.pairs)
    single = (
        Accumulator(subject)
        .add((value, 1) for value, weight in updates.pairs for _ in range(weight))
        .result()
    )
    _require_near(str(updates), weighted, single, ("weighted", "repeated with weight 1"), bound)
    more = Accumulator(subject).add([*updates.pairs, (1000.0, 0)]).result()
    _require_near(str(updates), weighted, more, ("weighted", "with an update of weight 0"), bound)


def check_instances(subject: Subject, updates: Updates) -> None:
    """LA116: an update of one accumulator does not change another one."""
    alone = Accumulator(subject).add(updates.pairs).result()
    first, second = Accumulator(subject), Accumulator(subject)
    for value, weight in updates.pairs:
        first.update(value, weight)
        # So far from the first values that shared state shows beyond any rounding.
        second.update(value + 1000, weight)
    about = f"{updates}\nadded to one accumulator, while a second one received other values"
    names = ("alone", "with a second one")
    _require_equal(about, alone, first.result(), names, noticed.STATE_SHARED_BY_INSTANCES)


def check_state(subject: Subject, updates: Updates) -> None:
    """LA117: a saved and restored accumulator continues as if it had not been interrupted."""
    cut = len(updates.pairs) // 2
    through = Accumulator(subject).add(updates.pairs[:cut])
    saved = through.saved()
    # The original goes on first: a saved state that shares its arrays changes with it.
    through.add(updates.pairs[cut:])
    resumed = saved().add(updates.pairs[cut:])
    about = f"{updates}\nsaved after {cut} updates"
    names = ("not interrupted", "saved and restored")
    _require_equal(about, through.result(), resumed.result(), names)


def check_nan(subject: Subject, updates: Updates) -> None:
    """LA303: NaN and infinities are propagated, ignored or refused, as the accumulator claims."""
    accumulator = Accumulator(subject)
    finite: Pairs = []
    for value, weight in updates.pairs:
        refused = _refused(accumulator, value, weight)
        if refused != (subject.nan == "raise" and not math.isfinite(value)):
            done = "refused" if refused else "accepted"
            raise Violation(f"{updates}\nnan={subject.nan!r}, but the update {done} {value}")
        finite += [(value, weight)] if math.isfinite(value) else []
    about = f"{updates}\nnan={subject.nan!r}"
    if subject.nan != "propagate":
        if finite:
            _require_reference(subject, finite, accumulator.result(), about)
        return
    # Finite terms do not change a sum that has a NaN or an infinity.
    expected = float(np.sum([value for value, _ in updates.pairs if not math.isfinite(value)]))
    _require_equal(about, expected, accumulator.result(), ("by IEEE 754", "the result"))


def check_long_run(subject: Subject) -> None:
    """LA302: after many updates the result is as close to the exact one as after few."""
    values = [float(np.float32(value)) for value in LONG_RUN_VALUES]
    few, rounds = [(value, 32) for value in values], LONG_RUN // len(values)
    observed = Accumulator(subject).add_many(values * rounds, 32).result()
    exact = _exact(subject, few) * (rounds if _reduction(subject) == "sum" else 1)
    bound = steady_bound(float(exact), subject.dtype)
    if _is_near(observed, exact, bound):
        return
    about = f"{LONG_RUN} updates of weight 32, {' and '.join(map(str, LONG_RUN_VALUES))} in turn"
    message = _side_by_side(about, float(exact), observed, ("exact", "the result"), bound)
    # A result that is wrong from the beginning has another cause than drift.
    short = Accumulator(subject).add(few).result()
    if not _is_near(short, _exact(subject, few), _bound(subject, few)):
        raise Violation(
            f"{message}\nIt is {short!r} after the first {len(few)} updates: this is not drift."
        )
    raise Violation.by(noticed.ACCUMULATOR_DRIFTED, message)


def _refused(accumulator: Accumulator, value: float, weight: int) -> bool:
    try:
        accumulator.update(value, weight)
    # Any other exception is a fault of the accumulator, and no refusal of a number.
    except (ValueError, ArithmeticError):
        return True
    return False


@cache
def _reduction(subject: Subject) -> Reduction:
    return subject.holds or ("weighted_mean" if Accumulator(subject).takes_weight else "mean")


def _exact(subject: Subject, pairs: Iterable[tuple[float, float]]) -> Fraction:
    reference = _REFERENCES[_reduction(subject)]()
    for value, weight in pairs:
        reference.update_state(value, weight)
    return reference.fraction()


def _bound(subject: Subject, pairs: Pairs) -> float:
    values = np.array([value for value, _ in pairs])
    terms = sum(weight for _, weight in pairs)
    # A sum may be as large as all its terms together; a mean is not larger than its values.
    magnitudes = values * terms if _reduction(subject) == "sum" else values
    return updating_bound(magnitudes, max(terms, len(pairs)), subject.dtype)


def _is_near(observed: float, exact: Fraction, bound: float) -> bool:
    return math.isfinite(observed) and abs(Fraction(observed) - exact) <= bound


def _require_reference(subject: Subject, pairs: Pairs, observed: float, about: str) -> None:
    """Raise a violation if rounding cannot explain the difference from the reference value."""
    exact, bound = _exact(subject, pairs), _bound(subject, pairs)
    if _is_near(observed, exact, bound):
        return
    names = (_REFERENCE_NAMES[_reduction(subject)], "the result")
    message = _side_by_side(about, float(exact), observed, names, bound)
    raise Violation(message, partial(_causes, subject, pairs, observed))


def _causes(subject: Subject, pairs: Pairs, observed: float) -> tuple[str, ...]:
    """The simplest mistake that gives this number instead of the mean of one epoch."""
    if _reduction(subject) != "weighted_mean":
        return ()
    values, weights = zip(*pairs, strict=True)
    truth = Updates(values, weights).recording
    return diagnose(truth, Series([observed], covers="epoch")).causes[:1]


def _require_equal(
    about: str,
    first: float,
    second: float,
    names: tuple[str, str],
    mistake: Mistake | None = None,
) -> None:
    if first != second and not (math.isnan(first) and math.isnan(second)):
        message = _side_by_side(about, first, second, names)
        raise Violation.by(mistake, message) if mistake else Violation(message)


def _require_near(
    about: str, first: float, second: float, names: tuple[str, str], bound: float
) -> None:
    # Negated, because every comparison with NaN is false.
    if not abs(first - second) <= bound:
        raise Violation(_side_by_side(about, first, second, names, bound))


def _side_by_side(
    about: str, first: float, second: float, names: tuple[str, str], bound: float | None = None
) -> str:
    width = max(map(len, (*names, "difference")))
    numbers = zip(names, (first, second), strict=True)
    lines = [about, *(f"  {name:<{width}}  {value!r}" for name, value in numbers)]
    if bound is not None:
        lines.append(f"  {'difference':<{width}}  {abs(first - second):.3g} (bound {bound:.2g})")
    return "\n".join(lines)


def _lacks_weight(subject: Subject) -> str | None:
    if subject.holds == "mean":
        return "a mean of updates ignores weights"
    return None if Accumulator(subject).takes_weight else f"{subject.update} takes no weight"


def _lacks(method: str, subject: Subject) -> str | None:
    name = getattr(subject, method)
    return None if Accumulator(subject).has(name) else f"it has no {name}"


def _lacks_state(subject: Subject) -> str | None:
    try:
        Accumulator(subject).saved()
    # pickle passes on any error that the object raises.
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        return f"it has no methods that save its state, and pickle raised {reason}"
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
    _five(FINITE, "treats_nan_as_claimed", check_nan, partial(_updates, finite=False, most=6)),
    Check.by(DIGITS, "does_not_drift", check_long_run, None),
)
