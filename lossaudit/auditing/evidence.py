"""The evidence of a claim: what a plot shows, on the axis of the truth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossaudit.arithmetic.arrays import Ints
from lossaudit.arithmetic.bounds import decimals_bound
from lossaudit.auditing.alignment import NOWHERE, Alignment, in_place
from lossaudit.auditing.comparison import Comparison
from lossaudit.auditing.explanation import Explanation
from lossaudit.predictions.prediction import GRADES, Prediction
from lossaudit.predictions.truth import Batches
from lossaudit.recording.names import Covers
from lossaudit.recording.series import Series
from lossaudit.report.curves import Band, Curve, EpochRows, Evidence, Unit

_EPOCHS = 200
"""The most epochs for which a plot shows numbers or borders."""


@dataclass(frozen=True, eq=False)
class Drawing:
    """What draws a claim next to the truth when a plot is asked for.

    It keeps the numbers that a plot needs, and nothing that was cached to find them: a report
    lives longer than its audit.

    Args:
        claim: the logged numbers.
        covers: what each of them promises to cover.
        batches: the true batch losses.
        expected: the expected numbers; None where the truth does not suffice to compute them.
        explanation: the explanation of the logged numbers; None where nothing explains them.
        verdicts: the verdict on each number that has a place, for a claim about epochs.
        marked: epoch and step of the number that a finding is about.
    """

    claim: Series
    covers: Covers
    batches: Batches
    expected: Prediction | None
    explanation: Explanation | None
    verdicts: NDArray[np.str_]
    marked: tuple[int, int] | None = None

    @classmethod
    def of(cls, compared: Comparison, explanation: Explanation | None) -> Drawing:
        """The drawing of a claim with the explanation of its numbers."""
        expected = compared.expected
        if explanation is not None:
            bare = explanation.prediction.without_replays()
            explanation = replace(explanation, prediction=bare)
        return cls(
            compared.claim,
            compared.covers,
            # A copy has a cache of its own, which is empty.
            replace(compared.truth.batches),
            None if expected is None else expected.without_replays(),
            explanation,
            _verdicts(compared, explanation),
        )

    def __call__(self) -> Evidence:
        """Compute the evidence."""
        # NaN and infinities are data here, and this runs long after the audit.
        with np.errstate(all="ignore"):
            evidence = self._evidence()
            if self.marked is not None:
                evidence = replace(evidence, marked=_place_of(self.batches, *self.marked))
            return evidence

    def _evidence(self) -> Evidence:
        claim, expected, explanation = self.claim, self.expected, self.explanation
        axis, unit = _axis(self.batches)
        places = axis[self.batches.ends] if self.covers == "epoch" else axis
        own = _own_places(claim, expected, explanation)
        rows = _in_order(len(claim), len(places)) if own is None else own.rows
        placed = rows != NOWHERE
        evidence = Evidence(
            claim.name,
            unit,
            Curve.of(places[rows[placed]], claim.values[placed]),
            true=Curve.of(axis, self.batches.values),
            unplaced=int(np.sum(~placed)),
            **_epochs(self.batches, axis),
        )
        if expected is None:
            return evidence
        if explanation is None and own is not None:
            explanation = Explanation(own, expected)
        shown = _expectation(claim, self.covers, expected, places)
        if explanation is not None:
            shown |= _predicted_numbers(claim, explanation, places, rows)
        if len(self.verdicts):
            shown["rows"] = _table(claim, expected, rows, self.verdicts)
        return replace(evidence, **shown)


def _own_places(
    claim: Series, expected: Prediction | None, explanation: Explanation | None
) -> Alignment | None:
    """The places of the log itself if they suffice; else those of the explanation."""
    own = next(in_place(claim, expected), None) if expected is not None else None
    # The log's own places come first, so that the plot shows where the numbers were logged.
    if explanation is not None and (own is None or not own.placed.all()):
        return explanation.alignment
    return own


def _verdicts(compared: Comparison, explanation: Explanation | None) -> NDArray[np.str_]:
    """The verdict on each number of a claim about epochs; empty for others."""
    claim, expected = compared.claim, compared.expected
    own = _own_places(claim, expected, explanation)
    if compared.covers != "epoch" or own is None or expected is None:
        return np.array([], dtype=str)
    rows = own.rows[own.placed]
    # Which program printed wrong numbers tells nothing: bits are compared for right numbers only.
    is_right = explanation is None or not explanation.names
    there = (expected if is_right else expected.without_replays()).take(rows)
    return np.array(GRADES)[there.grade(claim.values[own.placed], claim.decimals)]


def _place_of(batches: Batches, epoch: int, step: int) -> float:
    """The place of a number in the plot, by the epoch and step of its last batch."""
    axis, _ = _axis(batches)
    return float(axis[batches.row_of(epoch, step)])


def _axis(batches: Batches) -> tuple[Ints, Unit]:
    """The steps of the batches if they only rise; else the batches counted through."""
    # Steps that fall back after a resume would draw a line that runs backwards.
    if np.all(np.diff(batches.steps) > 0):
        return batches.steps, "step"
    return np.arange(len(batches)), "batch"


def _in_order(length: int, places: int) -> Ints:
    """One place after the other, for numbers without any place of their own."""
    rows = np.arange(length)
    rows[places:] = NOWHERE
    return rows


def _epochs(batches: Batches, axis: Ints) -> dict[str, Any]:
    """Where epochs start, and the middle of some of them."""
    n = len(batches.ends)
    # Rounded up, so that the plot never has more labels than that.
    some = np.arange(0, n, max(1, -(-n // _EPOCHS)))
    first, last = batches.starts[some], batches.ends[some]
    middles, numbers = (axis[first] + axis[last]) / 2, batches.epochs[first].astype(np.float64)
    return {
        "epochs": Curve(middles, numbers, n),
        "borders": axis[first].astype(np.float64) if n <= _EPOCHS else None,
    }


def _expectation(
    claim: Series, covers: Covers, expected: Prediction, places: Ints
) -> dict[str, Any]:
    """The expected numbers and the bound around them."""
    curve = None if covers == "batch" else Curve.of(places, expected.values)
    return {
        "expected": curve,
        "band": Band.of(places, expected.values, expected.bounds + decimals_bound(claim.decimals)),
    }


def _predicted_numbers(
    claim: Series, explanation: Explanation, places: Ints, rows: Ints
) -> dict[str, Any]:
    """The predicted numbers, their places, and the difference of the log."""
    belongs = explanation.alignment.rows
    used = (rows != NOWHERE) & (belongs != NOWHERE)
    here, there = places[rows[used]], explanation.prediction.take(belongs[used])
    rest = claim.values[used] - there.values
    return {
        "predicted": Curve.of(here, there.values) if explanation.names else None,
        "mistake": " and ".join(explanation.names),
        "rest": Curve.of(here, rest),
        "rest_band": Band.of(
            here, np.zeros(len(rest)), there.bounds + decimals_bound(claim.decimals)
        ),
    }


def _table(
    claim: Series, expected: Prediction, rows: Ints, verdicts: NDArray[np.str_]
) -> EpochRows:
    """The epochs one by one, if they have a number."""
    placed = rows != NOWHERE
    there, logged = expected.take(rows[placed]), claim.values[placed]
    bounds = there.bounds + decimals_bound(claim.decimals)
    return EpochRows.of(there.epochs, logged, there.values, bounds, verdicts)
