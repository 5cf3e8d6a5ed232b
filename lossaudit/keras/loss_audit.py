"""LossAudit: a callback that audits what the other callbacks of the same run recorded."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Literal, get_args

import numpy as np

from lossaudit.auditing.audits import report_on
from lossaudit.auditing.checks.captured import check_gap, gap_not_measured, not_captured
from lossaudit.auditing.claims import Claim, claim_named
from lossaudit.errors import CaptureError
from lossaudit.keras.capture.callers import companions
from lossaudit.keras.capture.loss_recorder import LossRecorder
from lossaudit.keras.gap.explain import Gap, measured
from lossaudit.keras.gap.feed import Feed
from lossaudit.keras.states import Values, seeds_of
from lossaudit.predictions.mistakes import noticed
from lossaudit.recording import keys
from lossaudit.recording.names import Name
from lossaudit.recording.recording import Recording
from lossaudit.report.findings import Finding
from lossaudit.report.report import Report
from lossaudit.report.verdict import Verdict
from lossaudit.rules.callbacks import AUDITED
from lossaudit.rules.catalogue import codes_of

OnViolation = Literal["warn", "raise", "ignore"]


class LossAuditWarning(UserWarning):
    """A report has findings, or the audit itself failed."""


class LossAudit(LossRecorder):
    """Audits History and every list of numbers that other callbacks have as public attributes.

    Give it to `fit` together with the callbacks it should audit. It records the true loss of every
    batch. At the end of training it reports what each list contains, whether that is what its
    name promises, and, if not, why.

    Args:
        on_violation: at the end of training, `"warn"` prints the report, as a warning if it has
            findings; `"raise"` raises AuditError if it has findings; `"ignore"` only keeps it.
        select: prefixes of the rule codes to check; all rules if empty.
        ignore: prefixes of the rule codes to leave out.
        explain_gap: at the end of training, measure why `evaluate` does not return the loss that
            `fit` reported. The result is in `gap` and in the report. This takes up to three passes
            over the training data and leaves the model as it is. The weights are those when this
            callback is called.
        recording: keyword arguments of `LossRecorder`: `path`, `rows`, `metrics`, …

    Raises:
        ValueError: `on_violation` is none of the three, or no rule begins with a code of `select`
            or `ignore`.
    """

    def __init__(
        self,
        on_violation: OnViolation = "warn",
        *,
        select: Iterable[str] = (),
        ignore: Iterable[str] = (),
        explain_gap: bool = False,
        **recording: Any,
    ) -> None:
        if on_violation not in get_args(OnViolation):
            raise ValueError(f"on_violation={on_violation!r} must be 'warn', 'raise' or 'ignore'")
        super().__init__(
            **{**recording, "penalties": explain_gap or recording.get("penalties", False)}
        )
        self.on_violation = on_violation
        self._select, self._ignore = codes_of(select), codes_of(ignore)
        self._others: list[Any] = []
        self._older: dict[int, int] | None = None
        self._report: Report | None = None
        self._interrupted: Report | None = None
        self._earlier: list[Report] = []
        self.gap: Gap | None = None
        self._explain_gap, self._no_gap = explain_gap, "the training did not end"
        self._seeds: Values = []
        self._reported: float | None = None

    @property
    def report(self) -> Report:
        """The report of the latest training: all of it, or what there is so far."""
        return self._report or self._audit_safely()

    @property
    def reports(self) -> list[Report]:
        """The reports of every `fit` that had this audit, in order.

        Without any `fit`, the report of an `evaluate`.
        """
        has_latest = self._report or self._capture.seen
        return [*self._earlier, self.report] if has_latest else self._earlier

    def set_model(self, model: Any) -> None:
        """Find the other callbacks, which Keras does not pass to a callback."""
        unfinished = self._in_fit and self._report is None and self._capture.seen
        self._interrupted = self._audit_safely() if unfinished else None
        super().set_model(model)
        self._others = [callback for callback in companions() if callback is not self]

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Set aside the report of the previous training."""
        earlier = self._report or self._interrupted
        self._earlier += [earlier] if earlier else []
        super().on_train_begin(logs)
        self._report, self._older, self._interrupted = None, None, None
        self.gap, self._no_gap, self._reported = None, "the training did not end", None

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Remember the lengths of all lists: there is no truth for numbers before training."""
        super().on_epoch_begin(epoch, logs)
        if self._older is None:
            self._older = {id(values): len(values) for _, values in self._lists()}
        if self._explain_gap:
            self._seeds = seeds_of(self.model)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Remember the reported loss."""
        super().on_epoch_end(epoch, logs)
        self._reported = (logs or {}).get("loss")

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Audit, and report the findings."""
        super().on_train_end(logs)
        if self._explain_gap:
            self._measure_gap()
        self._report = self._audit_safely()
        failed = any(finding.code == AUDITED.code for finding in self._report.findings)
        if self.on_violation == "raise" and not failed:
            self._report.raise_for_findings()
        elif self.on_violation == "warn" or failed:
            self._show(self._report)

    def _audit_safely(self) -> Report:
        """The report; a failure of the audit itself is a finding and never stops the training."""
        try:
            truth = self.recording
            report = report_on(truth, self._claims(truth)).selected(self._select, self._ignore)
            report = report if report.verdicts or report.findings else _nothing_captured(truth)
            return self._with_gap(report) if self._explain_gap else report
        except Exception as error:
            return Report(findings=(_failure(error),))

    def _measure_gap(self) -> None:
        """Measure the gap on the data of the running `fit`, or remember why not."""
        try:
            feed = Feed.of_running_fit(self.model)
            self.gap = measured(
                self.model, self.recording, feed, reported=self._reported, seeds=self._seeds
            )
        except CaptureError as error:
            self._no_gap = str(error)
        except Exception as error:
            self._no_gap = f"it failed with {type(error).__name__}: {error}"

    def _with_gap(self, report: Report) -> Report:
        """The report with the gap, as an explanation or as a finding."""
        if self.gap is None:
            without = replace(report, findings=(*report.findings, gap_not_measured(self._no_gap)))
            return without.selected(self._select, self._ignore)
        statement = str(self.gap)
        found = tuple(check_gap(statement, self.gap.remains, self.gap.bound, epoch=self.gap.epoch))
        whole = replace(
            report,
            findings=report.findings + found,
            metadata={**report.metadata, keys.GAP: self.gap.to_dict()},
            explanations=() if found else (statement,),
        )
        return whole.selected(self._select, self._ignore)

    def _claims(self, truth: Recording) -> Iterator[Claim]:
        for name, values in self._lists():
            new = values[(self._older or {}).get(id(values), 0) :]
            if len(new):
                yield _claim(name, new, truth)

    def _lists(self) -> Iterator[tuple[str, Any]]:
        """Every numeric list or array in a public attribute of another callback, with its name.

        Those in a dict count as well.
        """
        for callback in self._others:
            for attribute, value in vars(callback).items():
                if attribute.startswith("_"):
                    continue
                name = f"{type(callback).__name__}.{attribute}"
                if _is_numeric(value):
                    yield name, value
                elif isinstance(value, dict):
                    yield from (
                        (f"{name}[{key!r}]", one) for key, one in value.items() if _is_numeric(one)
                    )

    def _show(self, report: Report) -> None:
        """Print a report without findings; warn if there are findings."""
        if report.ok:
            print(report, file=sys.stderr)
        else:
            warnings.warn(f"\n{report}", LossAuditWarning, stacklevel=2)


def _is_numeric(value: Any) -> bool:
    """Whether a value is a one-dimensional array or list of floats; None marks absent numbers.

    A list of whole numbers alone is taken for counts.
    """
    if isinstance(value, np.ndarray):
        return value.ndim == 1 and value.dtype.kind == "f"
    if not isinstance(value, (list, tuple)):
        return False
    only_counts = all(isinstance(one, (int, np.integer)) for one in value)
    return not only_counts and all(one is None or _is_number(one) for one in value)


def _is_number(value: Any) -> bool:
    """Whether a value is one number."""
    # Keras 3.6 gives callbacks tensors of shape ().
    return isinstance(value, (int, float, np.number)) or (
        getattr(value, "shape", None) == () and np.asarray(value).dtype.kind in "fiu"
    )


def _claim(name: str, values: Any, truth: Recording) -> Claim:
    """The claim that the name of an attribute makes.

    A word in the name that is not understood may mean another loss: the claim is then uncertain.
    """
    named = claim_named(name, values, truth)
    own_name = name.partition(".")[2]
    if Name(own_name).is_plain or named.series.tag != keys.LOSS:
        return named
    # The name of the class alone promises nothing.
    has_promise = claim_named(own_name, values, truth).promises
    return Claim(named.series, named.promises if has_promise else None, certain=False)


def _nothing_captured(truth: Recording) -> Report:
    missed = truth.metadata.get(keys.NOT_CAPTURED) or {"train": "no batch was recorded"}
    findings = tuple(
        not_captured(split, keys.LOSS, "LossAudit", str(reason))
        for split, reason in missed.items()
    )
    return Report(findings=findings, metadata=truth.metadata)


def _failure(error: Exception) -> Finding:
    return Finding(
        AUDITED.code,
        Verdict.UNDECIDABLE,
        f"the audit failed with {type(error).__name__}: {error}. The training was not affected.",
        severity="warning",
        **noticed.AUDIT_FAILED.cited(),
    )
