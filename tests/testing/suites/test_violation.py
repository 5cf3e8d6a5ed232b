"""A failed check says what was recorded, what is true, the mistake and the remedy."""

from __future__ import annotations

from lossaudit import Recording, Series
from lossaudit.testing.suites.violation import table


def test_numbers_are_shown_next_to_those_of_their_own_steps():
    truth = Recording([Series([1.0, 2.0, 9.0], weights=[4, 4, 2], epochs=[0, 0, 0])])
    lines = table(truth, Series([9.0, 1.5, 7.0], steps=[2, 0, 3])).splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["0", "1.5", "1", "<--"],
        ["1", "-", "2"],
        ["2", "9", "9"],
        ["3", "7", "-"],
    ]
