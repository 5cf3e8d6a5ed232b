"""Finding, Judgement and Diagnosis: what an audit says, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lossaudit.recording.origins import Origin
from lossaudit.report.curves import Draw, Drawn, Evidence
from lossaudit.report.verdict import Verdict
from lossaudit.rules.rule import Severity


class Drawable:
    """What a plot can show: its evidence is computed when it is asked for.

    Args:
        draw: computes the evidence; None where there is nothing to show.
    """

    draw: Draw | None

    @cached_property
    def evidence(self) -> Evidence | None:
        """What a plot of it shows; None where there is nothing to show."""
        return self.draw() if self.draw else None

    def __getstate__(self) -> dict[str, Any]:
        # What draws the evidence refers to the recording, which may be large: the evidence itself
        # is kept instead.
        return {**vars(self), "draw": self.evidence and Drawn(self.evidence)}


@dataclass(frozen=True)
class Finding(Drawable):
    """One broken expectation: where, observed, expected, bound, cause and remedy.

    `evidence` is computed once a plot is asked for. It is not in the JSON.
    """

    code: str
    verdict: Verdict
    message: str
    severity: Severity = "error"
    tag: str = "loss"
    split: str = "train"
    epoch: int | None = None
    step: int | None = None
    observed: float | None = None
    expected: float | None = None
    bound: float | None = None
    cause: str | None = None
    causes: tuple[str, ...] = ()
    remedy: str = ""
    origin: Origin | None = None
    draw: Draw | None = field(default=None, compare=False, repr=False)

    if TYPE_CHECKING:

        def __init__(
            self,
            code: str,
            verdict: Verdict,
            message: str,
            severity: Severity = "error",
            tag: str = "loss",
            split: str = "train",
            epoch: int | None = None,
            step: int | None = None,
            observed: float | None = None,
            expected: float | None = None,
            bound: float | None = None,
            cause: str | None = None,
            causes: tuple[str, ...] = (),
            remedy: str = "",
            origin: str | None = None,
            draw: Draw | None = None,
        ) -> None: ...

    def __post_init__(self) -> None:
        if self.origin is not None:
            object.__setattr__(self, "origin", Origin.parse(self.origin))

    @property
    def file(self) -> str | None:
        """The file in which the number was logged; None if unknown."""
        return self.origin.file or None if self.origin else None

    @property
    def line(self) -> int | None:
        """The line in that file, from 1; None if unknown."""
        return self.origin.line if self.origin else None

    def __str__(self) -> str:
        return f"{self.code} {self.message}" + (
            f"\n  Remedy: {self.remedy}" if self.remedy else ""
        )


@dataclass(frozen=True)
class Judgement(Drawable):
    """The verdict on one claim, with what it promised to cover and what quantity it is."""

    origin: str
    verdict: Verdict
    tag: str = "loss"
    split: str = "train"
    covers: str | None = None
    quantity: str | None = None
    points: int = 0
    draw: Draw | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        holds = f" as {self.quantity}" if self.quantity else ""
        return f"{self.origin}: {self.verdict}{holds} ({self.points} of {self.split} {self.tag})"


@dataclass(frozen=True)
class Diagnosis:
    """Which quantity a list of numbers is.

    Args:
        quantity: the name of the simplest quantity that matches; None if nothing matches.
        quantities: every quantity that matches, the simplest first; several cannot be told apart
            on this data.
        causes: the mistakes that log these numbers; empty if the numbers are right.
        verdict: how well the numbers match the quantity; `wrong` if nothing matches.
        message: all of it as a sentence.
    """

    quantity: str | None
    verdict: Verdict
    message: str
    quantities: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.message
