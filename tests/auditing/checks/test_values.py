"""Each check: a planted fault, a clean run, a near miss; each message once in full."""

from __future__ import annotations

import numpy as np
import pytest

from lossaudit import Recording, Series, audit
from lossaudit.arithmetic.replay import replay_keras_mean
from lossaudit.auditing.audits import CHECKS
from lossaudit.rules.catalogue import RULES
from tests.runs import run

TINY = Recording(
    [
        Series([1.0, 2.0, 9.0, 0.5, 0.75, 3.0], weights=[4, 4, 2] * 2, epochs=[0, 0, 0, 1, 1, 1]),
        Series([5.0, 6.0, 0.5, 0.25], split="validation", weights=[3, 2] * 2, epochs=[0, 0, 1, 1]),
    ]
)


def only(report):
    (finding,) = report.findings
    return finding


def test_an_epoch_value_message_says_where_observed_expected_bound_cause_and_remedy():
    finding = only(audit(TINY, {"loss": [4.0, 17 / 12]}))
    assert finding.message == (
        "loss (train loss), epoch 0: logged 4.0, but its 3 batches average 3.0 weighted by rows "
        f"(bound {finding.bound:.2g}, float32, 3 additions). It is the unweighted mean of the "
        "batch losses: "
        "the last batch, 2 rows, counts as much as the full ones, 4 rows."
    )
    assert (
        finding.remedy
        == "Weight each batch by its rows: `mean.update_state(loss, sample_weight=len(x))`."
    )
    assert (finding.code, finding.epoch, finding.step, finding.observed, finding.expected) == (
        "LA101",
        0,
        None,
        4.0,
        3.0,
    )


def test_a_batch_value_message_names_the_first_batch_at_which_the_mistake_shows():
    finding = only(audit(TINY, {"batch_losses": [1.0, 1.5, 3.0, 0.5, 0.625, 1.1]}))
    assert finding.message == (
        "batch_losses (train loss), epoch 0, batch 1 (step 1): logged 1.5, but the loss of that "
        "batch is 2.0 "
        f"(bound {finding.bound:.2g}, float32). It is the mean of the epoch so far, weighted by "
        "rows: "
        "Keras resets its loss metric once an epoch, so what a callback gets after a batch "
        "is not the loss of that batch."
    )
    assert finding.remedy == (
        "Take the batch losses from `lossaudit.keras.LossRecorder()`: "
        "`recorder.recording.find(split='train').values`."
    )
    assert (finding.code, finding.epoch, finding.step) == ("LA102", 0, 1)


def test_a_running_value_message_says_what_the_mean_so_far_is():
    finding = only(
        audit(TINY, Series([1.0, 1.5, 4.0, 0.5, 0.625, 17 / 12], covers="epoch_so_far"))
    )
    assert finding.message == (
        "train loss, epoch 0, batch 2 (step 2): logged 4.0, but the mean of the epoch so far is "
        "3.0 weighted by rows "
        f"(bound {finding.bound:.2g}, float32, 3 additions). It is the unweighted mean of the "
        "batch losses: "
        "the last batch, 2 rows, counts as much as the full ones, 4 rows."
    )
    assert finding.code == "LA103"


def test_numbers_logged_one_step_late_are_found_with_and_without_steps():
    losses = run().find(split="train").values
    with_steps = only(audit(run(), Series(losses, steps=range(1, len(losses) + 1))))
    without_steps = only(audit(run(), Series([0.0, *losses[:-1]])))
    assert (
        (with_steps.code, with_steps.cause)
        == (without_steps.code, without_steps.cause)
        == ("LA201", "steps-shifted")
    )
    assert (
        with_steps.message
        == "train loss: each number is logged 1 place later than it was measured."
    )


def test_steps_that_restart_with_every_epoch_are_found():
    train = run().find(split="train")
    finding = only(audit(run(), Series(train.values, steps=np.arange(len(train)) % 11)))
    assert (finding.code, finding.cause) == ("LA201", "steps-restarted")
    assert finding.message == (
        "train loss: the numbers are in order, but from position 11 on they stand at step 0 "
        "where the truth has step 11."
    )


def test_a_log_of_some_steps_is_right_where_it_says_which():
    train = run().find(split="train")
    assert audit(run(), Series(train.values[::10], steps=train.steps[::10])).ok


