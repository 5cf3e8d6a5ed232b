"""Overhead: what callbacks cost a training, by fits with and without them in turn.

`trial`: `measure` and `compare`. `costs`: their results as data. `cost_table`: the results as a
table. `timings`: compares durations on a busy machine. `stopwatches`: time in epochs and hooks.
`machine`: hardware and versions of a measurement. `examples_of_size`: example models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossaudit._exports import exported

if TYPE_CHECKING:
    from lossaudit.overhead.costs import BudgetVerdict, Growth, HookTimes, Overhead
    from lossaudit.overhead.examples_of_size import SIZES, ModelSize, example
    from lossaudit.overhead.timings import Interval
    from lossaudit.overhead.trial import compare, measure

_HOME = {
    "Growth": "costs",
    "HookTimes": "costs",
    "Interval": "timings",
    "BudgetVerdict": "costs",
    "Overhead": "costs",
    "ModelSize": "examples_of_size",
    "SIZES": "examples_of_size",
    "compare": "trial",
    "example": "examples_of_size",
    "measure": "trial",
}

__all__ = [
    "Growth",
    "HookTimes",
    "Interval",
    "BudgetVerdict",
    "Overhead",
    "ModelSize",
    "SIZES",
    "compare",
    "example",
    "measure",
]

__getattr__, __dir__ = exported(__name__, _HOME)
