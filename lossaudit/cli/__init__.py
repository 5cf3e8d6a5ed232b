"""The command line: demo, run, audit, verify, rule, bench."""

from lossaudit.cli.commands import main

__all__ = ["main"]
