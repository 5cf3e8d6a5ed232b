"""pytest plugin: the fixture `loss_audit`, the marker `lossaudit`, options, and a report of all
audits.

Imports pytest and the standard library only; what a test, an option or a finding needs beyond that
is imported when it is needed.
"""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from lossaudit.testing import session

if TYPE_CHECKING:
    from lossaudit.keras.loss_audit import LossAudit
    from lossaudit.report.report import Report
    from lossaudit.rules.catalogue import Codes

MARKER = (
    "lossaudit(*codes, ignore=(), fail=True): the test is about rules whose code begins with one "
    "of these: "
    "--lossaudit-select picks it by them, and audits in it look for them only; ignore: rules that "
    "they leave out; "
    "fail=False: findings of loss_audit are reported and do not fail the test."
)
NOTHING = (
    "nothing to audit: loss_audit saw no training. Pass it to the training, `model.fit(..., "
    "callbacks=[..., "
    "loss_audit])`, or mark the test with `lossaudit(fail=False)`."
)

_AUDIT = pytest.StashKey["LossAudit"]()
_AUDITED = pytest.StashKey["list[Report]"]()
_SUITE = pytest.StashKey[session.Suite]()


class _Wish(NamedTuple):
    """What a test asks for by its markers; of codes, ignore and fail, the closest marker that
    gives it counts.
    """

    codes: Codes = ()
    ignore: Codes = ()
    fail: bool = True

    @classmethod
    def of(cls, item: pytest.Item) -> _Wish:
        """What the markers of a test say; another argument, or a code of no rule, is an error that
        names it.
        """
        wish = cls()
        for mark in reversed(list(item.iter_markers("lossaudit"))):
            unknown = mark.kwargs.keys() - {"ignore", "fail"}
            ignore = mark.kwargs.get("ignore", wish.ignore)
            if (
                unknown
                or isinstance(ignore, str)
                or not all(map(_begins_a_rule, (*mark.args, *ignore)))
            ):
                raise pytest.UsageError(f"{item.nodeid}: {_call(mark)} must be as in {MARKER}")
            wish = cls(mark.args or wish.codes, tuple(ignore), mark.kwargs.get("fail", wish.fail))
        return wish


def _begins_a_rule(code: Any) -> bool:
    from lossaudit.rules.catalogue import RULES

    return isinstance(code, str) and code != "" and any(known.startswith(code) for known in RULES)


def _call(mark: pytest.Mark) -> str:
    arguments = [repr(one) for one in mark.args] + [
        f"{name}={one!r}" for name, one in mark.kwargs.items()
    ]
    return f"lossaudit({', '.join(arguments)})"


@pytest.fixture
def loss_audit(request: pytest.FixtureRequest) -> LossAudit:
    """A LossAudit for `callbacks=[..., loss_audit]`; after the test its findings fail the test.

    A test in which nothing was trained fails too: nothing to audit is never a pass. The marker
    `lossaudit` says otherwise.
    """
    from lossaudit.keras import LossAudit

    suite = request.config.stash[_SUITE]
    audit = LossAudit(on_violation="ignore", select=suite.select, ignore=suite.ignore)
    request.node.stash[_AUDIT] = audit
    return audit


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options, all with one prefix."""
    group = parser.getgroup("lossaudit", "losses that were logged, and those that there were")
    group.addoption(
        "--lossaudit-report",
        type=Path,
        metavar="PATH",
        help="write all audits to a .txt, .json or .html file",
    )
    group.addoption(
        "--lossaudit-select",
        type=_codes,
        default=(),
        metavar="CODES",
        help="only these rules, e.g. LA1,LA301; a test marked lossaudit(code) runs only if its "
        "code is among them",
    )
    group.addoption(
        "--lossaudit-ignore", type=_codes, default=(), metavar="CODES", help="not these rules"
    )
    group.addoption(
        "--lossaudit-max-examples",
        type=_count,
        metavar="N",
        help="examples of each conformance test",
    )


def _codes(text: str) -> Codes:
    return tuple(code.strip() for code in text.split(",") if code.strip())


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} must be a whole number above zero")
    return int(text)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, refuse options that mean nothing, and begin the suite."""
    config.addinivalue_line("markers", MARKER)
    select, ignore = config.getoption("lossaudit_select"), config.getoption("lossaudit_ignore")
    _refuse_unknown(select, ignore)
    if config.getoption("lossaudit_report") is not None:
        _refuse_suffix(config.getoption("lossaudit_report"))
    config.stash[_SUITE] = session.Suite(
        select, ignore, config.getoption("lossaudit_max_examples")
    )
    session.begin(config.stash[_SUITE])


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the suite."""
    if _SUITE in config.stash:
        session.end(config.stash[_SUITE])


def _refuse_unknown(select: Codes, ignore: Codes) -> None:
    for option, codes in (("select", select), ("ignore", ignore)):
        for code in codes:
            if not _begins_a_rule(code):
                raise pytest.UsageError(
                    f"--lossaudit-{option}: no rule begins with {code!r}; see `lossaudit rule`"
                )


def _refuse_suffix(path: Path) -> None:
    from lossaudit.testing.session_report import suffixes

    if path.suffix not in suffixes():
        raise pytest.UsageError(
            f"--lossaudit-report={path}: the name must end in {' or '.join(suffixes())}"
        )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests about rules that were not asked for."""
    select, ignore = config.getoption("lossaudit_select"), config.getoption("lossaudit_ignore")
    if not select and not ignore:
        return
    from lossaudit.rules.catalogue import wanted

    kept = [item for item in items if wanted(_Wish.of(item).codes, select, ignore)]
    left_out = set(items).difference(kept)
    config.hook.pytest_deselected(items=[item for item in items if item in left_out])
    items[:] = kept


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let the audits of the test look for what its markers and the options ask."""
    try:
        wish = _Wish.of(item)
    except pytest.UsageError as error:
        pytest.fail(str(error), pytrace=False)
    suite = item.config.stash[_SUITE]
    from lossaudit.rules.catalogue import narrowed

    suite.select = narrowed(wish.codes, item.config.getoption("lossaudit_select"))
    suite.ignore = (*wish.ignore, *item.config.getoption("lossaudit_ignore"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Judge what `loss_audit` saw, as the last assertion of the test; of a check that fails, show
    what it says.
    """
    try:
        outcome = yield
    except BaseException as error:
        _show(item, _heard(item, ended=False))
        says = getattr(error, "lossaudit_says", None)
        if says is None:
            raise
        raise pytest.fail.Exception(says, pytrace=False) from None
    report = _heard(item, ended=True)
    if report is not None and not report.ok and _Wish.of(item).fail:
        pytest.fail(str(report) if report.findings or report.verdicts else NOTHING, pytrace=False)
    _show(item, report)
    return outcome


