"""Is the loss I logged the loss I had?

Data flows one way: truth, recording, audit, report. The entries of the package stand in the order
in which they may import: each only from those above it.

errors          every exception: its usual cause, and the way out
arithmetic      exact sums, accumulators, Keras' mean replayed, proven bounds, inversion
recording       series, names and origins, the run file, `Recording`, `Recorder`
rules           every rule by hundred, selection of codes, example programs: data only
formats         one reader for each log format
report          verdict, findings, `Report`; as text, JSON, page, annotations and plots
predictions     the truth, quantities and mistakes: what a logged number may be
auditing        claims next to the truth, the search for an explanation, checks; logs alone
logs            `lossaudit.logs.recovered`
keras           `LossRecorder`, `LossAudit`, `fit_loop`, `explain_gap`, `Summaries`
overhead        what a callback costs a training
testing         `conformance`, `assert_faithful`, planted faults, facts about Keras
pytest_plugin   the fixture, the marker and the options of pytest
cli             the commands: demo, run, audit, verify, rule, bench

Importing this package imports the standard library only; a name is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossaudit._exports import exported

if TYPE_CHECKING:
    from lossaudit.arithmetic.accumulators import KerasMean, SumCount, WeightedMean
    from lossaudit.arithmetic.exact import ExactSum
    from lossaudit.arithmetic.inversion import Inversion, invert_running_mean
    from lossaudit.auditing.audits import audit, diagnose
    from lossaudit.errors import (
        AuditError,
        CaptureError,
        EmptyError,
        LogFileError,
        LossauditError,
        PrecisionError,
        RunFileError,
        StateError,
    )
    from lossaudit.formats.reading import read
    from lossaudit.recording.recorder import Recorder
    from lossaudit.recording.recording import Recording
    from lossaudit.recording.series import Series
    from lossaudit.report.findings import Diagnosis, Finding
    from lossaudit.report.report import Report
    from lossaudit.report.verdict import Verdict
    from lossaudit.rules.rule import Rule

__version__ = "0.1.0"

_HOME = {
    "AuditError": "errors",
    "CaptureError": "errors",
    "Diagnosis": "report.findings",
    "EmptyError": "errors",
    "ExactSum": "arithmetic.exact",
    "Finding": "report.findings",
    "Inversion": "arithmetic.inversion",
    "KerasMean": "arithmetic.accumulators",
    "LogFileError": "errors",
    "LossauditError": "errors",
    "PrecisionError": "errors",
    "Recorder": "recording.recorder",
    "Recording": "recording.recording",
    "Report": "report.report",
    "Rule": "rules.rule",
    "RunFileError": "errors",
    "Series": "recording.series",
    "StateError": "errors",
    "SumCount": "arithmetic.accumulators",
    "Verdict": "report.verdict",
    "WeightedMean": "arithmetic.accumulators",
    "audit": "auditing.audits",
    "diagnose": "auditing.audits",
    "invert_running_mean": "arithmetic.inversion",
    "read": "formats.reading",
}

__all__ = [
    "AuditError",
    "CaptureError",
    "Diagnosis",
    "EmptyError",
    "ExactSum",
    "Finding",
    "Inversion",
    "KerasMean",
    "LogFileError",
    "LossauditError",
    "PrecisionError",
    "Recorder",
    "Recording",
    "Report",
    "Rule",
    "RunFileError",
    "Series",
    "StateError",
    "SumCount",
    "Verdict",
    "WeightedMean",
    "audit",
    "diagnose",
    "invert_running_mean",
    "read",
]

__getattr__, __dir__ = exported(__name__, _HOME)
