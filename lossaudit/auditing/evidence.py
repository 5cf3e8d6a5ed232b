"""The evidence of a claim: what a plot shows, on the axis of the truth."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from lossaudit.arithmetic.arrays import Ints
from lossaudit.arithmetic.bounds import decimals_bound
from lossaudit.auditing.alignment import NOWHERE, in_place
from lossaudit.auditing.comparison import Comparison
from lossaudit.auditing.explanation import Explanation
from lossaudit.predictions.prediction import GRADES, Prediction
from lossaudit.predictions.truth import Batches
from lossaudit.recording.names import Covers
from lossaudit.recording.series import Series
from lossaudit.report.curves import Band, Curve, EpochRows, Evidence, Unit

_EPOCHS = 200
"""The most epochs for which a plot shows numbers or borders."""


def beside_truth(compared: Comparison, explanation: Explanation | None) -> Evidence:
    """Return the claim with the true batch losses, the expected and the predicted numbers."""
    claim, covers, expected = compared.claim, compared.covers, compared.expected
    batches = compared.truth.batches
    axis, unit = _axis(batches)
    places = axis[batches.ends] if covers == "epoch" else axis
    own = next(in_place(claim, expected), None) if expected is not None else None
    # The log's own places come first, so that the plot shows where the numbers were logged.
    if explanation is not None and (own is None or not own.placed.all()):
        own = explanation.alignment
    rows = _in_order(len(claim), len(places)) if own is None else own.rows
    placed = rows != NOWHERE
    evidence = Evidence(
        claim.name,
        unit,
        Curve.of(places[rows[placed]], claim.values[placed]),
        true=Curve.of(axis, batches.values),
        unplaced=int(np.sum(~placed)),
        **_epochs(batches, axis),
    )
    if expected is None:
        return evidence
    if explanation is None and own is not None:
        explanation = Explanation(own, expected)
    shown = _expectation(claim, covers, expected, places)
    shown |= {} if explanation is None else _predicted_numbers(claim, explanation, places, rows)
    is_right = explanation is not None and not explanation.names
    # Which program printed wrong numbers tells nothing: bits are compared for right numbers only.
    shown_as = expected if is_right else replace(expected, replays=())
    shown |= (
        {"rows": _table(claim, shown_as, rows)} if covers == "epoch" and own is not None else {}
    )
    return replace(evidence, **shown)


def place_of(batches: Batches, epoch: int, step: int) -> float:
    """Return the place of a number in the plot, by the epoch and step of its last batch."""
    axis, _ = _axis(batches)
    # After a resume an epoch occurs twice: the last session counts, as in `group_of`.
    return float(axis[np.flatnonzero((batches.epochs == epoch) & (batches.steps == step))[-1]])


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


def _table(claim: Series, expected: Prediction, rows: Ints) -> EpochRows:
    """The epochs one by one, if they have a number."""
    placed = rows != NOWHERE
    there, logged = expected.take(rows[placed]), claim.values[placed]
    verdicts = np.array(GRADES)[there.grade(logged, claim.decimals)]
    return EpochRows.of(
        there.epochs,
        logged,
        there.values,
        there.bounds + decimals_bound(claim.decimals),
        verdicts,
    )