def _heard(item: pytest.Item, *, ended: bool) -> Report | None:
    """The audit of a test that has one; None of a test that did not come to train."""
    audit = item.stash.get(_AUDIT, None)
    if audit is None or not (ended or audit.reports):
        return None
    from lossaudit.report.report import Report

    report = Report.joined(audit.reports) if audit.reports else Report()
    item.config.stash[_SUITE].hear(report)
    return report


def _show(item: pytest.Item, report: Report | None) -> None:
    """Put a report beside the test's captured output; where it is the failure itself, it is shown
    as that.
    """
    if report is not None:
        item.add_report_section("call", "lossaudit", str(report))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Send the audits with the report of the test: a worker of xdist has no other way, and JUnit
    reads properties.
    """
    report = yield
    heard = item.config.stash[_SUITE].take(failed=call.excinfo is not None)
    if call.when == "setup":
        item.stash[_AUDITED] = []
    if heard:
        item.stash[_AUDITED] += heard
        _set_properties(item)
        report.user_properties = list(item.user_properties)
        report.lossaudit = [one.to_json() for one in heard]  # type: ignore[attr-defined]
    return report


def _set_properties(item: pytest.Item) -> None:
    from lossaudit.report.report import Report

    audited = item.stash[_AUDITED]
    whole = Report.joined(audited, what="audit")
    codes = ",".join(sorted({finding.code for finding in whole.findings}))
    others = [one for one in item.user_properties if not one[0].startswith("lossaudit.")]
    item.user_properties[:] = [
        *others,
        ("lossaudit.verdict", whole.verdict.value),
        ("lossaudit.codes", codes),
    ]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Collect what was audited, here or in a worker."""
    suite = session.running()
    if suite is None:
        return
    if report.when == "setup":
        suite.audits.pop(report.nodeid, None)  # a test that runs again counts once
    if sent := getattr(report, "lossaudit", None):
        from lossaudit.report.report import Report

        suite.audits.setdefault(report.nodeid, []).extend(Report.from_json(one) for one in sent)


def _audited(config: pytest.Config) -> dict[str, Report]:
    from lossaudit.report.report import Report

    audits = config.stash[_SUITE].audits
    return {test: Report.joined(reports, what="audit") for test, reports in audits.items()}


def _report_path(config: pytest.Config) -> Path | None:
    """Where to write the audits; None if nobody asked, and in the workers of xdist, which send
    theirs.
    """
    if hasattr(config, "workerinput") or config.getoption("collectonly"):
        return None
    path: Path | None = config.getoption("lossaudit_report")
    return path


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the file of all audits."""
    path = _report_path(session.config)
    if path is None:
        return
    from lossaudit.testing.session_report import write

    try:
        write(_audited(session.config), path)
    except OSError as error:
        pytest.exit(f"--lossaudit-report={path}: {error}", returncode=pytest.ExitCode.USAGE_ERROR)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """One line for each test that is not all right, and the total; nothing if nothing was audited
    and nobody asked.
    """
    path = _report_path(config)
    if path is None and not config.stash[_SUITE].audits:
        return
    from lossaudit.testing.session_report import line, total

    audited = _audited(config)
    terminalreporter.section("lossaudit")
    for test, report in audited.items():
        if report.findings or report.verdict in ("wrong", "undecidable"):
            terminalreporter.line(
                line(test, report), red=report.status == 1, yellow=report.status != 1
            )
    terminalreporter.line(total(audited))
    if path is not None:
        terminalreporter.line(f"written to {path}")
