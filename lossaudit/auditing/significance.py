"""Significance: whether mistakes fit wrong numbers only by chance.

A number that is wrong by d is within b of another prediction with probability b / d, if it may be
anywhere as far from the right number as it is. So the expected number of predictions that fit all
numbers by chance is the number of predictions times the product of these probabilities. A
parameter that is computed from the log makes one number fit whatever it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lossaudit.arithmetic.arrays import Floats
from lossaudit.arithmetic.bounds import COINCIDENCE, decimals_bound
from lossaudit.predictions.mistakes.mistake import Mistake, of_stage
from lossaudit.predictions.prediction import Prediction

_ONE_IN_TWO = 0.5
"""Expected chance fits up to which a mistake without a parameter is named alone."""


def is_significant(
    mistakes: Sequence[Mistake],
    prediction: Prediction,
    expected: Prediction,
    observed: Floats,
    decimals: int | None,
) -> bool:
    """Return whether numbers show that mistakes were made, not only that they may be.

    Args:
        mistakes: the mistakes.
        prediction: the numbers they would have logged, one for each observed one, which it fits.
        expected: the right numbers, likewise.
        observed: the logged numbers, shape (m,).
        decimals: number of decimals to which the log was rounded; None where it was not.
    """
    made = [one for one in mistakes if one.stage != "number" or one.breaks != "precision"]
    # Numbers that all have few digits were rounded: no chance gives that.
    if not made:
        return True
    # Each parameter explains one number: the least likely ones are given away.
    chances = np.sort(_chances(prediction, expected, observed, decimals))
    parameters = sum(one.estimates for one in made)
    with np.errstate(divide="ignore"):
        # Logarithms, because the product underflows for long logs. The first term counts the
        # tries.
        by_chance = len(made) * np.log(len(of_stage("batches", "mean", "number"))) + float(
            np.sum(np.log(chances[parameters:]))
        )
    is_plain = len(made) == 1 and not parameters
    return bool(by_chance < np.log(_ONE_IN_TWO if is_plain else COINCIDENCE))


def _chances(
    prediction: Prediction, expected: Prediction, observed: Floats, decimals: int | None
) -> Floats:
    """The probability of each wrong number to be as near to the prediction as it is.

    All numbers that are not finite count once: one NaN makes everything after it NaN.
    """
    wrong = ~expected.matches(observed, decimals)
    rounding = decimals_bound(decimals)
    finite = wrong & np.isfinite(observed)
    numbers, right = (
        np.abs(observed[finite]),
        np.abs(expected.values[np.isfinite(expected.values)]),
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        distances = np.abs(observed - expected.values)[finite]
        # The right number may be NaN or infinite; then the largest magnitude stands for its
        # distance.
        distances = np.where(
            np.isfinite(distances), distances, np.maximum(numbers, right.max(initial=0.0))
        )
        chances = (prediction.bounds[finite] + rounding) / distances
    chances = np.where(np.isfinite(chances), np.minimum(chances, 1.0), _ONE_IN_TWO)
    return np.append(chances, _ONE_IN_TWO) if np.any(wrong & ~finite) else chances
