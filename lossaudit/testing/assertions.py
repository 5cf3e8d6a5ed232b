"""assert_faithful: asserts in a test that logged numbers are the true losses."""

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
"""How many wrong numbers the message compares with the expected ones."""


class Recorded(Protocol):
    """Has a recording: `LossRecorder`, `LossAudit`, `Recorder`, the fixture `loss_audit`."""

    @property
    def recording(self) -> Recording:
        """The true batch losses."""


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
    """Assert that logged numbers are the true losses.

    Args:
        logged: the numbers, shape (n,); or a Series, a Recording, or a mapping of names to
            numbers, which state themselves what they cover.
        truth: a recording of the true batch losses, or an object with such a `recording`.
        covers: what each number covers: `"batch"` (default), `"epoch_so_far"` or `"epoch"`.
        split: the split of the numbers; default `"train"`.
        tag: the name of the loss; default `"loss"`.
        select: prefixes of the rule codes to check; those of the test's marker and options if
            empty.
        ignore: prefixes of rule codes to ignore, in addition to those of the test's marker and
            options.

    Returns:
        The report, in which nothing is wrong or undecidable.

    Raises:
        AuditError: an AssertionError; its message is the report and the first numbers that
            differ.
        TypeError: `covers`, `split` or `tag` was given for a Series, a Recording or a mapping, or
            `truth` has no recording.
        ValueError: a prefix in `select` or `ignore` matches no rule.

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
    suite.record(report, raised=not report.ok)
    if not report.ok:
        raise AuditError("\n".join([str(report), *_differences(claims, recording)]))
    return report


def _recording(truth: Any) -> Recording:
    recording = truth if isinstance(truth, Recording) else getattr(truth, "recording", None)
    if not isinstance(recording, Recording):
        raise TypeError(
            f"truth={truth!r:.80} must be a Recording or have one, not {type(truth).__name__}"
        )
    return recording


def _claims(logged: Any, given: dict[str, str | None]) -> Series | Recording | Mapping[str, Any]:
    """Return the claims; plain numbers become a series with the given arguments."""
    arguments: dict[str, Any] = {name: one for name, one in given.items() if one is not None}
    if not isinstance(logged, (Series, Recording, Mapping)):
        return Series(np.asarray(_numbers(logged)), origin="logged", **arguments)
    if arguments:
        text = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
        raise TypeError(f"{text} cannot be given for a {type(logged).__name__}, which has its own")
    return logged


def _numbers(logged: Iterable[float]) -> list[float]:
    """Return the numbers of an iterable; None, a number that was not logged, becomes NaN."""
    return [np.nan if one is None else float(one) for one in logged]


def _differences(claims: Any, recording: Recording) -> Iterator[str]:
    """Lines with the first numbers of a series that differ from the expected ones."""
    about = (
        truth_about(recording, claims.tag, claims.split, claims.dtype)
        if isinstance(claims, Series)
        else None
    )
    expected = None if about is None else expected_of(about, claims.covers)
    rows = None if expected is None else side_by_side(claims, expected)
    if expected is None or rows is None:
        return
    # A number without a counterpart cannot be compared; the report names it.
    placed = rows != NOWHERE
    differ = np.flatnonzero(placed & ~agreeing(claims, expected, rows))
    if len(differ):
        numbers = "numbers" if placed.all() else "numbers with a counterpart"
        first = ", the first" if len(differ) > _SHOWN else ""
        yield f"{len(differ)} of {placed.sum()} {numbers} differ{first}:"
    for at in differ[:_SHOWN]:
        row = rows[at]
        step = "" if claims.steps is None else f", step {claims.steps[at]}"
        place = f"epoch {expected.epochs[row]}{step}"
        yield f"  [{at}] logged {claims.values[at]!s}, expected {expected.values[row]!s} ({place})"
