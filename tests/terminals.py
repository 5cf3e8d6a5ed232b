"""Commands whose standard error is a terminal."""

from __future__ import annotations

import os
import subprocess


def on_a_terminal(program: list[str]) -> tuple[int, str]:
    """The exit status of a command, and what it showed on the terminal."""
    import pty

    ours, theirs = pty.openpty()
    with subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=theirs) as command:
        os.close(theirs)
        shown = b""
        while True:
            try:
                shown += os.read(ours, 65536)
            except OSError:  # what Linux says when the other end is closed
                break
        status = command.wait()
    os.close(ours)
    return status, shown.decode()
