"""conformance, parametrize_with_checks, run_checks: a property-based test suite for what a user
wrote.
"""

from __future__ import annotations

import os
import unittest
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from types import TracebackType
from typing import Any
from weakref import WeakKeyDictionary

from lossaudit.report.findings import Finding, Judgement
from lossaudit.report.report import Report
from lossaudit.report.verdict import Verdict
from lossaudit.rules.catalogue import codes_of
from lossaudit.testing import session
from lossaudit.testing.suites.subject import Check, Kind, Subject
from lossaudit.testing.suites.violation import Violation

EXAMPLES = "LOSSAUDIT_MAX_EXAMPLES"
"""The environment variable that says how many examples each check tries."""
SHRINKING = 40
"""Examples that are tried in search of a simpler one that fails."""


def conformance(
    factory: Callable[..., Any],
    *,
    kind: Kind,
    xfail: Mapping[str, str] | None = None,
    **claims: Any,
) -> type:
    """A class of tests for pytest, one for each check.

    Args:
        factory: makes a new callback or accumulator; or the loop itself, `loop(model, data,
            epochs)`.
        kind: `"callback"`, `"accumulator"` or `"loop"`.
        xfail: checks that are known to fail, each with the reason; one that passes then fails.
        claims: what it claims, in the words of `Subject`: `read`, `covers`, `budget`, `nan`,
            `holds`, …

    Raises:
        ValueError: a claim or a check is not one that there is.
        TypeError: `factory` cannot be called, or there is no such claim.

    >>> import lossaudit
    >>> TestMine = conformance(lossaudit.WeightedMean, kind="accumulator")
    >>> TestMine.__name__
    'TestWeightedMean'
    """
    subject = Subject(factory, kind=kind, xfail=dict(xfail or {}), **claims)
    tests = {f"test_{check.name}": _method(subject, check) for check in checks_of(subject)}
    about = f"Whether {subject.name} is a right {kind}."
    name = f"Test{subject.name[:1].upper()}{subject.name[1:]}"
    shown = {"__doc__": about, "__module__": __name__, "__repr__": lambda self: f"{name}()"}
    return type(name, (), {**shown, **tests})


def parametrize_with_checks(subjects: Sequence[Subject]) -> Any:
    """A decorator that runs `test(subject, check)` for each check of each subject; the test calls
    `check(subject)`.

    Args:
        subjects: what is tested, each with its claims.
    """
    import pytest

    parameters = [
        pytest.param(
            subject,
            _runner(check),
            marks=_marks(subject, check),
            id=f"{subject.name}-{check.name}",
        )
        for subject in subjects
        for check in checks_of(subject)
    ]
    return pytest.mark.parametrize(("subject", "check"), parameters)


def run_checks(
    factory: Callable[..., Any],
    *,
    kind: Kind,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
    seed: int | None = None,
    **claims: Any,
) -> Report:
    """The checks without pytest.

    Args:
        factory: as in `conformance`.
        kind: as in `conformance`.
        select: names of checks, or beginnings of rule codes, to try; all if empty.
        ignore: names of checks, or beginnings of rule codes, to leave out.
        seed: with what the examples are drawn; None for others each time.
        claims: as in `conformance`, `xfail` included.

    Returns:
        A Report with a verdict for each check that was tried, and a finding for each that failed;
        what was expected to fail, and what could not be tried, is said in `explanations`.

    Raises:
        ValueError: what `select` or `ignore` names is neither a check of that kind nor the
            beginning of a rule code.

    >>> import lossaudit
    >>> run_checks(lossaudit.SumCount, kind="accumulator", select=["LA101"], seed=0).findings[0].cause
    'short-last-batch-counted-as-full'
    """
    subject = Subject(factory, kind=kind, **{"xfail": {}, **claims})
    wanted, unwanted = _names_of(subject, select), _names_of(subject, ignore)
    tried = [one for one in checks_of(subject) if not wanted or _named(subject, one, wanted)]
    parts = [_tried(subject, one, seed) for one in tried if not _named(subject, one, unwanted)]
    return Report(
        tuple(one for part in parts for one in part.verdicts),
        tuple(one for part in parts for one in part.findings),
        explanations=tuple(one for part in parts for one in part.explanations),
    )


def checks_of(subject: Subject) -> tuple[Check, ...]:
    """The checks of a kind.

    Raises:
        ValueError: one that is expected to fail is not among them.
    """
    checks = _checks(subject.kind)
    unknown = subject.xfail.keys() - {check.name for check in checks}
    if unknown:
        names = ", ".join(check.name for check in checks)
        raise ValueError(
            f"xfail={sorted(unknown)[0]!r} is no check of kind={subject.kind!r}; there are {names}"
        )
    return checks


@cache
def _checks(kind: Kind) -> tuple[Check, ...]:
    if kind == "accumulator":
        from lossaudit.testing.suites.accumulator_laws import ACCUMULATOR_CHECKS

        return ACCUMULATOR_CHECKS
    if kind == "callback":
        from lossaudit.testing.suites.callback_laws import CALLBACK_CHECKS

        return CALLBACK_CHECKS
    from lossaudit.testing.suites.loop_laws import LOOP_CHECKS

    return LOOP_CHECKS


def _method(subject: Subject, check: Check) -> Any:
    """The test of a check, as a method with its marks."""
    tests = WeakKeyDictionary[Any, Callable[..., None]]()

    def method(self: Any, **drawn: Any) -> None:
        tests.setdefault(self, _test(subject, check))(**drawn)

    return _marked(_given(method, subject, check), subject, check)


