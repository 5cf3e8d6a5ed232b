"""Logs alone: what they prove by themselves where nobody recorded the truth, and what cannot be judged.

`columns`: which numbers of a log belong together. `averages`: batch values beside the epoch's. `axes`: steps and
epochs. `curves`: the numbers themselves. `totals`: a loss beside its parts. `reports`: all of it as a Report.
"""

from lossaudit.logs import averages, axes, columns, curves, reports, totals
from lossaudit.logs.reports import LOG_CHECKS, LOG_RULES, Recovery, recovered, report_on_logs

__all__ = [
    "LOG_CHECKS",
    "LOG_RULES",
    "Recovery",
    "averages",
    "axes",
    "columns",
    "curves",
    "recovered",
    "report_on_logs",
    "reports",
    "totals",
]
