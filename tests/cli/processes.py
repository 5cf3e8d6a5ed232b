"""The command in a process of its own."""

from __future__ import annotations

import subprocess
import sys


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "lossaudit.cli", *map(str, arguments)]
    return subprocess.run(program, capture_output=True, text=True, check=False)
