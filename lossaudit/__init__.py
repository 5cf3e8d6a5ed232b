"""Is the loss I logged the loss I had?

A map of the package, in the order in which data flows:

truth       `lossaudit.keras.LossRecorder` (a callback), `lossaudit.Recorder` (a loop of your own)
recording   `Recording` and `Series`: immutable columns that say what they cover
audit       `audit(truth, claims)` judges claims; `diagnose(truth, values)` says what a list of numbers is
logs        `read(path)`: a recording of what Keras, TensorFlow or another program logged
report      `Report`, `Finding`, `Diagnosis`, `Verdict`, `Rule`
cost        `lossaudit.overhead.measure`: what callbacks cost a training

and what all of it is computed with: `ExactSum`, `SumCount`, `WeightedMean`, `KerasMean`,
and `invert_running_mean`.

Importing this package imports the standard library only; a name is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossaudit.exports import exported

if TYPE_CHECKING:
    from lossaudit.accumulators import KerasMean, SumCount, WeightedMean
    from lossaudit.auditing import audit, diagnose
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
    from lossaudit.exact import ExactSum
    from lossaudit.findings import Diagnosis, Finding, Report, Rule, Verdict
    from lossaudit.formats.reading import read
    from lossaudit.inversions import Inversion, invert_running_mean
    from lossaudit.recorders import Recorder
    from lossaudit.recordings import Recording, Series

__version__ = "0.1.0"

_HOME = {
    "AuditError": "errors",
    "CaptureError": "errors",
    "Diagnosis": "findings",
    "EmptyError": "errors",
    "ExactSum": "exact",
    "Finding": "findings",
    "Inversion": "inversions",
    "KerasMean": "accumulators",
    "LogFileError": "errors",
    "LossauditError": "errors",
    "PrecisionError": "errors",
    "Recorder": "recorders",
    "Recording": "recordings",
    "Report": "findings",
    "Rule": "findings",
    "RunFileError": "errors",
    "Series": "recordings",
    "StateError": "errors",
    "SumCount": "accumulators",
    "Verdict": "findings",
    "WeightedMean": "accumulators",
    "audit": "auditing",
    "diagnose": "auditing",
    "invert_running_mean": "inversions",
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
