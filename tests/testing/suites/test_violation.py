"""A failed check says what was recorded, what is true, the mistake and the remedy."""

from __future__ import annotations

import numpy as np

from lossaudit import Recording, Series
from lossaudit.predictions.mistakes import MISTAKES
from lossaudit.testing.suites.violation import Violation, judged, table


def test_numbers_are_shown_next_to_those_of_their_own_steps():
    truth = Recording([Series([1.0, 2.0, 9.0], weights=[4, 4, 2], epochs=[0, 0, 0])])
    lines = table(truth, Series([9.0, 1.5, 7.0], steps=[2, 0, 3])).splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["0", "1.5", "1", "<--"],
        ["1", "-", "2"],
        ["2", "9", "9"],
        ["3", "7", "-"],
    ]


TRUTH = Recording([Series([1.0, 2.0, 9.0], weights=[4, 4, 2], epochs=[0, 0, 0])])


def test_causes_are_searched_once_and_not_before_somebody_asks():
    asked = []

    def search():
        asked.append(1)
        return ["a-cause"]

    violation = Violation("wrong", search)
    assert asked == []
    assert (violation.causes, violation.causes) == (("a-cause",),) * 2
    assert asked == [1]


def test_a_violation_says_message_cause_and_remedy_and_a_heading_comes_before_all():
    plain = Violation("2 is not 3")
    assert str(plain) == plain.summary == "2 is not 3\nCause: unexplained"
    named = Violation.by(MISTAKES["state-not-reset"], "2 is not 3").headed("LA111 Mine resets:")
    assert named.summary == "LA111 Mine resets:\n2 is not 3\nCause: state-not-reset"
    assert str(named) == f"{named.summary}\nRemedy: {MISTAKES['state-not-reset'].remedy}"


def test_the_example_that_hypothesis_noted_comes_last():
    violation = Violation("2 is not 3")
    violation.add_note("Falsifying example: …")
    assert violation.lossaudit_message == f"{violation}\nFalsifying example: …"


def test_right_numbers_are_no_violation_and_wrong_ones_have_their_table_and_cause():
    assert judged(TRUTH, [Series([3.0], covers="epoch")], "a training") is None
    wrong = judged(TRUTH, [Series([4.0], covers="epoch")], "a training")
    assert wrong.causes == ("short-last-batch-counted-as-full",)
    assert str(wrong).startswith("a training\n   epoch")


def test_where_nothing_was_recorded_nothing_is_right():
    assert "nothing was recorded that could be judged" in str(judged(TRUTH, [], "a training"))


def test_a_long_table_shows_some_rows_around_the_first_that_differs():
    values = np.arange(100.0)
    truth = Recording([Series(values, weights=[1] * 100, epochs=[0] * 100)])
    wrong = values.copy()
    wrong[50:] += 1
    lines = table(truth, Series(wrong)).splitlines()
    assert len(lines) == 13
    (marked,) = (line for line in lines if line.endswith("<--"))
    assert marked.split() == ["50", "51", "50", "<--"]
    assert lines[7] == marked


def test_numbers_of_another_length_are_shown_by_position():
    lines = table(TRUTH, Series([1.0, 2.0])).splitlines()[1:]
    assert [line.split() for line in lines] == [
        ["0", "1", "1"],
        ["1", "2", "2"],
        ["2", "-", "9", "<--"],
    ]
