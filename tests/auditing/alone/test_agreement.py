"""Whether batch and epoch values agree: planted, with near misses, and by Keras."""

from __future__ import annotations

import numpy as np
import pytest

from lossaudit import Recording, audit
from tests.auditing.alone.keras_logs import EPOCHS, RUNNING, BatchLosses, board, found_in
from tests.auditing.alone.planted import MADE, found, made, verdicts, wrong
from tests.keras.programs import data, fit, model
from tests.logfiles import Training


@pytest.mark.parametrize("known", [("epochs",), ("epochs", "weights"), ("steps",), ()])
def test_a_running_mean_read_as_batch_loss_is_named_however_little_the_log_knows(known):
    columns = {"steps": None} | {name: MADE.columns[name] for name in known}
    series = MADE.by_batch(MADE.running, **columns), MADE.by_epoch()
    assert found(*series) == wrong("LA501", "running-mean-read-as-batch-loss")
    assert verdicts(*series) == [("wrong", None), ("undecidable", None)]


@pytest.mark.parametrize("seed", range(40))
def test_running_means_of_every_schedule_are_wrong_as_batch_losses(seed):
    one = made(seed, rows=2 + seed % 30, epochs=2 + seed % 3)
    ((code, _, verdict),) = found(one.by_batch(one.running), one.by_epoch())
    assert (code, verdict) == ("LA501", "wrong")


def test_the_finding_says_where_observed_and_what_the_mean_would_be():
    losses = np.float32([[1, 2, 9], [0.5, 0.75, 3]])
    tiny = Training(losses, np.array([4, 4, 2]))
    finding = audit(None, Recording([tiny.by_batch(tiny.running), tiny.by_epoch()])).findings[0]
    assert finding.message == (
        "log: batch (train loss): the last batch value of each of 2 epochs is also the epoch's "
        "value: for example 3 at position 2, but its 3 batch values average 1.83333333. Either "
        "the batch values are running means of their epoch, not batch losses, or the epoch's "
        "value is the loss of its last batch. More batches and epochs would tell which."
    )
    assert (finding.epoch, finding.step, finding.observed) == (0, 2, 3.0)
    assert finding.causes == ("running-mean-read-as-batch-loss", "last-batch-shown-as-epoch")


def test_the_last_batch_shown_as_the_epoch_is_told_from_a_running_mean():
    assert found(MADE.batch_losses(), MADE.by_epoch(MADE.losses[:, -1])) == wrong(
        "LA501", "last-batch-shown-as-epoch"
    )


def test_a_learning_rate_logged_by_batch_and_by_epoch_is_no_running_mean():
    rates = Training(
        np.float32(0.1) / (1 + np.arange(48, dtype=np.float32).reshape(4, 12)), np.full(12, 4)
    )
    assert (
        found(
            rates.batch_losses(tag="learning_rate"),
            rates.by_epoch(rates.losses[:, -1], tag="learning_rate"),
        )
        == []
    )


def test_a_short_last_batch_counted_as_full_shows_where_rows_are_known():
    one = Training(MADE.losses, np.append(np.full(11, 8), 1))
    plain = one.by_epoch(one.losses.mean(axis=1))
    cause = "short-last-batch-counted-as-full"
    assert found(one.batch_losses(weights=one.columns["weights"]), plain) == wrong("LA502", cause)
    assert found(one.batch_losses(), plain) == []


def test_batch_losses_called_running_means_are_found_by_the_epoch_value():
    series = MADE.by_batch(MADE.losses, covers="epoch_so_far", weights=MADE.columns["weights"])
    assert found(series, MADE.by_epoch()) == wrong("LA502", "batch-loss-read-as-running-mean")


def test_few_digits_prove_nothing_that_they_do_not_show():
    flat = Training(
        np.full((3, 9), 0.3, np.float32) + np.float32(0.001) * np.arange(9, dtype=np.float32),
        np.full(9, 4),
    )
    assert found(flat.by_batch(flat.running, decimals=2), flat.by_epoch(decimals=2)) == []


@pytest.mark.parametrize("rows", [52, 50])
def test_the_list_of_the_tutorials_beside_history_is_a_running_mean(rows):
    spy = BatchLosses()
    history = fit(model(), data(rows, 4), epochs=EPOCHS, callbacks=[spy]).history
    report = audit(None, {"losses": spy.losses, **history})
    assert [(one.origin, one.verdict) for one in report.verdicts] == [
        ("losses", "wrong"),
        ("loss", "undecidable"),
    ]
    assert report.findings[0].causes == ("running-mean-read-as-batch-loss",)


def test_batch_loss_of_tensorboard_is_a_running_mean_and_all_else_is_open(tmp_path):
    log = board(tmp_path, update_freq=1)
    assert found_in(log) == {RUNNING}
    assert {one.verdict for one in audit(None, log).verdicts if "batch" not in one.origin} == {
        "undecidable"
    }
