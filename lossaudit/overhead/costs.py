"""Overhead: what callbacks cost a training, as data, and whether that is within a budget."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from lossaudit.overhead.timings import Interval, Ratio

SCHEMA = 1


class BudgetVerdict(StrEnum):
    """What a measurement says of a budget."""

    WITHIN = "within"
    NOT_SHOWN = "not shown to exceed"
    OVER = "over"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class HookTimes:
    """What the hooks took inside a `fit`, in seconds.

    Args:
        median: of a batch, both of its hooks together; of an execution of several, divided by how
            many these are.
        worst: the 99th percentile of that.
        share: of the time of the epochs, what all hooks took, those of epochs and evaluations
            included.
        batches: how many batches were timed.
    """

    median: float
    worst: float
    share: float
    batches: int


@dataclass(frozen=True)
class Growth:
    """What a training holds in memory for each batch, beyond what one without the callbacks does.

    Args:
        bytes: for each batch; what Python and numpy hold (`tracemalloc`), and not what TensorFlow
            does.
        batches: how many batches it was measured over.
    """

    bytes: float
    batches: int


@dataclass(frozen=True)
class Overhead:
    """What callbacks cost a training, by paired runs of `fit` with and without them.

    Args:
        name: what was measured.
        ratio: how many times as long the epochs take with the callbacks: the median of the pairs.
        interval: where that median lies, in 95 of 100 measurements.
        control: the same interval of `fit` without callbacks beside itself (A/A).
        step: seconds of a batch without callbacks, the median.
        pairs: how many pairs.
        batches: how many batches each run of a pair trained on.
        outside: seconds that each `fit` takes longer outside of its epochs.
        hooks: what the hooks took.
        growth: what memory they keep; None if that was not measured.
        doubts: why nothing can be decided; none where something can.
        setup: machine, versions and training.

    Attributes:
        decided: whether there is nothing to doubt.
        noise: how far the control is from 1: no cost below it can be told on this machine as it is
            now.
    """

    name: str
    ratio: float
    interval: Interval
    control: Interval
    step: float
    pairs: int
    batches: int
    outside: float
    hooks: HookTimes
    growth: Growth | None
    doubts: tuple[str, ...] = ()
    setup: Mapping[str, Any] = field(default_factory=dict)

    @property
    def decided(self) -> bool:
        """Whether there is nothing to doubt."""
        return not self.doubts

    @property
    def noise(self) -> float:
        """How far the interval of the control reaches from 1."""
        return max(self.control.high - 1, 1 - self.control.low)

    def judged(self, budget: float) -> BudgetVerdict:
        """Whether the ratio exceeds a budget, such as 1.02.

        It does only where the whole interval lies above, and the control holds 1; it is within
        only where the whole interval is. An interval that reaches across the budget shows no
        excess; it decides nothing where the noise reaches the budget as well.
        """
        if not self.decided:
            return BudgetVerdict.UNDECIDED
        if self.interval.low > budget:
            return BudgetVerdict.OVER
        if self.interval.high <= budget:
            return BudgetVerdict.WITHIN
        return BudgetVerdict.NOT_SHOWN if 1 + self.noise <= budget else BudgetVerdict.UNDECIDED

    @property
    def extra_info(self) -> dict[str, Any]:
        """The figures without nesting, as `benchmark.extra_info.update(...)` of pytest-benchmark
        takes them.
        """
        figures = {
            "ratio": self.ratio,
            "ratio_low": self.interval.low,
            "ratio_high": self.interval.high,
            "control_low": self.control.low,
            "control_high": self.control.high,
            "decided": self.decided,
            "step_seconds": self.step,
            "hook_seconds_median": self.hooks.median,
            "hook_seconds_p99": self.hooks.worst,
            "hook_share": self.hooks.share,
            "outside_seconds": self.outside,
            "bytes_per_batch": None if self.growth is None else self.growth.bytes,
        }
        return {
            f"overhead_{name}": None if value == math.inf else value
            for name, value in figures.items()
        }

    def to_json(self) -> str:
        """The attributes as JSON, with the version of the schema."""
        return json.dumps(self.as_json(), allow_nan=False)

    def as_json(self) -> dict[str, Any]:
        """The attributes as what JSON holds; an end of an interval that is infinite is null."""
        ends = {name: _finite(getattr(self, name)) for name in ("interval", "control")}
        noise = self.noise if math.isfinite(self.noise) else None
        return {"schema": SCHEMA, **asdict(self), **ends, "decided": self.decided, "noise": noise}

    def __str__(self) -> str:
        parts = [
            f"{self.name}: {self.ratio:.3f} times plain fit ({self.interval}; plain fit beside "
            f"itself {self.control}; "
            f"{self.pairs} pairs of {self.batches} batches, {self.step * 1e3:.2f} ms a batch)",
            f"hooks {self.hooks.median * 1e6:.1f} µs a batch, 99th percentile "
            f"{self.hooks.worst * 1e6:.1f} µs, "
            f"{self.hooks.share:.1%} of the time",
            f"{self.outside * 1e3:.1f} ms longer outside of the epochs of a fit",
        ]
        if self.growth is not None:
            parts.append(f"{self.growth.bytes:.0f} MB per 10⁶ batches")
        return "\n  ".join([*parts, *(f"cannot be decided: {doubt}" for doubt in self.doubts)])


def doubts_of(ratio: Ratio, control: Ratio) -> tuple[str, ...]:
    """Why a measurement decides nothing."""
    found = [one.doubt for one in (ratio, control) if one.doubt is not None]
    if not control.interval.holds(1.0):
        found.append(
            f"plain fit beside itself took {control.interval} times as long, which does not hold "
            "1: the machine is too "
            f"noisy now"
        )
    return tuple(dict.fromkeys(found))


def _finite(interval: Interval) -> dict[str, float | None]:
    return {name: end if math.isfinite(end) else None for name, end in vars(interval).items()}


def document(measured: Sequence[Overhead], budget: float | None) -> dict[str, Any]:
    """Several measurements of one run, with what they say of a budget, as what JSON holds."""
    judged = [{} if budget is None else {"judged": one.judged(budget)} for one in measured]
    each = [{**one.as_json(), **more} for one, more in zip(measured, judged, strict=True)]
    return {
        "schema": SCHEMA,
        "budget": budget,
        "status": status_of(measured, budget),
        "callbacks": each,
    }


def status_of(measured: Sequence[Overhead], budget: float | None) -> int:
    """The exit status: 0 if none is shown to exceed the budget, 1 if one is, 2 if that cannot be
    decided.
    """
    if budget is None:
        return 0 if all(one.decided for one in measured) else 2
    judged = {one.judged(budget) for one in measured}
    return 1 if BudgetVerdict.OVER in judged else 2 if BudgetVerdict.UNDECIDED in judged else 0
