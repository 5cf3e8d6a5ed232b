"""The public home of `recovered`: batch losses recovered from the running means of a log."""

from lossaudit.auditing.alone.recovery import Recovery, recovered

__all__ = ["Recovery", "recovered"]
