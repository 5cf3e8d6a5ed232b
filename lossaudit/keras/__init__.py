"""For Keras: what records the truth inside the training step, and what audits a run.

`LossRecorder` and `LossAudit` are callbacks, and so is `Summaries`, which writes what is true to TensorBoard.
`explain_gap` says why `evaluate` does not give what `fit` reported. `RecordingMean` replaces `keras.metrics.Mean` in
steps of your own, `CompensatedMean` in long runs, and `fit_loop` is `fit` as a hand-written loop. Keras is imported
when one of these names is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossaudit.exports import exported

if TYPE_CHECKING:
    from lossaudit.keras.audits import LossAudit, LossAuditWarning
    from lossaudit.keras.callbacks import LossRecorder
    from lossaudit.keras.gaps import Gap, explain_gap
    from lossaudit.keras.loops import fit_loop
    from lossaudit.keras.metrics import CompensatedMean, RecordingMean
    from lossaudit.keras.summaries import Summaries

_HOME = {
    "CompensatedMean": "metrics",
    "Gap": "gaps",
    "LossAudit": "audits",
    "LossAuditWarning": "audits",
    "LossRecorder": "callbacks",
    "RecordingMean": "metrics",
    "Summaries": "summaries",
    "explain_gap": "gaps",
    "fit_loop": "loops",
}

__all__ = [
    "CompensatedMean",
    "Gap",
    "LossAudit",
    "LossAuditWarning",
    "LossRecorder",
    "RecordingMean",
    "Summaries",
    "explain_gap",
    "fit_loop",
]

__getattr__, __dir__ = exported(__name__, _HOME)