@pytest.mark.parametrize(
    ("kept", "which"),
    [
        (slice(None, -2), "the last ones"),
        (slice(2, None), "the first ones"),
        (slice(None, None, 4), "all but one in 4, from the first on"),
        (slice(3, None, 4), "all but one in 4"),
    ],
)
def test_missing_batches_are_found_and_it_is_said_which(kept, which):
    losses = run().find(split="train").values
    finding = only(audit(run(), Series(losses[kept])))
    assert (finding.code, finding.cause) == ("LA202", "batches-missing")
    missing = len(losses) - len(losses[kept])
    assert (
        finding.message == f"train loss: {missing} of {len(losses)} numbers are missing: {which}."
    )


def test_batches_missing_at_random_are_found_by_their_bits():
    losses = run().find(split="train").values
    finding = only(audit(run(), Series(np.delete(losses, [7, 19]))))
    assert finding.cause == "batches-missing"
    assert finding.message == "train loss: 2 of 33 numbers are missing, the first at position 7."


def test_a_running_mean_with_missing_batches_has_two_findings():
    means = np.concatenate(
        [
            np.cumsum(part * n) / np.cumsum(n)
            for part, n in [(run().find(split="train").values[:11], np.array([96] * 10 + [40]))]
        ]
    )
    one_epoch = run(epochs=1)
    findings = audit(one_epoch, Series(means[1::2], covers="batch")).findings
    assert {finding.cause for finding in findings} >= {
        "batches-missing",
        "running-mean-read-as-batch-loss",
    }


def test_numbers_older_than_the_truth_are_not_judged_and_that_is_said():
    losses = run().find(split="train").values
    report = audit(run(), Series([0.1, 0.2, *losses]))
    finding = only(report)
    assert (finding.code, finding.verdict, finding.severity) == ("LA203", "undecidable", "warning")
    assert finding.message == "train loss: the first 2 of 35 numbers have no recorded truth."
    assert (report.status, report.verdicts[0].verdict) == (2, "undecidable")


def test_an_absent_key_recorded_as_nan_is_found():
    finding = only(audit(TINY, {"val_loss": [None, float("nan")]}))
    assert (finding.code, finding.cause) == ("LA301", "missing-key-recorded-as-nan")
    assert finding.message == (
        "val_loss (validation loss): 2 of 2 numbers are NaN or None, the first at position 0, but "
        "every true loss is "
        "finite. The key was absent from the logs when it was read."
    )


def test_nan_that_the_training_had_is_no_finding():
    diverged = Recording([Series([1.0, np.nan], weights=[2, 2], epochs=[0, 0])])
    report = audit(diverged, {"batch_losses": [1.0, np.nan], "epoch_loss": [np.nan]})
    assert report.ok
    assert {one.verdict for one in report.verdicts} == {"exact"}


def test_infinity_that_the_training_had_is_no_finding():
    diverged = Recording([Series([1.0, np.inf], weights=[2, 2], epochs=[0, 0])])
    assert audit(diverged, {"batch_losses": [1.0, np.inf], "epoch_loss": [np.inf]}).ok


def test_a_finite_number_where_the_truth_is_nan_is_wrong():
    diverged = Recording([Series([1.0, np.nan], weights=[2, 2], epochs=[0, 0])])
    assert only(audit(diverged, {"epoch_loss": [1.0]})).verdict == "wrong"


def test_one_unit_in_the_last_place_is_a_near_miss_and_two_bounds_are_wrong():
    right = float(np.average(TINY.find(split="train").values[:3], weights=[4, 4, 2]))
    bound = only(audit(TINY, {"loss": [4.0, 1.1]})).bound
    near = audit(TINY, {"loss": [float(np.nextafter(np.float32(right), np.float32(9))), 1.1]})
    far = audit(TINY, {"loss": [right + 2 * bound, 1.1]})
    assert (near.verdicts[0].verdict, far.verdicts[0].verdict) == ("consistent", "wrong")


