"""assert_faithful: right numbers give the report, any others an error that shows them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lossaudit import AuditError, Recorder, Recording, Series
from lossaudit.testing import assert_faithful

TRUTH = Recording([Series([1.0, 2.0, 9.0], weights=[4, 4, 2], epochs=[0, 0, 0])])


def test_right_numbers_give_the_report():
    report = assert_faithful([1.0, 2.0, 9.0], TRUTH)
    assert [str(one) for one in report.verdicts] == [
        "logged: exact as batch_loss (3 of train loss)"
    ]


@pytest.mark.parametrize(
    ("numbers", "covers"), [([1.0, 1.5, 3.0], "epoch_so_far"), ([3.0], "epoch")]
)
def test_numbers_are_compared_by_what_they_cover(numbers, covers):
    assert assert_faithful(numbers, TRUTH, covers=covers).ok
    with pytest.raises(AssertionError):
        assert_faithful(numbers, TRUTH, covers="batch")


@pytest.mark.parametrize("given", [{"ignore": "LA102"}, {"select": "LA101"}])
def test_a_string_is_one_code(given):
    assert assert_faithful([1.0, 1.5, 3.0], TRUTH, **given).findings == ()
    with pytest.raises(AssertionError):
        assert_faithful([1.0, 1.5, 3.0], TRUTH, select="LA102", ignore="LA101")


@pytest.mark.parametrize("argument", ["select", "ignore"])
def test_a_code_of_no_rule_is_refused(argument):
    with pytest.raises(ValueError, match="no rule begins with 'LA999'"):
        assert_faithful([1.0, 1.5, 3.0], TRUTH, **{argument: ["LA999"]})


def test_numbers_that_differ_are_shown_with_their_own_steps():
    with pytest.raises(AuditError) as raised:
        assert_faithful(Series([9.0, 2.0, 1.5], steps=[2, 1, 0]), TRUTH)
    assert str(raised.value).endswith(
        "1 of 3 numbers differ:\n  [2] logged 1.5, expected 1.0 (epoch 0, step 0)"
    )


def test_a_number_at_a_step_that_was_not_recorded_is_not_compared():
    with pytest.raises(AuditError) as raised:
        assert_faithful(Series([1.0, 2.5, 7.0], steps=[0, 1, 5]), TRUTH)
    assert str(raised.value).endswith(
        "1 of 2 numbers with a counterpart differ:\n"
        "  [1] logged 2.5, expected 2.0 (epoch 0, step 1)"
    )


def test_the_message_is_the_report_and_the_numbers_that_differ():
    with pytest.raises(AuditError) as failure:
        assert_faithful([1.0, 1.5, 3.0], TRUTH, covers="batch")
    assert str(failure.value) == (
        "LA102 logged (train loss), epoch 0, batch 1 (step 1): logged 1.5, but the loss of that "
        "batch is 2.0 (bound "
        "7.2e-07, float32). The logged value is the mean of the epoch so far, weighted by rows: "
        "Keras resets "
        "its loss metric once an "
        "epoch, so what a callback gets after a batch is not the loss of that batch.\n"
        "  Remedy: Take the batch losses from `lossaudit.keras.LossRecorder()`: "
        "`recorder.recording.find(split='train').values`.\n"
        "logged: wrong as running_mean (3 of train loss)\n"
        "2 of 3 numbers differ:\n"
        "  [1] logged 1.5, expected 2.0 (epoch 0)\n"
        "  [2] logged 3.0, expected 9.0 (epoch 0)"
    )


def test_of_many_numbers_that_differ_the_first_three_are_shown():
    truth = Recording([Series([1.0, 2.0, 4.0, 8.0, 16.0])])
    with pytest.raises(
        AuditError, match=r"5 of 5 numbers differ, the first:\n  \[0\].*\n  \[1\].*\n  \[2\].*$"
    ):
        assert_faithful([5.0, 6.0, 7.0, 9.0, 10.0], truth)


@pytest.mark.parametrize("logged", [[], {"accuracy": [0.5]}, {}, Recording([])])
def test_nothing_to_audit_is_never_a_pass(logged):
    with pytest.raises(AuditError, match=r"empty|nothing to audit"):
        assert_faithful(logged, TRUTH)


def test_a_name_that_was_not_audited_is_reported():
    with pytest.raises(AuditError, match="not audited: accuracy"):
        assert_faithful({"accuracy": [0.5]}, TRUTH)


def test_a_truth_of_another_split_is_undecidable_and_fails():
    with pytest.raises(AuditError, match="no batch of validation loss was recorded"):
        assert_faithful([1.0], TRUTH, split="validation")


def test_a_recorder_is_a_truth():
    recorder = Recorder()
    for loss, rows in [(1.0, 4), (2.0, 4), (9.0, 2)]:
        recorder.batch(loss, weight=rows)
    assert assert_faithful(iter([1.0, 2.0, 9.0]), recorder).ok


@pytest.mark.parametrize("logged", [Series([3.0], covers="epoch"), {"epoch_loss": [3.0]}])
def test_covers_and_tag_cannot_be_given_for_a_series_or_a_mapping(logged):
    assert assert_faithful(logged, TRUTH).ok
    with pytest.raises(
        TypeError, match=r"covers='batch', tag='loss' cannot be given for a \w+, which has its own"
    ):
        assert_faithful(logged, TRUTH, covers="batch", tag="loss")


@pytest.mark.parametrize("truth", [None, [1.0, 2.0], object()])
def test_a_truth_without_a_recording_is_refused(truth):
    with pytest.raises(TypeError, match=r"^truth=.* must be a Recording or have one, not \w+$"):
        assert_faithful([1.0], truth)


def test_rules_can_be_ignored_in_one_assertion():
    assert_faithful([1.0, 1.5, 3.0], TRUTH, ignore=["LA102"])
    assert_faithful([1.0, 1.5, 3.0], TRUTH, select=["LA2"])


def test_assertions_work_without_pytest_and_also_where_asserts_are_switched_off():
    program = (
        "import sys\nfrom lossaudit import Recording, Series\nfrom lossaudit.testing import "
        "assert_faithful\n"
        "truth = Recording([Series([1.0, 2.0])])\nassert_faithful([1.0, 2.0], truth)\n"
        "try: assert_faithful([1.0, 3.0], truth)\n"
        "except AssertionError as error: print('pytest' in sys.modules, 'keras' in sys.modules, "
        "str(error)[:5])"
    )
    done = subprocess.run(
        [sys.executable, "-O", "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout == "False False LA102\n"
