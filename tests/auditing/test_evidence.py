"""What a plot of a claim shows, on the axis of the truth."""

from __future__ import annotations

import numpy as np
import pytest

from lossaudit import Recording, Series, audit
from lossaudit.auditing.assessment import Assessment
from lossaudit.predictions.truth import truth_about
from tests.auditing.checks.tiny import TINY
from tests.auditing.six_epochs import RUN, TRAIN, epoch_means
from tests.runs import by_epoch, run


def shown(claim, truth=TINY):
    about = truth_about(truth, "loss", "train", "float32")
    return Assessment(claim, claim.covers, about).drawing()


def test_epoch_values_stand_at_the_last_batches_of_their_epochs():
    found = shown(Series([3.0, 1.1], covers="epoch"))
    assert (found.unit, found.logged.places.tolist()) == ("step", [2.0, 5.0])
    assert found.true.values.tolist() == TINY.find(split="train").values.tolist()
    assert (found.unplaced, found.mistake, found.predicted) == (0, "", None)


def test_a_wrong_claim_is_shown_with_what_its_mistake_predicts_and_the_rest_within_the_bound():
    found = shown(Series([4.0, 17 / 12], covers="epoch"))
    assert found.mistake == "short-last-batch-counted-as-full"
    assert np.all(np.abs(found.rest.values) <= found.rest_band.high)
    assert np.all(found.expected.values != found.logged.values)


def test_numbers_without_a_place_are_counted_and_not_drawn():
    losses = TINY.find(split="train").values
    found = shown(Series([0.1, 0.2, *losses]))
    assert found.unplaced == 2
    assert found.logged.values.tolist() == losses.tolist()


def test_steps_that_do_not_only_rise_are_counted_through():
    train = RUN.find()
    again = np.append(np.arange(15), np.arange(11, 22))
    columns = {name: getattr(train, name)[again] for name in ("weights", "epochs", "steps")}
    resumed = Recording([Series(train.values[again], **columns)])
    found = shown(Series(resumed.find().values), resumed)
    assert (found.unit, found.true.places.tolist()) == ("batch", list(range(26)))


@pytest.mark.parametrize("epoch", [0, 3])
def test_the_number_of_a_finding_is_marked_at_its_place(epoch):
    means = epoch_means(TRAIN)
    means[epoch] *= 1.5
    (finding,) = audit(RUN, Series(means, covers="epoch")).findings
    last = int(np.flatnonzero(TRAIN.epochs == epoch)[-1])
    assert finding.draw().marked == last


def test_the_evidence_of_a_named_mistake_is_the_log_beside_its_prediction_within_the_bound():
    losses = by_epoch(run().find(split="train"))
    means = [float(np.mean(values)) for values, _ in losses]
    (finding,) = audit(run(), {"epoch_loss": means}).findings
    evidence = finding.evidence
    assert evidence is not None
    assert evidence.mistake == finding.cause == "short-last-batch-counted-as-full"
    assert np.array_equal(evidence.logged.values, means)
    assert np.array_equal(evidence.logged.places, [10, 21, 32])
    assert np.all(np.abs(evidence.rest.values) <= evidence.rest_band.high)
    assert evidence.marked == 10
    assert np.all(
        np.abs(evidence.logged.values - evidence.expected.values)
        > evidence.band.high - evidence.expected.values
    )
    assert evidence.rows.verdicts == ("wrong",) * 3


def test_right_numbers_have_evidence_too_and_predict_no_mistake():
    (judgement,) = audit(run(), {"batch_losses": run().find(split="train").values}).verdicts
    assert judgement.evidence.predicted is None
    assert not judgement.evidence.rest.values.any()
    assert judgement.evidence.rows is None


def test_shifted_numbers_are_drawn_where_the_log_says_and_their_prediction_beside_them():
    true = run().find(split="train").values
    (finding,) = audit(run(), {"batch_losses": np.append(true[1:], np.nan)}).findings
    evidence = finding.evidence
    assert evidence.mistake == "steps-shifted"
    assert evidence.logged.values[0] == evidence.predicted.values[0] == true[1]
    assert evidence.logged.places[0] == evidence.predicted.places[0] == 0
    assert not evidence.rest.values.any()


def test_numbers_that_belong_nowhere_are_counted():
    (finding,) = audit(run(), {"batch_losses": np.linspace(5, 6, 40)}).findings
    assert finding.evidence.unplaced == 7
    assert len(finding.evidence.logged.values) == 33


def test_batches_of_which_the_steps_repeat_are_counted_through():
    truth = Recording(
        [Series([1.0, 2.0, 3.0, 4.0], epochs=[0, 0, 1, 1], steps=[0, 1, 0, 1], weights=[1] * 4)]
    )
    (judgement,) = audit(truth, {"batch_losses": [1.0, 2.0, 3.0, 4.0]}).verdicts
    assert judgement.evidence.unit == "batch"
    assert np.array_equal(judgement.evidence.true.places, [0, 1, 2, 3])


def test_a_drawing_of_infinite_losses_warns_of_nothing_also_after_the_audit():
    truth = Recording([Series([1.0, np.inf, 2.0, 3.0], weights=[4, 4, 2, 3], epochs=[0, 0, 1, 1])])
    report = audit(truth, {"epoch_loss": [np.inf, 2.0], "batch_losses": [1, 2, 3, np.nan]})
    for drawn in (*report.verdicts, *report.findings):
        assert drawn.evidence is not None


def test_a_report_keeps_no_predictions_that_its_plots_do_not_need():
    (finding,) = audit(RUN, Series(epoch_means(TRAIN) * 1.5, covers="epoch")).findings
    assert finding.draw.batches.cache == {}
    assert finding.draw.expected.replays == ()
