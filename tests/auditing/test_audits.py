"""audit() and diagnose() as a user calls them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lossaudit
from lossaudit import AuditError, Recorder, Recording, Series, audit, diagnose
from lossaudit.auditing.audits import CHECKS
from lossaudit.predictions.quantities import QUANTITIES
from lossaudit.rules.catalogue import RULES
from tests.runs import by_epoch, run, runs


def epoch_means(recording):
    return [
        np.average(losses, weights=rows)
        for losses, rows in by_epoch(recording.find(split="train"))
    ]


def test_a_mapping_a_series_and_a_recording_are_judged_alike():
    means = epoch_means(run())
    series = Series(means, covers="epoch")
    reports = [audit(run(), claims) for claims in ({"loss": means}, series, Recording([series]))]
    assert {report.verdicts[0].verdict for report in reports} == {"exact"}


def test_a_name_that_promises_nothing_is_judged_only_if_recognised():
    report = audit(
        run(), {"values": run().find(split="train").values, "accuracy": [0.1, 0.2, 0.3]}
    )
    assert [(one.origin, one.quantity) for one in report.verdicts] == [("values", "batch_loss")]
    assert report.not_audited == ("accuracy",)


def test_a_loop_audits_its_own_recorder():
    recorder = Recorder()
    for loss, rows in [(1.0, 4), (2.0, 4), (9.0, 2)]:
        recorder.batch(loss, weight=rows)
    recorder.end_epoch(loss=4.0)
    report = audit(recorder.recording, recorder.recording)
    assert [finding.cause for finding in report.findings] == ["short-last-batch-counted-as-full"]
    assert [one.verdict for one in report.verdicts] == ["exact", "wrong"]


@pytest.mark.parametrize("argument", ["select", "ignore"])
def test_a_string_is_one_code_and_a_code_of_no_rule_is_refused(argument):
    truth = Recording([Series([1.0, 2.0, 9.0], weights=[4, 4, 2], epochs=[0, 0, 0])])
    as_string, as_list = (
        audit(truth, {"epoch_loss": [4.0]}, **{argument: one}) for one in ("LA102", ["LA102"])
    )
    assert as_string == as_list
    for beside in (truth, None):
        with pytest.raises(ValueError, match="no rule begins with 'LA999'"):
            audit(beside, {"epoch_loss": [4.0]}, **{argument: ["LA999"]})
    with pytest.raises(ValueError, match="no rule begins with 'LA999'"):
        as_list.selected(**{argument: "LA999"})


@pytest.mark.slow
def test_select_and_ignore_take_beginnings_of_codes():
    claims = {"loss": [4.0, 4.0, 4.0], "val_loss": [None, None, None]}
    assert {one.code for one in audit(run(), claims).findings} == {"LA101", "LA301"}
    assert {one.code for one in audit(run(), claims, select=["LA3"]).findings} == {"LA301"}
    assert {one.code for one in audit(run(), claims, ignore=["LA3"]).findings} == {"LA101"}


@pytest.mark.parametrize(("truth", "claims"), [([1.0], {}), (run(), [1.0])])
def test_a_truth_or_a_claim_of_another_kind_is_refused_with_its_type(truth, claims):
    with pytest.raises(TypeError, match="list"):
        audit(truth, claims)


def test_raise_for_findings_raises_the_report():
    report = audit(run(), {"loss": [4.0, 4.0, 4.0]})
    with pytest.raises(AuditError, match="LA101 loss"):
        report.raise_for_findings()
    audit(run(), {"loss": epoch_means(run())}).raise_for_findings()


def test_json_carries_the_names_of_the_attributes_and_a_schema_version():
    report = json.loads(audit(run(), {"val_loss": [None] * 3}).to_json())
    assert (report["schema"], report["ok"], report["status"]) == (1, False, 1)
    assert report["findings"][0]["cause"] == "missing-key-recorded-as-nan"
    assert report["findings"][0]["observed"] == "nan"
    assert report["verdicts"][0]["verdict"] == "wrong"


def test_the_function_is_not_shadowed_by_the_module_that_holds_it():
    from lossaudit.auditing.audits import audit as same

    assert lossaudit.audit is same
    assert callable(lossaudit.audit)


EXAMPLES = {
    "batch_loss": ([1.0, 2.0, 9.0, 0.5, 0.75, 3.0], ()),
    "running_mean": ([1.0, 1.5, 3.0, 0.5, 0.625, 1.1], ("running-mean-read-as-batch-loss",)),
    "unweighted_running_mean": (
        [1.0, 1.5, 4.0, 0.5, 0.625, 17 / 12],
        ("unweighted-running-mean-read-as-batch-loss",),
    ),
    "cumulative_mean": ([1.0, 1.5, 3.0, 32 / 14, 35 / 18, 2.05], ("state-not-reset",)),
    "epoch_mean": ([3.0, 1.1], ()),
    "mean_of_batch_means": ([4.0, 17 / 12], ("short-last-batch-counted-as-full",)),
    "sum_of_batch_losses": ([12.0, 4.25], ("batch-losses-summed",)),
    "last_batch": ([9.0, 3.0], ("last-batch-shown-as-epoch", "largest-batch-shown-as-epoch")),
    "first_batch": ([1.0, 0.5], ("first-batch-shown-as-epoch", "smallest-batch-shown-as-epoch")),
    "median_batch_loss": ([2.0, 0.75], ("median-shown-as-epoch",)),
    "moving_average": (
        [1.0, 1.1, 1.89, 1.751, 1.6509, 1.78581],
        ("exponential-average-read-as-loss",),
    ),
    "window_mean": ([1.0, 1.5, 5.5, 4.75, 0.625, 1.875], ("window-mean-read-as-loss",)),
    "batch_losses_over_rows": ([1.2, 0.425], ("sum-divided-by-wrong-count",)),
}


PROBE = Recording(
    [Series(EXAMPLES["batch_loss"][0], weights=[4, 4, 2] * 2, epochs=[0, 0, 0, 1, 1, 1])]
)


@pytest.mark.parametrize("quantity", EXAMPLES)
def test_diagnose_says_what_a_list_of_numbers_is(quantity):
    values, causes = EXAMPLES[quantity]
    diagnosis = diagnose(PROBE, values)
    assert (diagnosis.quantity, diagnosis.causes) == (quantity, causes), diagnosis
    assert diagnosis.verdict in ("exact", "consistent")
    assert quantity in str(diagnosis)


def test_diagnose_gives_none_where_nothing_matches():
    diagnosis = diagnose(PROBE, [3.5, 1.9])
    assert (diagnosis.quantity, diagnosis.verdict) == (None, "wrong")
    assert "unexplained" in str(diagnosis)


def test_diagnose_refuses_a_split_without_truth():
    with pytest.raises(LookupError, match="split='test'"):
        diagnose(PROBE, [1.0], split="test")


@pytest.mark.slow
@given(recording=runs(), name=st.sampled_from(sorted(QUANTITIES)))
def test_every_quantity_is_recognised_as_itself_or_as_what_equals_it(recording, name):
    from lossaudit.predictions.truth import truth_about

    about = truth_about(recording, "loss", "train", "float32")
    for prediction in QUANTITIES[name](about, about.batches.values):
        diagnosis = diagnose(recording, prediction.values)
        assert diagnosis.quantity is not None
        assert diagnosis.verdict in ("exact", "consistent")


def test_every_rule_has_a_code_of_its_own_and_says_what_it_expects_and_why():
    assert all(
        code == rule.code and code[:2] == "LA" and code[2:].isdigit()
        for code, rule in RULES.items()
    )
    assert all(rule.expects.endswith(".") and rule.why.endswith(".") for rule in RULES.values())


def test_every_check_says_in_its_docstring_which_rules_it_holds():
    assert all(any(code in check.__doc__ for code in RULES) for check in CHECKS)
