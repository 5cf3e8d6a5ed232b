"""A report as one HTML file without scripts or network access; names from logs are escaped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from lossaudit.report.contents import Contents
from lossaudit.report.curves import MOST, EpochRows, Evidence
from lossaudit.report.findings import Finding
from lossaudit.report.legible import legible, shortened
from lossaudit.report.plots import keys
from lossaudit.report.verdict import Verdict
from lossaudit.rules.catalogue import RULES

_POINTS = 9_000
"""Points in all plots of one page; findings share them."""

_PLOTS = 30
"""Plots on one page."""

_LONG = 1000
"""Characters shown of a metadata value."""


def write(report: Contents, path: str | PathLike[str]) -> None:
    """Write the page to a file."""
    Path(path).write_text(page(report), "utf-8")


def page(report: Contents) -> str:
    """The report as a whole HTML document."""
    return _environment().get_template("page.html.j2").render(_content(report))


def fragment(report: Contents) -> str:
    """The report as an element with its own style, for a notebook."""
    return _environment().get_template("fragment.html.j2").render(_content(report))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("lossaudit", "report"),
        # Whoever writes a log chooses its names, and the page may be opened by somebody else.
        autoescape=True,
        # A misspelt name in the template must fail, and not leave a gap in the page.
        undefined=StrictUndefined,
        finalize=_fit_to_be_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["coded"] = coded
    return environment


def coded(text: str) -> Markup:
    """The escaped text, with code elements for text between backticks.

    >>> coded("call `f(<x>)`")
    Markup('call <code>f(&lt;x&gt;)</code>')
    """
    parts = legible(text).split("`")
    # A backtick without its partner is a character, not the beginning of code.
    if len(parts) % 2 == 0:
        return escape(legible(text))
    pieces = [
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part)
        for number, part in enumerate(parts)
    ]
    return Markup("").join(pieces)


def _fit_to_be_shown(value: Any) -> Any:
    return legible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _content(report: Contents) -> dict[str, Any]:
    # Several reports may be in one notebook, so ids begin with a hash of the report. It is the
    # same every time, and so is the page.
    prefix = (
        "la" + hashlib.sha256(report.to_json().encode("utf-8", "surrogatepass")).hexdigest()[:8]
    )
    drawable = find_spec("matplotlib") is not None
    shares = _shares(report) if drawable else [0] * len(report.findings)
    tables = [
        (one, one.evidence.rows)
        for one in report.verdicts
        if one.evidence is not None and one.evidence.rows
    ]
    return {
        "report": report,
        "version": version("lossaudit"),
        "prefix": prefix,
        "drawable": drawable,
        "headline": headline(report),
        "counts": _counts(report),
        "cards": [
            _card(one, f"{prefix}-{number}", share)
            for number, (one, share) in enumerate(zip(report.findings, shares, strict=True), 1)
        ],
        "tables": [(judgement, rows, list(_rows(rows))) for judgement, rows in tables],
        "provenance": list(_provenance(report.metadata)),
    }


def _shares(report: Contents) -> list[int]:
    """The number of points in the plot of each finding; errors come first.

    The limit keeps the page small.
    """
    able = [number for number, one in enumerate(report.findings) if one.evidence is not None]
    able = sorted(able, key=lambda number: report.findings[number].severity != "error")[:_PLOTS]
    share = min(MOST, _POINTS // max(len(able), 1))
    return [share if number in able else 0 for number in range(len(report.findings))]


def headline(report: Contents) -> str:
    """The report in one sentence."""
    if not report.verdicts and not report.findings:
        return "Nothing to audit: no logged loss was found."
    wrong, claims = (
        sum(one.verdict is Verdict.WRONG for one in report.verdicts),
        len(report.verdicts),
    )
    if report.status == 1 and wrong:
        promise = "is not what it promises" if wrong == 1 else "are not what they promise"
        return f"{wrong} of {claims} logs {promise} to be."
    if report.status == 1:
        return "The training has findings."
    if report.status == 2:
        return "This cannot be judged as a whole."
    return (
        f"All {claims} logs are what they promise to be."
        if claims > 1
        else "The log is what it promises to be."
    )


def _counts(report: Contents) -> list[tuple[int, str, str]]:
    """Count, name and colour of each kind of result that occurs."""
    verdicts = [one.verdict for one in report.verdicts]
    right = sum(one in (Verdict.EXACT, Verdict.CONSISTENT, Verdict.SUSPECT) for one in verdicts)
    counted = [
        (right, "right", "good"),
        (verdicts.count(Verdict.WRONG), "wrong", "bad"),
        (verdicts.count(Verdict.UNDECIDABLE), "undecided", "open"),
        (len(report.not_audited), "not audited", "open"),
        (len(report.findings), "findings" if len(report.findings) != 1 else "finding", "plain"),
    ]
    return [one for one in counted if one[0]]


def _card(finding: Finding, prefix: str, share: int) -> dict[str, Any]:
    """The content of a finding's card; its plot has `share` points, and 0 means no plot."""
    evidence = finding.evidence
    return {
        "finding": finding,
        "rule": RULES.get(finding.code),
        "difference": _difference(finding),
        "plots": _plots(evidence, prefix, share) if evidence is not None and share else None,
        "crowded": evidence is not None and not share,
        "keys": {} if evidence is None else keys(evidence),
        "notes": [] if evidence is None else list(_notes(evidence)),
    }


