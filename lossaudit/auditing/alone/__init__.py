"""Logs without a truth: what they prove by themselves.

`log`: what the checks judge, computed once. `log_check`: the registry of checks.
`axis`: series of a file that share an axis. `gaps`, `restarts`: steps and epochs.
`pair`, `pairing`: batch values with epoch values. `agreement`: whether they agree.
`copies`, `stalls`, `vanished_nan`: the numbers themselves. `totals`: a loss and its parts.
`log_claims`, `proofs`, `judging`: all of it as a report. `recovery`: batch losses from running
means.
"""
