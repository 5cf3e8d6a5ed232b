"""A report as workflow commands of GitHub Actions, which annotate the run and changed files.

Escaping follows `@actions/core`: `%`, CR and LF everywhere, and `:` and `,` in properties. See
https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions.
"""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

from lossaudit.report.contents import Contents
from lossaudit.report.findings import Finding
from lossaudit.report.text import not_audited, summary

_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = _DATA | str.maketrans({":": "%3A", ",": "%2C"})


def write(report: Contents, file: TextIO) -> None:
    """Write annotations for findings, explanations and skipped numbers, then the summary."""
    for finding in report.findings:
        print(annotation(finding), file=file)
    for explanation in (*report.explanations, *not_audited(report)):
        print(command("notice", explanation, title="lossaudit"), file=file)
    print(summary(report).plain, file=file)


def annotation(finding: Finding) -> str:
    """The command that annotates the file of a finding, or the whole run if it has no file."""
    properties = {"title": " ".join([finding.code, *finding.causes])}
    # The origin may name no file at all, as `History: loss` does.
    log = Path(finding.file or "")
    if log.is_file():
        # GitHub matches the path with that of the changed file, which has slashes on every system.
        properties["file"] = log.as_posix()
    message = finding.message + (f"\nRemedy: {finding.remedy}" if finding.remedy else "")
    return command(finding.severity, message, **properties)


def command(name: str, message: str, **properties: str) -> str:
    r"""One workflow command on one line.

    >>> command("error", "50 % of\nit", title="LA101: a, b")
    '::error title=LA101%3A a%2C b::50 %25 of%0Ait'
    """
    given = ",".join(f"{key}={value.translate(_PROPERTY)}" for key, value in properties.items())
    return f"::{name}{' ' if given else ''}{given}::{message.translate(_DATA)}"
