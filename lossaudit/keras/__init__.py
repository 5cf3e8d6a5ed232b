"""Keras: callbacks that record the true losses inside the training step and audit a run.

`LossRecorder` and `LossAudit` are callbacks, and so is `Summaries`, which writes the true numbers
to TensorBoard. `explain_gap` measures why `evaluate` does not return what `fit` reported.
`RecordingMean` replaces `keras.metrics.Mean` in your own steps, `CompensatedMean` in long runs.
`fit_loop` is `fit` as a hand-written loop. Keras is imported when one of these names is first
used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossaudit._exports import exported

if TYPE_CHECKING:
    from lossaudit.keras.capture.loss_recorder import LossRecorder
    from lossaudit.keras.capture.recording_mean import CompensatedMean, RecordingMean
    from lossaudit.keras.gap.explain import Gap, explain_gap
    from lossaudit.keras.loop import fit_loop
    from lossaudit.keras.loss_audit import LossAudit, LossAuditWarning
    from lossaudit.keras.summaries import Summaries

_HOME = {
    "CompensatedMean": "capture.recording_mean",
    "Gap": "gap.explain",
    "LossAudit": "loss_audit",
    "LossAuditWarning": "loss_audit",
    "LossRecorder": "capture.loss_recorder",
    "RecordingMean": "capture.recording_mean",
    "Summaries": "summaries",
    "explain_gap": "gap.explain",
    "fit_loop": "loop",
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
