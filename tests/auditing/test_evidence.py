"""What a plot of a claim shows, on the axis of the truth."""

from __future__ import annotations

import numpy as np
import pytest

from lossaudit import Recording, Series, audit
from lossaudit.auditing.assessment import Assessment
from lossaudit.auditing.evidence import place_of
from lossaudit.predictions.truth import Batches, truth_about
from tests.auditing.checks.tiny import TINY
from tests.auditing.six_epochs import RUN, TRAIN, epoch_means


def shown(claim, truth=TINY):
    about = truth_about(truth, "loss", "train", "float32")
    return Assessment(claim, claim.covers, about).evidence


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
    assert place_of(Batches.of(TRAIN), epoch, last) == last
