"""`lossaudit.logs.recovered`, under its public name; the audit of logs alone is in
`lossaudit.auditing.alone`.
"""

from lossaudit.auditing.alone.recovery import Recovery, recovered

__all__ = ["Recovery", "recovered"]
