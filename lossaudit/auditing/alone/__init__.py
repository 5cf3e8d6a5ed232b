"""Logs alone: what they prove by themselves, where nobody recorded the truth.

`axis`: the series of a file that share one axis. `continuity`: steps and epochs. `pairs`: batch
    values next to the
epoch's. `agreement`: whether they agree. `shapes`: the numbers themselves. `totals`: a loss next
to its parts. `recovery`: batch losses from running means. `judging`: all of it as a report.
"""
