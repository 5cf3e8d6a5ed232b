"""All exceptions of lossaudit, each with its usual cause and a remedy."""

from __future__ import annotations


class LossauditError(Exception):
    """Base of all errors of lossaudit."""


class EmptyError(LossauditError, ValueError):
    """A result was requested before anything was added.

    Usual cause: `result()` before the first `update_state()`, or a total weight of zero.
    Remedy: update first, or decide in your own code what an empty epoch means.
    """


class StateError(LossauditError, ValueError):
    """A saved state is damaged, or has another class or version.

    Remedy: load it with the class and version that its `class` and `version` fields name.
    """


class PrecisionError(LossauditError, ArithmeticError):
    """The thread cannot add these numbers exactly.

    Usual cause: an update inside `tf.numpy_function`, `tf.py_function` or `Dataset.map`, whose
    threads treat subnormal numbers as zero.
    Remedy: return the number from that function, and update outside.
    """


class CaptureError(LossauditError, RuntimeError):
    """The losses of some batches could not be recorded.

    Usual cause: a `train_step` that never updates the model's loss tracker, or a buffer that was
    read too late.
    Remedy: the message says how many batches there were and what to change.
    """


class RunFileError(LossauditError, ValueError):
    """A run file is damaged, cannot be written, or is not a run file.

    Remedy: the message names the file and the reason.
    """


class LogFileError(LossauditError, ValueError):
    """A log has an unknown format, is damaged, or lacks the requested column or run.

    Usual cause: a file of another kind, a changed byte, several runs in one file, or a missing
    column.
    Remedy: the message says what was expected and what was found. `lossaudit.read` takes the names
    of columns and of the run as arguments.
    """


class SettingsError(LossauditError, ValueError):
    """A key or value of `[tool.lossaudit]` in a `pyproject.toml` is not a valid setting.

    Remedy: the message names the file, the key, its value and the allowed values.
    """


class AuditError(LossauditError, AssertionError):
    """A report has findings.

    Raised by `Report.raise_for_findings()` and `LossAudit(on_violation="raise")`.
    Remedy: the message is the report; each finding has a place, a cause and a remedy.
    """


class RunFileWarning(UserWarning):
    """A recorder cannot write its run file; the losses stay in memory and training continues.

    Remedy: the message names the file and the reason. `recorder.recording.save(path)` writes the
    recorded losses.
    """
