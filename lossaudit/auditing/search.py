"""Search: the explanations of a claim with the fewest mistakes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from lossaudit.arithmetic.arrays import Floats
from lossaudit.auditing.alignment import Alignment, in_place, moved
from lossaudit.auditing.combinations import Combination, alone, combined, repeated
from lossaudit.auditing.comparison import Comparison
from lossaudit.auditing.explanation import Explanation
from lossaudit.auditing.significance import is_significant
from lossaudit.predictions.mistakes.mistake import Mistake
from lossaudit.predictions.prediction import GRADES, Prediction
from lossaudit.predictions.quantities import PER
from lossaudit.predictions.truth import Truth
from lossaudit.report.verdict import Verdict

_MOST = 4096
"""Batches that refute most wrong explanations of a batch log; only the rest is tried on all."""


def explanations(compared: Comparison) -> tuple[Explanation, ...]:
    """Return the explanations of all numbers with the fewest mistakes.

    Several explanations cannot be told apart on this data. At least one of them is significant;
    others that fit with no more parameters are listed with it. A parameter that is computed from
    the log counts as a mistake.
    """
    if compared.expected is None or not compared.count:
        return ()
    simplest: list[Explanation] = []
    for found in _by_count(compared, compared.expected):
        significant = [
            one
            for one in found
            if not (simplest and one.parameters)
            and _is_significant(compared, one, compared.expected)
        ]
        fewest = min((one.parameters for one in significant), default=-1)
        simplest += [one for one in found if one in significant or one.parameters <= fewest]
        # A parameter counts as a mistake, so one mistake more without any may be as simple.
        if any(not one.parameters for one in simplest):
            break
    return _one_of_each(simplest)


def lookalikes(compared: Comparison, right: Explanation) -> tuple[Mistake, ...]:
    """Return mistakes that this log is too coarse to tell from the right numbers."""
    if compared.expected is None:
        return ()
    look = _with_mistakes(compared, right.alignment, compared.expected, 1, plain=True)
    found = [
        one
        for one in look
        if one.prediction.differs_from(compared.expected).any() and _is_likely(compared, one)
    ]
    return tuple(one.mistakes[0] for one in _one_of_each(found))


def _by_count(compared: Comparison, expected: Prediction) -> Iterator[list[Explanation]]:
    """Yield the explanations with no mistake, with one, and with two.

    A mistake in the numbers comes before one that moved them.
    """
    placed = list(in_place(compared.claim, expected))
    yield [Explanation(one, expected) for one in placed if compared.fits(expected, one)]
    # Yielded after the others, because regular gaps and shifts fit many logs.
    elsewhere = list(moved(compared.claim, expected))
    single = [found for one in placed for found in _with_mistakes(compared, one, expected, 1)]
    yield single + [
        Explanation(one, expected) for one in elsewhere if compared.fits(expected, one)
    ]
    # Last, because the pairs are the square of the mistakes: most audits never come here.
    pairs = [(one, 2) for one in placed] + [(one, 1) for one in elsewhere]
    yield [
        found for one, count in pairs for found in _with_mistakes(compared, one, expected, count)
    ]


def _with_mistakes(
    compared: Comparison,
    alignment: Alignment,
    expected: Prediction,
    count: int,
    plain: bool = False,
) -> Iterator[Explanation]:
    """Yield the explanations with `count` mistakes; `plain` leaves out parameters."""
    if alignment.mistake is None and not np.all(alignment.placed):
        return
    logged, known = compared.in_order_of(expected, alignment)
    for mistakes, prediction in _candidates(compared, logged, known, count, plain):
        # A log that says, for example, how far it was rounded is not mistaken for what it says.
        if any(
            one.declared_by and getattr(compared.claim, one.declared_by) is not None
            for one in mistakes
        ):
            continue
        if compared.fits(prediction, alignment):
            yield Explanation(alignment, prediction, mistakes)


def _candidates(
    compared: Comparison, logged: Floats, known: NDArray[np.bool_], count: int, plain: bool
) -> Iterable[Combination]:
    """Yield what `count` mistakes would have logged.

    Mistakes that the first epochs refute are not computed for all of them, because that takes most
    of the time of an audit.
    """
    truth, covers = compared.truth, compared.covers
    # The first head may end within an epoch; the second has three whole ones, which show resets.
    few, more = (_head(compared, most) for most in (_MOST, len(truth.batches)))
    rows = _rows(compared, few)
    if rows == len(logged) or not known[:rows].any():
        return combined(truth, covers, logged, count, plain)
    likely = _fitting(
        compared, few, combined(few, covers, logged[:rows], count, plain), logged, known
    )
    # What predicts nothing for the head may predict something for the whole run.
    tried = {**dict.fromkeys(alone(covers, plain) if count == 1 else (), True), **likely}
    left = [mistakes for mistakes, fits in tried.items() if fits]
    if rows < _rows(compared, more) < len(logged):
        begun = logged[: _rows(compared, more)]
        again = _fitting(compared, more, _all_repeated(compared, more, begun, left), logged, known)
        left = [mistakes for mistakes in left if again.get(mistakes, True)]
    return _all_repeated(compared, truth, logged, left)


def _head(compared: Comparison, most: int) -> Truth:
    truth = compared.truth
    return truth.head(most if PER[compared.covers] == "batch" else len(truth.batches))


def _rows(compared: Comparison, truth: Truth) -> int:
    return len(truth.batches) if PER[compared.covers] == "batch" else len(truth.batches.ends)


def _fitting(
    compared: Comparison,
    head: Truth,
    found: Iterable[Combination],
    logged: Floats,
    known: NDArray[np.bool_],
) -> dict[tuple[Mistake, ...], bool]:
    """Whether each combination of mistakes has a prediction that fits the first numbers."""
    there = known[: _rows(compared, head)]
    begun, fits = logged[: len(there)][there], dict[tuple[Mistake, ...], bool]()
    for mistakes, one in found:
        fits[mistakes] = fits.get(mistakes, False) or bool(
            one.take(there).matches(begun, compared.claim.decimals).all()
        )
    return fits


def _all_repeated(
    compared: Comparison, truth: Truth, logged: Floats, left: Iterable[tuple[Mistake, ...]]
) -> Iterator[Combination]:
    return chain.from_iterable(
        repeated(truth, compared.covers, logged, mistakes) for mistakes in left
    )


def _is_significant(compared: Comparison, one: Explanation, expected: Prediction) -> bool:
    """Whether the numbers show that the mistakes were made, not only that they may be."""
    _, observed, predicted = compared.aligned(one.prediction, one.alignment)
    right = compared.aligned(expected, one.alignment)[2]
    return is_significant(one.mistakes, predicted, right, observed, compared.claim.decimals)


def _is_likely(compared: Comparison, one: Explanation) -> bool:
    """Whether rounding is likely to turn the predicted numbers into the logged ones."""
    _, observed, predicted = compared.aligned(one.prediction, one.alignment)
    return GRADES[predicted.grade(observed, compared.claim.decimals).max()] in (
        Verdict.EXACT,
        Verdict.CONSISTENT,
    )


def _one_of_each(found: Iterable[Explanation]) -> tuple[Explanation, ...]:
    """The first explanation of each combination of mistakes.

    Those without a parameter come first.
    """
    first: dict[tuple[str, ...], Explanation] = {}
    for one in found:
        first.setdefault(one.names, one)
    return tuple(sorted(first.values(), key=lambda one: one.parameters))
