"""Every exception of lossaudit; each says its usual cause and the way out."""

from __future__ import annotations


class LossauditError(Exception):
    """Any error that lossaudit raises on purpose; catch it to catch them all."""


class EmptyError(LossauditError, ValueError):
    """The result of nothing was asked for.

    Usual cause: `result()` before the first `update_state()`, or a total weight of zero.
    Way out: update first, or decide in your own code what an empty epoch means.
    """


class StateError(LossauditError, ValueError):
    """A saved state is damaged, of another class, or of a newer version.

    Way out: load it with the class and version that its `class` and `version` fields name.
    """


class PrecisionError(LossauditError, ArithmeticError):
    """The thread cannot add these numbers exactly.

    Usual cause: an update inside `tf.numpy_function`, `tf.py_function` or `Dataset.map`, whose
    threads take subnormal numbers for zero. Way out: return the number from there, and update
    outside.
    """


class CaptureError(LossauditError, RuntimeError):
    """Batches were trained on, but their losses could not all be recorded.

    Usual cause: a `train_step` that never updates the model's loss tracker, or a ring that was
    read too late. Way out: the message names the number of batches and what to change.
    """


class RunFileError(LossauditError, ValueError):
    """A file is not one that lossaudit can read.

    Way out: the message names the file and what was expected in it.
    """


class LogFileError(LossauditError, ValueError):
    """A log is of no known format, is damaged, or does not say what is asked of it.

    Usual cause: a file of another kind, a byte that changed, several runs in one file, or a column
    that is not there. Way out: the message names the path, what was looked for and what was found;
    `lossaudit.read` takes the names of columns and the run as arguments.
    """


class SettingsError(LossauditError, ValueError):
    """What `[tool.lossaudit]` in a `pyproject.toml` says is no setting.

    Way out: the message names the file, the key, its value and what is allowed.
    """


class AuditError(LossauditError, AssertionError):
    """A report has findings; raised by `Report.raise_for_findings()` and
    `LossAudit(on_violation="raise")`.

    Way out: the message is the report; each finding says where, what was expected, why, and how to
    mend it.
    """


class RunFileWarning(UserWarning):
    """A recorder cannot write its run file; the training goes on, and what is not written stays in
    memory.

    Way out: the message names the file and the reason; `recorder.recording.save(path)` writes what
    was recorded.
    """
