"""Costs of a callback as if they had been measured."""

from __future__ import annotations

from lossaudit.overhead.costs import Growth, HookTimes, Overhead
from lossaudit.overhead.timings import Interval

SETUP = {
    "processor": "a processor",
    "cores": 2,
    "load": 0.5,
    "accelerators": [],
    "keras": "3.15.1",
    "python": "3.12.1",
    "steps_per_execution": 1,
    "jit_compile": False,
}


def overhead(
    low: float, high: float, control: tuple[float, float] = (0.995, 1.005), doubts: tuple = ()
) -> Overhead:
    hooks, growth = HookTimes(3.5e-6, 12e-6, 0.004, 256), Growth(32.2, 3584)
    return Overhead(
        "Mine",
        ratio=(low + high) / 2,
        interval=Interval(low, high),
        control=Interval(*control),
        step=0.0012,
        pairs=31,
        batches=256,
        outside=0.01,
        hooks=hooks,
        growth=growth,
        doubts=doubts,
        setup=SETUP,
    )
