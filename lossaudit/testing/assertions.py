"""assert_faithful(): logged numbers are what they are said to be, as an assertion of a test."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np

from lossaudit.auditing.alignment import NOWHERE, agreeing, side_by_side
from lossaudit.auditing.audits import audit
from lossaudit.errors import AuditError
from lossaudit.predictions.quantities import expected_of
from lossaudit.predictions.truth import truth_about
from lossaudit.recording.recording import Recording
from lossaudit.recording.series import Series
from lossaudit.report.report import Report
from lossaudit.rules.catalogue import codes_of
from lossaudit.testing import session

_SHOWN = 3
"""Numbers that are shown beside what they should be; the report has the first wrong one in any
case.
"""


class Recorded(Protocol):
    """What has a recording: `LossRecorder`, `LossAudit`, `Recorder`, the fixture `loss_audit`."""

    @property
    def recording(self) -> Recording:
        """The truth."""


def assert_faithful(
    logged: Series | Recording | Mapping[str, Any] | Iterable[float],
    truth: Recording | Recorded,
    *,
    covers: str | None = None,
    split: str | None = None,
    tag: str | None = None,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
) -> Report:
    """Assert that logged numbers are the losses that there were.

    Args:
        logged: the numbers, shape (n,); or a Series, a Recording, or a mapping of names to
            numbers, which say themselves what they are.
        truth: a recording of the true batch losses, or what has one.
        covers: what each number covers: `"batch"` (if not given), `"epoch_so_far"` or `"epoch"`.
        split: the split that they are from; `"train"` if not given.
        tag: what they are called; `"loss"` if not given.
        select: beginnings of the rule codes to look for; those of the test's marker and options if
            empty.
        ignore: beginnings of the rule codes to leave out, beside those of the test's marker and
            options.

    Returns:
        The report, in which nothing is wrong or undecidable.

    Raises:
        AuditError: an AssertionError with the report as its message, and the first numbers that
            differ.
        TypeError: `covers`, `split` or `tag` was given for what says it itself, or `truth` has no
            recording.
        ValueError: no rule begins with a code of `select` or `ignore`.

    >>> truth = Recording([Series([1.0, 2.0, 9.0], weights=[4, 4, 2], epochs=[0, 0, 0])])
    >>> assert_faithful([1.0, 2.0, 9.0], truth, covers="batch").ok
    True
    """
    __tracebackhide__ = True
    suite = session.running() or session.Suite()
    recording = _recording(truth)
    claims = _claims(logged, {"covers": covers, "split": split, "tag": tag})
    wanted, unwanted = codes_of(select) or suite.select, (*suite.ignore, *codes_of(ignore))
    report = audit(recording, claims, select=wanted, ignore=unwanted)
    suite.hear(report, raised=not report.ok)
    if not report.ok:
        raise AuditError("\n".join([str(report), *_compared(claims, recording)]))
    return report


def _recording(truth: Any) -> Recording:
    recording = truth if isinstance(truth, Recording) else getattr(truth, "recording", None)
    if not isinstance(recording, Recording):
        raise TypeError(
            f"truth must be a Recording or have one, not {type(truth).__name__}: {truth!r:.80}"
        )
    return recording


def _claims(logged: Any, given: dict[str, str | None]) -> Series | Recording | Mapping[str, Any]:
    """The claims; plain numbers become a series of what was given."""
    said = {name: value for name, value in given.items() if value is not None}
    if not isinstance(logged, (Series, Recording, Mapping)):
        return Series(np.asarray(_numbers(logged)), origin="logged", **said)  # type: ignore[arg-type]
    if said:
        arguments = ", ".join(f"{name}={value!r}" for name, value in said.items())
        raise TypeError(f"{arguments}: a {type(logged).__name__} says itself what its numbers are")
    return logged


def _numbers(logged: Iterable[float]) -> list[float]:
    """The numbers of a list, an array, or an iterable; one that was not logged, None, is NaN."""
    return [np.nan if one is None else float(one) for one in logged]


def _compared(claims: Any, recording: Recording) -> Iterator[str]:
    """The first numbers of a series that differ from what they should be, side by side."""
    about = (
        truth_about(recording, claims.tag, claims.split, claims.dtype)
        if isinstance(claims, Series)
        else None
    )
    expected = None if about is None else expected_of(about, claims.covers)
    rows = None if expected is None else side_by_side(claims, expected)
    if expected is None or rows is None:
        return
    placed = rows != NOWHERE
    differ = np.flatnonzero(placed & ~agreeing(claims, expected, rows))
    if len(differ):
        numbers = "numbers" if placed.all() else "numbers that have a counterpart"
        yield f"{len(differ)} of {placed.sum()} {numbers} differ{', the first' if len(differ) > _SHOWN else ''}:"
    for at in differ[:_SHOWN]:
        row = rows[at]
        step = "" if claims.steps is None else f", step {claims.steps[at]}"
        place = f"epoch {expected.epochs[row]}{step}"
        yield f"  [{at}] logged {claims.values[at]!s}, expected {expected.values[row]!s} ({place})"
