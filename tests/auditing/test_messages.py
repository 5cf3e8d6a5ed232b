"""What a finding says: where, logged, expected, bound, cause, remedy; what tells causes apart."""

from __future__ import annotations

from lossaudit import Recording, Series, audit
from lossaudit.auditing.assessment import Assessment
from lossaudit.auditing.messages import (
    facts,
    finding,
    group_of,
    instead,
    or_else,
    step_of_epoch,
    telling,
)
from lossaudit.predictions.truth import truth_about
from lossaudit.rules.catalogue import RULES
from tests.auditing.checks.tiny import TINY, only


def test_an_epoch_value_message_says_where_observed_expected_bound_cause_and_remedy():
    finding = only(audit(TINY, {"loss": [4.0, 17 / 12]}))
    assert finding.message == (
        "loss (train loss), epoch 0: logged 4.0, but its 3 batches average 3.0 weighted by rows "
        f"(bound {finding.bound:.2g}, float32, 3 additions). The logged value is the unweighted "
        "mean of the "
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
        f"(bound {finding.bound:.2g}, float32). The logged value is the mean of the epoch so far, "
        "weighted by "
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
        f"(bound {finding.bound:.2g}, float32, 3 additions). The logged value is the unweighted "
        "mean of the "
        "batch losses: "
        "the last batch, 2 rows, counts as much as the full ones, 4 rows."
    )
    assert finding.code == "LA103"


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


def assessed(values, covers="epoch", truth=TINY, **columns):
    series = Series(values, covers=covers, **columns)
    return Assessment(series, covers, truth_about(truth, "loss", "train", "float32"))


def test_facts_are_those_of_the_epoch_in_question():
    about = assessed([4.0, 17 / 12])
    assert facts(about, 1, 5) == {
        "split": "train",
        "batches": "3",
        "rows": "10",
        "full": "4",
        "last": "2",
    }


def test_an_epoch_that_was_begun_again_is_that_of_its_latest_session():
    columns = {"weights": [4, 4, 4, 4, 2], "epochs": [0, 0, 0, 0, 0], "steps": [0, 1, 0, 1, 2]}
    about = assessed([1.0], truth=Recording([Series([9.0, 9.0, 1.0, 2.0, 3.0], **columns)]))
    assert group_of(about, 0, 1) == slice(2, 5)
    assert step_of_epoch(about, 0, 2) == 2


def test_what_tells_mistakes_apart_depends_on_what_the_data_lack():
    assert (
        telling(assessed([4.0, 1.5], decimals=1))
        == "A log with more digits would tell them apart."
    )
    equal = Recording([Series([1.0, 3.0], weights=[4, 4], epochs=[0, 0])])
    alike = assessed([1.0, 2.0], "batch", equal)
    assert telling(alike) == "A short last batch would tell them apart."


def test_an_explanation_without_rivals_says_nothing_of_others():
    alone = assessed([4.0, 17 / 12])
    assert or_else(alone) == ""
    assert instead(alone, alone.best.made[0]) == ()


def test_a_finding_about_a_whole_claim_is_wrong_unless_its_fields_say_otherwise():
    rule, about = RULES["LA101"], assessed([4.0, 17 / 12], origin="log.csv: loss")
    plain = finding(rule, about, "A message.")
    assert (plain.verdict, plain.cause, plain.origin) == ("wrong", None, "log.csv: loss")
    named = finding(rule, about, "A message.", causes=("one", "two"), verdict="undecidable")
    assert (named.verdict, named.cause, named.causes) == ("undecidable", "one", ("one", "two"))
