"""Defects: whether Keras itself logged the numbers of a claim."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lossaudit.auditing.assessment import Assessment
from lossaudit.auditing.claims import Claim
from lossaudit.auditing.messages import at_number, telling
from lossaudit.predictions.mistakes.mistake import MISTAKES, Mistake, of_stage
from lossaudit.predictions.prediction import Prediction
from lossaudit.recording import keys
from lossaudit.recording.names import Name
from lossaudit.recording.recording import Recording
from lossaudit.report.findings import Finding
from lossaudit.rules.aggregation import VALUE_RULES
from lossaudit.rules.callbacks import CAPTURED


def recognised(assessed: Assessment, recording: Recording, found: list[Finding]) -> list[Finding]:
    """Return the findings, or the one that names a defect of Keras with these numbers."""
    defects = recognised_defects(assessed)
    if not defects or assessed.expected is None:
        return found
    # Keras itself wrote a log of this name, so no mistake of a user can be its cause.
    is_own = Name(assessed.claim.origin or "").is_of_keras
    mistakes = (
        ()
        if is_own
        else tuple(dict.fromkeys(name for one in assessed.explanations for name in one.names))
    )
    at = int(
        np.flatnonzero(~assessed.expected.matches(assessed.claim.values, assessed.claim.decimals))[
            0
        ]
    )
    ways = [f"{one.explanation} {sightings(one, recording)}" for one in defects]
    ways += [f"A mistake gives the same numbers, {one}." for one in mistakes]
    more = [f"Or {one[0].lower()}{one[1:]}" for one in ways[1:]]
    more += ["Indistinguishable on this data.", telling(assessed)] if more else []
    return [
        at_number(
            VALUE_RULES[assessed.covers],
            assessed,
            assessed.expected,
            at,
            float(assessed.claim.values[at]),
            " ".join([ways[0], *more]),
            causes=(*(one.name for one in defects), *mistakes),
            remedy=defects[0].remedy,
        )
    ]


def nothing_averaged(recording: Recording, claim: Claim, found: Finding) -> Finding:
    """Return the finding, with its cause if all numbers are zeros of an unused tracker.

    The finding stays undecidable, because the true losses are unknown.
    """
    series, defect = claim.series, MISTAKES["untouched-tracker-shown-as-epoch"]
    is_missed = series.split in recording.metadata.get(keys.NOT_CAPTURED, {})
    is_own = Name(claim.origin).is_of_keras
    if (
        found.code != CAPTURED.code
        or not (is_missed and is_own and len(series))
        or np.any(series.values)
    ):
        return found
    message = f"{found.message} {defect.explanation} {sightings(defect, recording)}"
    return replace(found, message=message, causes=(defect.name,), **defect.cited())


def recognised_defects(assessed: Assessment) -> list[Mistake]:
    """Return the defects of Keras that give every number of a claim.

    If the version of Keras is known and has none of these defects, a mistake of the program goes
    first.
    """
    if (
        assessed.expected is None
        or not len(assessed.claim)
        or (assessed.right and not assessed.absent.any())
    ):
        return []
    version = str(assessed.truth.metadata.get(keys.KERAS, ""))
    broken = [one for one in of_stage("keras") if assessed.covers in one.covers]
    seen = [one for one in broken if version and one.was_seen_in(version)]
    is_coarse = assessed.claim.decimals is not None
    # Without the version that shows it, a defect is named only if nothing else explains the log.
    unseen = (
        []
        if assessed.best is not None or is_coarse
        else [one for one in broken if one not in seen]
    )
    return _matching(seen, assessed) or _matching(unseen, assessed)


def sightings(defect: Mistake, recording: Recording) -> str:
    """Say in which versions of Keras a defect was seen.

    >>> from lossaudit.predictions.mistakes import MISTAKES
    >>> sightings(MISTAKES["batches-counted-alike"], Recording([], metadata={"keras": "3.1.1"}))
    'Your Keras 3.1.1 does this (seen in Keras 3.0.0 to 3.1.1; keras-team/keras#19363).'
    """
    seen = "; ".join(
        [f"Keras {' to '.join(defect.seen or ())}", *filter(None, [", ".join(defect.threads)])]
    )
    version = recording.metadata.get(keys.KERAS)
    if version is None:
        return f"It was seen in {seen}."
    if defect.was_seen_in(str(version)):
        return f"Your Keras {version} does this (seen in {seen})."
    return f"It was seen in {seen}; yours is {version}."


def _matching(defects: list[Mistake], assessed: Assessment) -> list[Mistake]:
    """The defects with a prediction that fits."""
    values = assessed.claim.values
    return [
        one
        for one in defects
        if any(_holds(assessed, found) for found in one.predicted(assessed.truth, values))
    ]


def _holds(assessed: Assessment, prediction: Prediction) -> bool:
    """Whether the numbers are the predicted ones, one for each; NaN matches like any other."""
    claim, expected = assessed.claim, assessed.expected
    if expected is None or prediction.per != expected.per or len(prediction) != len(claim):
        return False
    by_epoch = prediction.per == "epoch"
    logged = claim.epochs if by_epoch else claim.steps
    if logged is not None and not np.array_equal(
        logged, prediction.epochs if by_epoch else prediction.steps
    ):
        return False
    return bool(prediction.matches(claim.values, claim.decimals).all())
