"""A progress bar on a terminal, and nothing anywhere else."""

from __future__ import annotations

import sys

import pytest

from lossaudit.report.progress import tracked
from tests.terminals import on_a_terminal

PROGRAM = """
from lossaudit.report.progress import tracked
for number in tracked([1, 2, 3], "Working"):
    print(number)
"""


def test_every_piece_of_work_comes_once_and_in_order(capsys):
    work = ["a", "b", "b"]
    assert list(tracked(work, "Working")) == work
    assert list(tracked([], "Working")) == []
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_a_terminal_shows_what_is_done_and_ends_with_an_empty_line():
    status, shown = on_a_terminal([sys.executable, "-c", PROGRAM])
    assert status == 0
    assert "Working" in shown
    # The bar is erased at the end: the cursor goes back to its line, which is cleared.
    assert shown.rstrip("\r\n").endswith("\x1b[2K")


def test_an_error_in_the_work_is_not_swallowed():
    with pytest.raises(ZeroDivisionError):
        _ = [1 // number for number in tracked([1, 0], "Working")]
