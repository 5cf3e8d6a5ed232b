"""conformance, parametrize_with_checks, run_checks: test suites for a user's own code."""

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
"""The environment variable with the number of examples for each check."""
SHRINKING = 40
"""Examples that are tried after a failure to find a simpler one."""


def conformance(
    factory: Callable[..., Any],
    *,
    kind: Kind,
    xfail: Mapping[str, str] | None = None,
    **claims: Any,
) -> type:
    """Make a class of pytest tests, one for each check.

    Args:
        factory: makes a new callback or accumulator; or the loop itself, `loop(model, data,
            epochs)`.
        kind: `"callback"`, `"accumulator"` or `"loop"`.
        xfail: checks that are known to fail, each with its reason; if one passes, its test
            fails.
        claims: further arguments of `Subject`: `read`, `covers`, `budget`, `nan`, `holds`, …

    Raises:
        ValueError: the value of a claim or the name of a check is unknown.
        TypeError: `factory` is not callable, or the name of a claim is unknown.

    >>> import lossaudit
    >>> TestMine = conformance(lossaudit.WeightedMean, kind="accumulator")
    >>> TestMine.__name__
    'TestWeightedMean'
    """
    subject = Subject(factory, kind=kind, xfail=dict(xfail or {}), **claims)
    tests = {f"test_{check.name}": _method(subject, check) for check in checks_of(subject)}
    about = f"Conformance tests of the {kind} {subject.name}."
    name = f"Test{subject.name[:1].upper()}{subject.name[1:]}"
    shown = {"__doc__": about, "__module__": __name__, "__repr__": lambda self: f"{name}()"}
    return type(name, (), {**shown, **tests})


