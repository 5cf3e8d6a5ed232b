"""Every mistake that lossaudit can name, in one registry.

A mistake is one section of a module: a function that predicts the numbers it would have logged,
with its explanation and its remedy in the decorator. Its name is that of the function.

batches         mistakes in what is averaged
averaging       in how it is averaged
dividing        in sums and their divisors
results         in what is done with the result
places          in where it is logged
keras_defects   what Keras itself does
noticed         what a check finds without a prediction

A log may have one mistake of each of the first five kinds; two at a time are recognised.
"""

from lossaudit.predictions.mistakes import (
    averaging,
    batches,
    dividing,
    keras_defects,
    noticed,
    places,
    results,
)
from lossaudit.predictions.mistakes.mistake import (
    MISTAKES,
    Mistake,
    defect,
    mistake,
    named,
    of_stage,
)

__all__ = [
    "MISTAKES",
    "Mistake",
    "averaging",
    "batches",
    "defect",
    "dividing",
    "keras_defects",
    "mistake",
    "named",
    "noticed",
    "of_stage",
    "places",
    "results",
]
