"""Contents: what an audit found, as data and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, Literal, Self

from lossaudit.errors import AuditError, StateError
from lossaudit.report.findings import Finding, Judgement
from lossaudit.report.verdict import WORST_FIRST, Verdict
from lossaudit.rules.catalogue import codes_of

SCHEMA_VERSION = 1

FailOn = Literal["error", "warning", "never"]


@dataclass(frozen=True)
class Contents:
    """What an audit found.

    Args:
        verdicts: one for each claim.
        findings: one for each broken expectation.
        not_audited: the origins of skipped numbers: not named like a recorded loss, and no known
            quantity matches.
        metadata: facts about the run.
        explanations: sentences that are not about faults: notes of readers, and a measured gap.
    """

    verdicts: tuple[Judgement, ...] = ()
    findings: tuple[Finding, ...] = ()
    not_audited: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    explanations: tuple[str, ...] = ()

    def __getstate__(self) -> dict[str, Any]:
        # The metadata of a recording is a mapping proxy, which pickle refuses.
        return {**vars(self), "metadata": dict(self.metadata)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, metadata=MappingProxyType(state["metadata"]))

    @property
    def ok(self) -> bool:
        """True if at least one claim was judged and none is wrong or undecidable."""
        return self.status == 0

    @property
    def status(self) -> int:
        """The exit status of a command: 0 no findings, 1 findings, 2 cannot judge."""
        return self.exit_status()

    def exit_status(self, fail_on: FailOn = "error") -> int:
        """The exit status of a command that fails on some findings only.

        Args:
            fail_on: `"error"`: 1 for errors; `"warning"`: 1 for warnings too. With both, 2 if
                something is undecidable. `"never"`: 0 for any findings, and 2 only if there was
                nothing to audit.
        """
        if fail_on == "never":
            return 0 if self.verdicts or self.findings else 2
        if any(finding.severity == "error" for finding in self.findings):
            return 1
        # What cannot be judged has a status of its own, 2, and is no warning here.
        if fail_on == "warning" and any(
            finding.verdict is not Verdict.UNDECIDABLE for finding in self.findings
        ):
            return 1
        return 2 if self._cannot_judge() else 0

    def _cannot_judge(self) -> bool:
        verdicts = [judgement.verdict for judgement in self.verdicts]
        verdicts += [finding.verdict for finding in self.findings]
        return not self.verdicts or Verdict.UNDECIDABLE in verdicts

    def selected(self, select: Iterable[str] = (), ignore: Iterable[str] = ()) -> Self:
        """The report with the findings of some rules only; verdicts stay.

        Args:
            select: beginnings of the rule codes to keep; all if empty.
            ignore: beginnings of the rule codes to drop.

        Raises:
            ValueError: no rule begins with one of them.
        """
        # Every code begins with the empty string, and none with one of an empty tuple.
        wanted, unwanted = codes_of(select) or ("",), codes_of(ignore)
        kept = tuple(
            one
            for one in self.findings
            if one.code.startswith(wanted) and not one.code.startswith(unwanted)
        )
        return replace(self, findings=kept)

    @classmethod
    def joined(cls, reports: Sequence[Self], *, what: str = "fit") -> Self:
        """The reports of several trainings as one; claims and findings name their training.

        Args:
            reports: the reports, in the order of the trainings; a single one stays as it is.
            what: what a training is called.
        """
        if len(reports) == 1:
            return reports[0]
        return cls.named({f"{what} {number}": report for number, report in enumerate(reports, 1)})

    @classmethod
    def named(cls, reports: Mapping[str, Self]) -> Self:
        """Several reports as one; each claim and finding begins with the name of its report."""
        return cls(
            tuple(
                replace(one, origin=f"{of}: {one.origin}")
                for of, report in reports.items()
                for one in report.verdicts
            ),
            tuple(
                replace(one, message=f"{of}: {one.message}")
                for of, report in reports.items()
                for one in report.findings
            ),
            tuple(f"{of}: {one}" for of, report in reports.items() for one in report.not_audited),
            {of: dict(report.metadata) for of, report in reports.items()},
            tuple(f"{of}: {one}" for of, report in reports.items() for one in report.explanations),
        )

    @property
    def verdict(self) -> Verdict:
        """The worst verdict in the report; undecidable if there is none."""
        verdicts = {one.verdict for one in self.verdicts} | {one.verdict for one in self.findings}
        return next((one for one in WORST_FIRST if one in verdicts), Verdict.UNDECIDABLE)

    def raise_for_findings(self) -> None:
        """Raise AuditError with the whole report as its message unless the report is ok."""
        if not self.ok:
            raise AuditError(str(self))

    def __str__(self) -> str:
        lines = [str(finding) for finding in self.findings] + [
            str(judgement) for judgement in self.verdicts
        ]
        lines = [*(lines or ["lossaudit: nothing to audit"]), *self.explanations]
        if self.not_audited:
            lines.append(f"not audited: {', '.join(self.not_audited)}")
        return "\n".join(lines)

    def to_json(self) -> str:
        """The report as one JSON object with a schema version.

        NaN and infinities become strings, because JSON has no numbers for them.
        """
        content = {
            "schema": SCHEMA_VERSION,
            "ok": self.ok,
            "status": self.status,
            "verdicts": [_shallow(judgement) for judgement in self.verdicts],
            "findings": [_shallow(finding) for finding in self.findings],
            "not_audited": list(self.not_audited),
            "explanations": list(self.explanations),
            "metadata": dict(self.metadata),
        }
        # Python would write NaN, which `JSON.parse` and other strict parsers refuse.
        return json.dumps(_finite(content), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The report that `to_json` wrote; NaN and infinities of its metadata stay strings.

        Raises:
            StateError: the text is of another schema version.
        """
        content = json.loads(text)
        if content["schema"] != SCHEMA_VERSION:
            raise StateError(
                f"schema={content['schema']!r} must be {SCHEMA_VERSION}, the one of this version"
            )
        return cls(
            tuple(_judgement(one) for one in content["verdicts"]),
            tuple(_finding(one) for one in content["findings"]),
            tuple(content["not_audited"]),
            content["metadata"],
            tuple(content["explanations"]),
        )


def _shallow(one: Judgement | Finding) -> dict[str, Any]:
    """The attributes by name, without `draw`, which only plots need."""
    return {each.name: getattr(one, each.name) for each in fields(one) if each.name != "draw"}


def _judgement(fields: Mapping[str, Any]) -> Judgement:
    return Judgement(**{**fields, "verdict": Verdict(fields["verdict"])})


def _finding(fields: Mapping[str, Any]) -> Finding:
    # Infinities and NaN were written as strings; `float` reads them back.
    numbers = {
        name: fields[name] and float(fields[name]) for name in ("observed", "expected", "bound")
    }
    causes = tuple(fields["causes"])
    return Finding(
        **{**fields, **numbers, "verdict": Verdict(fields["verdict"]), "causes": causes}
    )


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
