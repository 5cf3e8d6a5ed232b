"""Python programs in processes of their own, forked from one that has imported Keras and computed
nothing yet.

Importing TensorFlow takes longer than most of these programs. What they are about is never the
import; where it is, a test starts a new interpreter.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
SERVER = """
import json, os, runpy, sys
import keras, tensorflow
for line in sys.stdin:
    arguments, streams = json.loads(line)
    child = os.fork()
    if child == 0:
        for number, path in enumerate(streams, 1):
            os.dup2(os.open(path, os.O_CREAT | os.O_WRONLY), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.argv = arguments
        runpy.run_path(arguments[0], run_name="__main__")
        sys.exit()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def forked(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """What a program prints, as `python -c` would run it; `sys.argv` begins with the path of a
    copy of it.
    """
    with tempfile.TemporaryDirectory() as folder:
        path, *streams = (os.path.join(folder, name) for name in ("program.py", "out", "err"))
        Path(path).write_text(program, "utf-8")
        told = [path, *map(str, arguments)]
        print(json.dumps([told, streams]), file=_server().stdin, flush=True)
        status = int(_server().stdout.readline())
        return subprocess.CompletedProcess(
            told, status, *(Path(one).read_text("utf-8") for one in streams)
        )


@cache
def _server() -> subprocess.Popen[str]:
    """The process that forks; it ends with this one, which holds its standard input."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    arguments = [sys.executable, "-c", SERVER]
    return subprocess.Popen(
        arguments,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=ROOT,
    )