def _test(subject: Subject, check: Check) -> Callable[..., None]:
    """What tries a check on one example.

    After the first failure it tries so many others, by which Hypothesis looks for a simpler one;
    the rest it takes for right, because each is a training. What it has tried it knows, so that
    the same example always fares the same.
    """
    known: dict[str, tuple[Exception, TracebackType | None] | None] = {}
    left = SHRINKING

    def test(**drawn: Any) -> None:
        nonlocal left
        reason = _reason(subject, check)
        if reason is not None:
            raise unittest.SkipTest(reason)
        example = repr(drawn)
        if example not in known:
            failed = any(known.values())
            known[example] = _outcome(subject, check, drawn) if left or not failed else None
            left -= failed
        failure = known[example]
        if failure is not None:
            raise failure[0].with_traceback(failure[1])

    return test


def _outcome(
    subject: Subject, check: Check, drawn: Mapping[str, Any]
) -> tuple[Exception, TracebackType | None] | None:
    """What a check raises on an example, and where."""
    try:
        check.judge(subject, *drawn.values())
    except Violation as violation:
        heading = f"{check.code_for(subject)} {subject.name} {check.name}: {check.expects}"
        return violation.headed(heading), None
    except Exception as error:
        return error, error.__traceback__
    return None


@cache
def _reason(subject: Subject, check: Check) -> str | None:
    return check.lacks(subject)


def _given(
    function: Callable[..., None], subject: Subject, check: Check, seed: int | None = None
) -> Any:
    """The function with what it draws, by settings that do not depend on how long a training
    takes.
    """
    function.__name__ = function.__qualname__ = f"test_{check.name}"
    function.__doc__ = f"{check.code_for(subject)}: {check.expects}"
    if check.draws is None:
        return function
    import hypothesis

    named = "updates" if subject.kind == "accumulator" else "schedule"
    test = hypothesis.settings(
        max_examples=_examples(check),
        deadline=None,
        phases=set(hypothesis.Phase)
        - {hypothesis.Phase.explain},  # which tries as many trainings again
        report_multiple_bugs=False,
        suppress_health_check=list(hypothesis.HealthCheck),
        **({} if seed is None else {"database": None}),
    )(hypothesis.given(**{named: check.draws()})(function))
    return test if seed is None else hypothesis.seed(seed)(test)


def _marked(test: Any, subject: Subject, check: Check) -> Any:
    for mark in _marks(subject, check):
        test = mark(test)
    return test


def _marks(subject: Subject, check: Check) -> list[Any]:
    import pytest

    marks = [pytest.mark.lossaudit(check.code_for(subject))]
    if check.name in subject.xfail:
        marks.append(pytest.mark.xfail(reason=subject.xfail[check.name], strict=True))
    return marks


def _runner(check: Check) -> Callable[[Subject], None]:
    def run(subject: Subject) -> None:
        _given(_test(subject, check), subject, check)()

    run.__name__ = check.name
    return run


def _names_of(subject: Subject, names: str | Iterable[str]) -> tuple[str, ...]:
    """Names of checks and beginnings of rule codes, as they were given; a string is one."""
    several = (names,) if isinstance(names, str) else tuple(names)
    checks = {check.name for check in checks_of(subject)}
    return tuple(part for one in several for part in ((one,) if one in checks else codes_of(one)))


def _named(subject: Subject, check: Check, names: tuple[str, ...]) -> bool:
    return bool(names) and (check.name in names or check.code_for(subject).startswith(names))


def _tried(subject: Subject, check: Check, seed: int | None) -> Report:
    """The outcome of one check."""
    code = check.code_for(subject)
    reason = _reason(subject, check)
    if reason is not None:
        return Report(explanations=(f"{code} {check.name} was not tried: {reason}.",))
    try:
        _given(_test(subject, check), subject, check, seed)()
    except Violation as violation:
        said, causes = str(violation).removeprefix(f"{code} "), violation.causes
    except Exception as error:
        said, causes = _raised(subject, check, error), ()
    else:
        if check.name in subject.xfail:
            message = f"{subject.name} {check.name} was expected to fail ({subject.xfail[check.name]}), and holds."
            return Report(findings=(Finding(code, Verdict.WRONG, message, origin=check.name),))
        return Report((_judgement(subject, check, Verdict.CONSISTENT),))
    if check.name in subject.xfail:
        return Report(
            explanations=(f"{code} {check.name} fails as expected: {subject.xfail[check.name]}.",)
        )
    finding = Finding(
        code,
        Verdict.WRONG,
        said,
        cause=", ".join(causes) or None,
        causes=causes,
        origin=check.name,
    )
    return Report((_judgement(subject, check, Verdict.WRONG),), (finding,))


def _judgement(subject: Subject, check: Check, verdict: Verdict) -> Judgement:
    return Judgement(check.name, verdict, subject.name, subject.kind, points=_examples(check))


def _examples(check: Check) -> int:
    """How many examples are tried, at most: what the option says, or the environment, or the check
    itself.
    """
    suite = session.running()
    asked = suite.max_examples if suite is not None else None
    return 1 if check.draws is None else asked or int(os.environ.get(EXAMPLES) or check.examples)


def _raised(subject: Subject, check: Check, error: Exception) -> str:
    notes = "\n".join(getattr(error, "__notes__", ()))
    return (
        f"{subject.name} {check.name}: it raised {type(error).__name__}: {error}\n{notes}".rstrip()
    )
