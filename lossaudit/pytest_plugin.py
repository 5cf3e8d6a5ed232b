"""pytest plugin: fixture `loss_audit`, marker `lossaudit`, options, and a report of all audits.

It imports only pytest and the standard library; everything else is imported when a test, an option
or a finding first needs it.
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
    "lossaudit(*codes, ignore=(), fail=True): audits in the test check only rules whose codes "
    "start with one of `codes`, and --lossaudit-select selects the test by them; ignore: prefixes "
    "of rules to ignore; fail=False: findings of loss_audit are reported and do not fail the test."
)
NOTHING = (
    "nothing to audit: loss_audit saw no training. Pass it to the training, "
    "`model.fit(..., callbacks=[..., loss_audit])`, or mark the test with `lossaudit(fail=False)`."
)

_AUDIT = pytest.StashKey["LossAudit"]()
_AUDITED = pytest.StashKey["list[Report]"]()
_SUITE = pytest.StashKey[session.Suite]()


class _Request(NamedTuple):
    """The arguments of a test's markers; the closest marker that gives an argument counts."""

    codes: Codes = ()
    ignore: Codes = ()
    fail: bool = True

    @classmethod
    def of(cls, item: pytest.Item) -> _Request:
        """Read the markers of a test.

        Raises:
            pytest.UsageError: a marker has an unknown argument, or a prefix that matches no rule.
        """
        request = cls()
        for mark in reversed(list(item.iter_markers("lossaudit"))):
            unknown = mark.kwargs.keys() - {"ignore", "fail"}
            ignore = mark.kwargs.get("ignore", request.ignore)
            if (
                unknown
                or isinstance(ignore, str)
                or not all(map(_begins_a_rule, (*mark.args, *ignore)))
            ):
                raise pytest.UsageError(
                    f"{item.nodeid}: {_call(mark)} must have the form {MARKER}"
                )
            fail = mark.kwargs.get("fail", request.fail)
            request = cls(mark.args or request.codes, tuple(ignore), fail)
        return request


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
    """A LossAudit for `callbacks=[..., loss_audit]`; its findings fail the test at its end.

    A test without any training fails too: nothing to audit is never a pass. The marker
    `lossaudit(fail=False)` changes both.
    """
    from lossaudit.keras import LossAudit

    suite = request.config.stash[_SUITE]
    audit = LossAudit(on_violation="ignore", select=suite.select, ignore=suite.ignore)
    request.node.stash[_AUDIT] = audit
    return audit


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, all with the prefix `--lossaudit-`."""
    group = parser.getgroup("lossaudit", "audits of logged training losses")
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
        help="check only these rules, e.g. LA1,LA301; a test marked lossaudit(code) runs only if "
        "its code is among them",
    )
    group.addoption(
        "--lossaudit-ignore", type=_codes, default=(), metavar="CODES", help="ignore these rules"
    )
    group.addoption(
        "--lossaudit-max-examples",
        type=_count,
        metavar="N",
        help="number of examples for each conformance test",
    )


def _codes(text: str) -> Codes:
    return tuple(code.strip() for code in text.split(",") if code.strip())


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} must be a positive integer")
    return int(text)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, validate the options, and begin the suite."""
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
    from lossaudit.testing.session_report import SUFFIXES

    if path.suffix not in SUFFIXES:
        raise pytest.UsageError(
            f"--lossaudit-report={path}: the name must end in {', '.join(SUFFIXES)}"
        )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests whose rules are not selected."""
    select, ignore = config.getoption("lossaudit_select"), config.getoption("lossaudit_ignore")
    if not select and not ignore:
        return
    from lossaudit.rules.catalogue import wanted

    kept = [item for item in items if wanted(_Request.of(item).codes, select, ignore)]
    deselected = set(items).difference(kept)
    config.hook.pytest_deselected(items=[item for item in items if item in deselected])
    items[:] = kept


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Set the rules that audits in the test check, from its markers and the options."""
    try:
        request = _Request.of(item)
    except pytest.UsageError as error:
        pytest.fail(str(error), pytrace=False)
    suite = item.config.stash[_SUITE]
    from lossaudit.rules.catalogue import narrowed

    suite.select = narrowed(request.codes, item.config.getoption("lossaudit_select"))
    suite.ignore = (*request.ignore, *item.config.getoption("lossaudit_ignore"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Judge the audits of `loss_audit` after the test body, as its last assertion.

    A failed conformance check shows its message instead of a traceback.
    """
    try:
        outcome = yield
    except BaseException as error:
        _show(item, _report_of(item, ended=False))
        # An attribute instead of a class: the plugin must not import the conformance suites.
        message = getattr(error, "lossaudit_message", None)
        if message is None:
            raise
        raise pytest.fail.Exception(message, pytrace=False) from None
    report = _report_of(item, ended=True)
    if report is not None and not report.ok and _Request.of(item).fail:
        pytest.fail(str(report) if report.findings or report.verdicts else NOTHING, pytrace=False)
    _show(item, report)
    return outcome


def _report_of(item: pytest.Item, *, ended: bool) -> Report | None:
    """Record and return the audits of the fixture; None if it is unused.

    Also None if the test failed (`ended` is False) before any training.
    """
    audit = item.stash.get(_AUDIT, None)
    if audit is None or not (ended or audit.reports):
        return None
    from lossaudit.report.report import Report

    report = Report.joined(audit.reports) if audit.reports else Report()
    item.config.stash[_SUITE].record(report)
    return report


def _show(item: pytest.Item, report: Report | None) -> None:
    """Add a report to the sections of captured output."""
    if report is not None:
        item.add_report_section("call", "lossaudit", str(report))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach the audits to the report of the test.

    A worker of xdist sends nothing but test reports, and JUnit files read their properties.
    """
    report = yield
    audits = item.config.stash[_SUITE].drain(failed=call.excinfo is not None)
    if call.when == "setup":
        item.stash[_AUDITED] = []
    if audits:
        item.stash[_AUDITED] += audits
        _set_properties(item)
        report.user_properties = list(item.user_properties)
        report.lossaudit = [one.to_json() for one in audits]  # type: ignore[attr-defined]
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
    """Collect the audits of a test that ran here or in a worker."""
    suite = session.running()
    if suite is None:
        return
    if report.when == "setup":
        # A test that is rerun counts once.
        suite.audits.pop(report.nodeid, None)
    if sent := getattr(report, "lossaudit", None):
        from lossaudit.report.report import Report

        suite.audits.setdefault(report.nodeid, []).extend(Report.from_json(one) for one in sent)


def _audited(config: pytest.Config) -> dict[str, Report]:
    from lossaudit.report.report import Report

    audits = config.stash[_SUITE].audits
    return {test: Report.joined(reports, what="audit") for test, reports in audits.items()}


def _report_path(config: pytest.Config) -> Path | None:
    """Return where to write the audits; None without the option and in workers of xdist."""
    if hasattr(config, "workerinput") or config.getoption("collectonly"):
        return None
    path: Path | None = config.getoption("lossaudit_report")
    return path


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write all audits to the file of `--lossaudit-report`."""
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
    """Print a line for each test with a wrong or undecidable audit, and the total.

    Nothing is printed if nothing was audited and no report file was requested.
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