def parametrize_with_checks(subjects: Sequence[Subject]) -> Any:
    """Return a decorator that runs `test(subject, check)` for each check of each subject.

    The test calls `check(subject)`.

    Args:
        subjects: the tested programs with their claims.
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
    """Run the checks without pytest.

    Args:
        factory: as in `conformance`.
        kind: as in `conformance`.
        select: names of checks, or prefixes of rule codes, to run; all if empty.
        ignore: names of checks, or prefixes of rule codes, to skip.
        seed: seed of the examples; None for different examples in each run.
        claims: as in `conformance`, including `xfail`.

    Returns:
        A Report with a verdict for each check that ran and a finding for each that failed. Its
        `explanations` name the expected failures and the checks that could not run.

    Raises:
        ValueError: a name in `select` or `ignore` is neither a check of that kind nor a prefix of
            a rule code.

    >>> import lossaudit
    >>> report = run_checks(lossaudit.SumCount, kind="accumulator", select=["LA101"], seed=0)
    >>> report.findings[0].cause
    'short-last-batch-counted-as-full'
    """
    subject = Subject(factory, kind=kind, **{"xfail": {}, **claims})
    wanted, unwanted = _names_of(subject, select), _names_of(subject, ignore)
    chosen = [one for one in checks_of(subject) if not wanted or _is_named(subject, one, wanted)]
    parts = [_ran(subject, one, seed) for one in chosen if not _is_named(subject, one, unwanted)]
    return Report(
        tuple(one for part in parts for one in part.verdicts),
        tuple(one for part in parts for one in part.findings),
        explanations=tuple(one for part in parts for one in part.explanations),
    )


def checks_of(subject: Subject) -> tuple[Check, ...]:
    """Return the checks for the kind of a subject.

    Raises:
        ValueError: `xfail` of the subject names an unknown check.
    """
    checks = _checks(subject.kind)
    unknown = subject.xfail.keys() - {check.name for check in checks}
    if unknown:
        names = ", ".join(check.name for check in checks)
        raise ValueError(
            f"xfail={sorted(unknown)[0]!r} is not a check of kind={subject.kind!r}; use {names}"
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
    """The test of a check as a method, with its pytest marks."""
    # Each instance has its own test, because the test remembers the examples that it tried.
    tests = WeakKeyDictionary[Any, Callable[..., None]]()

    def method(self: Any, **drawn: Any) -> None:
        tests.setdefault(self, _test(subject, check))(**drawn)

    return _marked(_given(method, subject, check), subject, check)


def _test(subject: Subject, check: Check) -> Callable[..., None]:
    """Return a function that tries a check on one example.

    After the first failure it tries at most `SHRINKING` further examples, which Hypothesis draws
    to find a simpler one, and passes all others untried, because each example is a training.
    """
    # Hypothesis requires that an example always has the same outcome, so outcomes are kept.
    outcomes: dict[str, tuple[Exception, TracebackType | None] | None] = {}
    left = SHRINKING

    def test(**drawn: Any) -> None:
        nonlocal left
        reason = _reason(subject, check)
        if reason is not None:
            # pytest knows this exception as a skip, so pytest need not be imported.
            raise unittest.SkipTest(reason)
        example = repr(drawn)
        if example not in outcomes:
            failed = any(outcomes.values())
            outcomes[example] = _outcome(subject, check, drawn) if left or not failed else None
            left -= failed
        failure = outcomes[example]
        if failure is not None:
            raise failure[0].with_traceback(failure[1])

    return test


def _outcome(
    subject: Subject, check: Check, drawn: Mapping[str, Any]
) -> tuple[Exception, TracebackType | None] | None:
    """The error of a check on an example, with its traceback; None if it passes."""
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
    # Cached for each subject, because some reasons need a new object of the user's.
    return check.lacks(subject)


def _given(
    function: Callable[..., None], subject: Subject, check: Check, seed: int | None = None
) -> Any:
    """Turn a function into a Hypothesis test that draws the examples of a check."""
    function.__name__ = function.__qualname__ = f"test_{check.name}"
    function.__doc__ = f"{check.code_for(subject)}: {check.expects}"
    if check.draws is None:
        return function
    import hypothesis

    named = "updates" if subject.kind == "accumulator" else "schedule"
    test = hypothesis.settings(
        max_examples=_examples(check),
        # The first example compiles a model, which takes far longer than the others.
        deadline=None,
        # The phase `explain` would repeat as many trainings.
        phases=set(hypothesis.Phase) - {hypothesis.Phase.explain},
        # A second failure would take many more trainings to simplify.
        report_multiple_bugs=False,
        # Health checks refuse slow examples, and here every example is a training.
        suppress_health_check=list(hypothesis.HealthCheck),
        # A stored failure would be tried first, so that the seed would not decide.
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
    """Validate names of checks and prefixes of rule codes; a string is one name."""
    several = (names,) if isinstance(names, str) else tuple(names)
    checks = {check.name for check in checks_of(subject)}
    return tuple(part for one in several for part in ((one,) if one in checks else codes_of(one)))


def _is_named(subject: Subject, check: Check, names: tuple[str, ...]) -> bool:
    return bool(names) and (check.name in names or check.code_for(subject).startswith(names))


def _ran(subject: Subject, check: Check, seed: int | None) -> Report:
    """Run one check and report its outcome."""
    code = check.code_for(subject)
    reason = _reason(subject, check)
    if reason is not None:
        return Report(explanations=(f"{code} {check.name} was not run: {reason}.",))
    try:
        _given(_test(subject, check), subject, check, seed)()
    except Violation as violation:
        message = violation.summary.removeprefix(f"{code} ")
        causes, remedy = violation.causes, violation.remedy
    except Exception as error:
        message, causes, remedy = _raised(subject, check, error), (), ""
    else:
        return _passed(subject, check)
    if check.name in subject.xfail:
        return Report(
            explanations=(f"{code} {check.name} fails as expected: {subject.xfail[check.name]}.",)
        )
    finding = Finding(
        code,
        Verdict.WRONG,
        message,
        cause=", ".join(causes) or None,
        causes=causes,
        remedy=remedy,
        origin=check.name,
    )
    return Report((_judgement(subject, check, Verdict.WRONG),), (finding,))


def _passed(subject: Subject, check: Check) -> Report:
    reason = subject.xfail.get(check.name)
    if reason is None:
        return Report((_judgement(subject, check, Verdict.CONSISTENT),))
    message = f"{subject.name} {check.name} was expected to fail ({reason}), but passed."
    finding = Finding(check.code_for(subject), Verdict.WRONG, message, origin=check.name)
    return Report(findings=(finding,))


def _judgement(subject: Subject, check: Check, verdict: Verdict) -> Judgement:
    return Judgement(check.name, verdict, subject.name, subject.kind, points=_examples(check))


def _examples(check: Check) -> int:
    """The number of examples: from the pytest option, the environment, or the check."""
    suite = session.running()
    option = suite.max_examples if suite is not None else None
    return 1 if check.draws is None else option or int(os.environ.get(EXAMPLES) or check.examples)


def _raised(subject: Subject, check: Check, error: Exception) -> str:
    notes = "\n".join(getattr(error, "__notes__", ()))
    return (
        f"{subject.name} {check.name}: it raised {type(error).__name__}: {error}\n{notes}".rstrip()
    )
