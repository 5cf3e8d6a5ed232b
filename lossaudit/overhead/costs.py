"""Costs: what callbacks cost a training, as data, and whether that is within a budget."""

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
    """Whether a measurement shows that a budget is exceeded."""

    WITHIN = "within"
    NOT_SHOWN = "not shown to exceed"
    OVER = "over"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class HookTimes:
    """The time in hooks inside a `fit`.

    Args:
        median: seconds of a batch, both of its hooks together. For an execution of several
            batches: its seconds divided by their number.
        worst: the 99th percentile of the same.
        share: the part of the epochs' time in all hooks, including those of epochs and
            evaluations.
        batches: how many batches were timed.
    """

    median: float
    worst: float
    share: float
    batches: int


@dataclass(frozen=True)
class Growth:
    """The memory that callbacks keep for each batch.

    Args:
        bytes: for each batch, in Python and numpy (`tracemalloc`), without TensorFlow; less what
            a training without the callbacks keeps.
        batches: over how many batches it was measured.
    """

    bytes: float
    batches: int


@dataclass(frozen=True)
class Overhead:
    """What callbacks cost a training, by paired runs of `fit` with and without them.

    Args:
        name: what was measured.
        ratio: how many times as long the epochs take with the callbacks: the median of the pairs.
        interval: the 95 % interval of that median.
        control: the same interval for plain `fit` against itself (A/A).
        step: median seconds of a batch without callbacks.
        pairs: how many pairs.
        batches: how many batches each run of a pair trained on.
        outside: seconds that each `fit` takes longer outside of its epochs.
        hooks: the time in hooks.
        growth: the memory that the callbacks keep; None if not measured.
        doubts: why the measurement decides nothing; empty if it does.
        setup: machine, versions and training.
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
        """Whether there are no doubts."""
        return not self.doubts

    @property
    def noise(self) -> float:
        """How far the interval of the control reaches from 1.

        A smaller cost cannot be seen on this machine as it is now.
        """
        return max(self.control.high - 1, 1 - self.control.low)

    def judged(self, budget: float) -> BudgetVerdict:
        """Whether the ratio exceeds a budget, such as 1.02.

        The ratio is over if its whole interval is above the budget, and within if its whole
        interval is not. An interval across the budget shows no excess; if the noise reaches the
        budget as well, it decides nothing. A measurement with doubts decides nothing.
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
        """The figures without nesting, for `benchmark.extra_info` of pytest-benchmark."""
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
        """The attributes as JSON values; an infinite end of an interval is null."""
        ends = {name: _finite(getattr(self, name)) for name in ("interval", "control")}
        noise = self.noise if math.isfinite(self.noise) else None
        return {"schema": SCHEMA, **asdict(self), **ends, "decided": self.decided, "noise": noise}

    def __str__(self) -> str:
        parts = [
            f"{self.name}: {self.ratio:.3f} times plain fit ({self.interval}; plain fit against "
            f"itself {self.control}; {self.pairs} pairs of {self.batches} batches, "
            f"{self.step * 1e3:.2f} ms a batch)",
            f"hooks {self.hooks.median * 1e6:.1f} µs a batch, 99th percentile "
            f"{self.hooks.worst * 1e6:.1f} µs, {self.hooks.share:.1%} of the time",
            f"{self.outside * 1e3:.1f} ms longer outside of the epochs of a fit",
        ]
        if self.growth is not None:
            # Bytes a batch are megabytes per 10⁶ batches.
            parts.append(f"{self.growth.bytes:.0f} MB per 10⁶ batches")
        return "\n  ".join([*parts, *(f"undecided: {doubt}" for doubt in self.doubts)])


def doubts_of(ratio: Ratio, control: Ratio) -> tuple[str, ...]:
    """Why a measurement decides nothing."""
    found = [one.doubt for one in (ratio, control) if one.doubt is not None]
    if not control.interval.contains(1.0):
        found.append(
            f"plain fit took {control.interval} times as long as itself, an interval without 1: "
            "the machine is too noisy now"
        )
    return tuple(dict.fromkeys(found))


def _finite(interval: Interval) -> dict[str, float | None]:
    return {name: end if math.isfinite(end) else None for name, end in vars(interval).items()}


def document(measured: Sequence[Overhead], budget: float | None) -> dict[str, Any]:
    """Several measurements of one run with their verdicts on a budget, as JSON values."""
    judged = [{} if budget is None else {"judged": one.judged(budget)} for one in measured]
    each = [{**one.as_json(), **more} for one, more in zip(measured, judged, strict=True)]
    return {
        "schema": SCHEMA,
        "budget": budget,
        "status": status_of(measured, budget),
        "callbacks": each,
    }


def status_of(measured: Sequence[Overhead], budget: float | None) -> int:
    """The exit status: 0 if none is shown to exceed the budget, 1 if one is, 2 if undecided."""
    if budget is None:
        return 0 if all(one.decided for one in measured) else 2
    judged = {one.judged(budget) for one in measured}
    return 1 if BudgetVerdict.OVER in judged else 2 if BudgetVerdict.UNDECIDED in judged else 0
