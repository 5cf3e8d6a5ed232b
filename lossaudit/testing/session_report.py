"""The audits of a run of tests as one file: text, JSON or HTML by its suffix."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from lossaudit.report import text
from lossaudit.report.contents import SCHEMA_VERSION
from lossaudit.report.report import Report
from lossaudit.report.verdict import Verdict

Audited = Mapping[str, Report]
"""The report of each test, by the name of the test."""


def write(audited: Audited, path: Path) -> None:
    """Write the file, and the folders above it.

    Raises:
        ValueError: the suffix is none of `suffixes()`.
        OSError: the file cannot be written.
    """
    if path.suffix not in suffixes():
        raise ValueError(f"path={str(path)!r} must end in {', '.join(suffixes())}")
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".html":
        Report.named(audited).to_html(path)  # type: ignore[attr-defined, unused-ignore]
    else:
        path.write_text(_FORMS[path.suffix](audited), encoding="utf-8")


def suffixes() -> tuple[str, ...]:
    """What the name of a file may end in."""
    return (*_FORMS, ".html") if hasattr(Report, "to_html") else tuple(_FORMS)


def as_text(audited: Audited) -> str:
    """Each test with its report, and the total."""
    parts = [
        f"{test}\n{'=' * len(test)}\n{text.as_text(report)}" for test, report in audited.items()
    ]
    return "\n\n".join([*parts, f"{total(audited)}\n"])


def as_json(audited: Audited) -> str:
    """One JSON object: schema version, `ok` and `status` of all, and for each test what
    `Report.to_json` has of it.
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
    """The tests by their worst verdict, in one line."""
    if not audited:
        return "nothing to audit: no test used loss_audit or assert_faithful"
    verdicts = [report.verdict for report in audited.values()]
    wrong, undecided = verdicts.count(Verdict.WRONG), verdicts.count(Verdict.UNDECIDABLE)
    right = len(verdicts) - wrong - undecided
    tests = f"{len(audited)} test{'' if len(audited) == 1 else 's'} audited"
    return f"{tests}: {right} right, {wrong} wrong, {undecided} undecided"


def line(test: str, report: Report) -> str:
    """The findings of a test in one line: its name, the worst verdict, the codes and causes."""
    found = dict.fromkeys(" ".join([one.code, *one.causes]) for one in report.findings)
    left_out = [] if found or not report.verdicts else ["by rules that were left out"]
    return f"{test}: {', '.join([report.verdict, *found, *left_out])}"


_FORMS: dict[str, Callable[[Audited], str]] = {".txt": as_text, ".json": as_json}
