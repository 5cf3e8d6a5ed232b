"""Writes the audits of a test run to one file: text, JSON or HTML, by its suffix."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from lossaudit.report import text
from lossaudit.report.contents import SCHEMA_VERSION
from lossaudit.report.report import Report
from lossaudit.report.verdict import Verdict

Audited = Mapping[str, Report]
"""The report of each test, by its node id."""


def write(audited: Audited, path: Path) -> None:
    """Write the file, and create its folders.

    Raises:
        ValueError: the suffix is not one of `SUFFIXES`.
        OSError: the file cannot be written.
    """
    if path.suffix not in SUFFIXES:
        raise ValueError(f"path={str(path)!r} must end in {', '.join(SUFFIXES)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".html":
        Report.named(audited).to_html(path)
    else:
        path.write_text(_FORMS[path.suffix](audited), encoding="utf-8")


def as_text(audited: Audited) -> str:
    """Return each test with its report, then the total."""
    parts = [
        f"{test}\n{'=' * len(test)}\n{text.as_text(report)}" for test, report in audited.items()
    ]
    return "\n\n".join([*parts, f"{total(audited)}\n"])


def as_json(audited: Audited) -> str:
    """Return one JSON object: schema version, `ok` and `status` of all, and each test's report.

    The report of a test has the fields of `Report.to_json`.
    """
    whole = Report.named(audited)
    content = {
        "schema": SCHEMA_VERSION,
        "ok": whole.ok,
        "status": whole.status,
        "tests": [
            {"test": test, **json.loads(report.to_json())} for test, report in audited.items()
        ],
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def total(audited: Audited) -> str:
    """Count the tests by their worst verdict, in one line."""
    if not audited:
        return "nothing to audit: no test used loss_audit or assert_faithful"
    verdicts = [report.verdict for report in audited.values()]
    wrong, undecided = verdicts.count(Verdict.WRONG), verdicts.count(Verdict.UNDECIDABLE)
    right = len(verdicts) - wrong - undecided
    tests = f"{len(audited)} test{'' if len(audited) == 1 else 's'} audited"
    return f"{tests}: {right} right, {wrong} wrong, {undecided} undecided"


def line(test: str, report: Report) -> str:
    """Return name, worst verdict, codes and causes of a test, in one line."""
    found = dict.fromkeys(" ".join([one.code, *one.causes]) for one in report.findings)
    ignored = [] if found or not report.verdicts else ["by ignored rules"]
    return f"{test}: {', '.join([report.verdict, *found, *ignored])}"


_FORMS: dict[str, Callable[[Audited], str]] = {".txt": as_text, ".json": as_json}
SUFFIXES = (*_FORMS, ".html")
"""The allowed suffixes of the file."""