def test_keras_own_float32_mean_is_exact():
    losses, rows = np.float32([0.1, 0.7, 0.3]), np.float32([4, 4, 2])
    total = np.add.accumulate(losses * rows, dtype=np.float32)
    logged = total / np.add.accumulate(rows, dtype=np.float32)
    truth = Recording([Series(losses, weights=rows, epochs=[0, 0, 0])])
    report = audit(truth, {"running_loss": logged, "epoch_loss": logged[-1:]})
    assert [one.verdict for one in report.verdicts] == ["exact", "exact"]


def test_too_few_digits_are_undecidable_with_what_would_tell():
    close = Recording([Series([1.0, 1.001, 1.004], weights=[4, 4, 2], epochs=[0, 0, 0])])
    finding = only(audit(close, Series([1.0], covers="epoch", decimals=2)))
    assert finding.verdict == "undecidable"
    assert finding.message.startswith(
        "train loss: cannot be judged: the numbers are too coarse: "
        "short-last-batch-counted-as-full"
    )
    assert finding.message.endswith("A log with more digits would tell them apart.")


def test_a_rounded_log_that_can_only_be_right_is_consistent():
    report = audit(TINY, Series([3.0, 1.1], covers="epoch", decimals=2))
    assert report.verdicts[0].verdict == "consistent"


def test_unknown_rows_are_undecidable():
    truth = Recording([Series([1.0, 2.0, 9.0], epochs=[0, 0, 0])])
    finding = only(audit(truth, {"epoch_loss": [4.0]}))
    assert finding.message == (
        "epoch_loss (train loss): cannot be judged: the rows of the batches are unknown, "
        "so no weighted mean can be formed"
    )


def test_an_empty_log_and_a_split_without_truth_are_undecidable_never_a_pass():
    empty, other = audit(TINY, Series([])), audit(TINY, Series([1.0], split="test"))
    assert (only(empty).verdict, only(other).verdict) == ("undecidable", "undecidable")
    assert only(other).code == "LA401"
    assert (empty.status, other.status, audit(TINY, {}).status) == (2, 2, 2)


def test_several_causes_that_log_the_same_numbers_are_listed_with_what_tells_them_apart():
    equal = Recording([Series([1.0, 3.0, 5.0], weights=[4, 4, 4], epochs=[0, 0, 0])])
    finding = only(audit(equal, {"batch_losses": [1.0, 2.0, 3.0]}))
    assert finding.causes == (
        "running-mean-read-as-batch-loss",
        "unweighted-running-mean-read-as-batch-loss",
    )
    other = "unweighted-running-mean-read-as-batch-loss"
    assert finding.message.endswith(
        f" Indistinguishable on this data: {other}. A short last batch would tell them apart."
    )


def test_every_rule_has_a_code_of_its_own_and_says_what_it_expects_and_why():
    assert all(
        code == rule.code and code[:2] == "LA" and code[2:].isdigit()
        for code, rule in RULES.items()
    )
    assert all(rule.expects.endswith(".") and rule.why.endswith(".") for rule in RULES.values())


def test_every_check_says_in_its_docstring_which_rules_it_holds():
    assert all(any(code in check.__doc__ for code in RULES) for check in CHECKS)


def test_an_accumulator_that_has_lost_a_batch_has_drifted():
    losses = np.full(20_000, np.float32(0.1))
    long = Recording(
        [Series(losses, weights=[32] * 20_000, epochs=[0] * 20_000, steps=range(20_000))]
    )
    drifted = float(replay_keras_mean(losses, np.full(20_000, 32.0)).mean[-1])
    report = audit(long, Series([drifted], covers="epoch"))
    assert report.verdicts[0].verdict == "wrong"
    finding = only(report)
    assert (finding.code, finding.cause) == ("LA302", "accumulator-drifted")
    assert "an accumulator in float32" in finding.message
    assert audit(long, Series([np.float32(0.1)], covers="epoch")).ok


def test_an_accumulator_that_has_rounded_has_not_drifted():
    random = np.random.default_rng(0)
    losses = np.float32(random.lognormal(-1, 0.5, 20_000))
    long = Recording(
        [Series(losses, weights=[32] * 20_000, epochs=[0] * 20_000, steps=range(20_000))]
    )
    replayed = replay_keras_mean(losses, np.full(20_000, 32.0)).mean
    assert audit(long, {"History": Series(replayed[-1:], covers="epoch")}).ok
    assert audit(long, {"shown": Series(replayed, covers="epoch_so_far")}).ok