def _plots(evidence: Evidence, prefix: str, share: int) -> dict[str, Markup]:
    """The plot in two sizes: for a desktop and for a phone."""
    # Imported only for a plot, because matplotlib is an optional dependency.
    from lossaudit.report.pictures import NARROW, WIDE, picture

    return {
        "wide": Markup(picture(evidence.thinner(share), WIDE, f"{prefix}w")),
        "narrow": Markup(picture(evidence.thinner(share // 2), NARROW, f"{prefix}n")),
    }


def _notes(evidence: Evidence) -> Iterator[str]:
    most = max(one.count for one in (evidence.logged, evidence.true) if one is not None)
    if most > MOST:
        yield (
            f"Of {most:,} numbers the plot shows the lowest and the highest of every stretch, and "
            "the places of NaN."
        )
    if evidence.unplaced:
        yield (
            f"{evidence.unplaced:,} logged numbers are not drawn, because no batch was recorded "
            "at their place."
        )


def _difference(finding: Finding) -> float | None:
    if finding.observed is None or finding.expected is None:
        return None
    return finding.observed - finding.expected


def _rows(rows: EpochRows) -> Iterator[dict[str, Any]]:
    """The rows of a table of epochs, each with the number of epochs left out before it."""
    # With -1 in front the epochs before the first row count as well.
    skipped = np.diff(rows.indices, prepend=-1) - 1
    columns = (
        rows.epochs,
        rows.logged,
        rows.expected,
        rows.logged - rows.expected,
        rows.bounds,
        skipped,
    )
    for number, verdict in enumerate(rows.verdicts):
        epoch, logged, expected, difference, bound, gap = (
            column[number].item() for column in columns
        )
        yield {
            "epoch": epoch,
            "numbers": [f"{logged:.9g}", f"{expected:.9g}", f"{difference:.2g}", f"{bound:.2g}"],
            "verdict": verdict,
            "skipped": gap,
        }


def _provenance(metadata: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Facts about the run as names and values; nested names are joined by dots."""
    for name, value in metadata.items():
        if isinstance(value, Mapping):
            yield from _provenance(value, f"{above}{name}.")
        else:
            text = (
                value
                if isinstance(value, str)
                else json.dumps(value, default=str, ensure_ascii=False)
            )
            more = f" ({len(text):,} characters)" if len(text) > _LONG else ""
            yield f"{above}{name}", shortened(text, _LONG) + more
