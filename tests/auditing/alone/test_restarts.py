"""Steps and epochs that restart, repeat or stand still: planted, near misses, and by Keras."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lossaudit import Recording, Series, audit
from tests.auditing.alone.keras_logs import RUNNING, board, found_in, logger, rows_of
from tests.auditing.alone.planted import MADE, STEPS, appended, found, made, suspect, wrong
from tests.keras.programs import data, fit, model


def test_steps_that_restart_are_two_curves():
    again = MADE.batch_losses(steps=STEPS % 24)
    assert found(again) == wrong("LA504", "steps-restarted")
    assert (
        "the steps go from 23 to 0 at number 24. 24 steps occur twice, with different values: "
        "step 0 is" in (audit(None, again).findings[0].message)
    )


def test_a_resumed_run_that_logs_steps_again_is_told_from_a_restart():
    again = MADE.batch_losses(steps=np.concatenate([STEPS[:30], STEPS[20:38]]))
    assert found(again) == wrong("LA504", "steps-repeated-after-resume")


def test_the_same_log_twice_is_told_from_a_resumed_run():
    twice = Series.joined([MADE.batch_losses(), MADE.batch_losses()])
    assert found(twice) == wrong("LA504", "log-appended-twice")


def test_steps_out_of_order_are_suspect():
    assert found(MADE.batch_losses().take(np.append(STEPS[::-1][:2], STEPS[:40]))) == suspect(
        "LA504", "steps-out-of-order"
    )


def test_a_run_that_goes_on_with_its_steps_is_right_and_so_are_steps_of_each_epoch():
    assert found(MADE.batch_losses(steps=np.where(STEPS < 24, STEPS, STEPS + 500))) == []
    assert found(MADE.batch_losses(steps=STEPS % 12, epochs=STEPS // 12)) == []


def test_a_csv_file_appended_to_itself_and_two_runs_in_one_are_told_apart():
    one, other = made(1).by_epoch(epochs=range(4)), made(2).by_epoch(epochs=range(4))
    assert found(appended(one, one)) == wrong("LA505", "log-appended-twice")
    assert found(appended(one, other)) == wrong("LA505", "two-runs-in-one-log")
    resumed = appended(one, made(2).by_epoch(epochs=range(2, 6)))
    assert found(resumed) == wrong("LA505", "epochs-repeated-after-resume")
    assert found(appended(one, made(2).by_epoch(epochs=range(4, 8)))) == []


def test_all_numbers_at_one_step_and_several_at_each():
    assert found(MADE.batch_losses(steps=np.zeros(48, int))) == wrong("LA511", "steps-not-counted")
    assert found(MADE.batch_losses(steps=STEPS // 4)) == suspect(
        "LA511", "several-numbers-at-one-step"
    )
    assert found(MADE.batch_losses(steps=np.zeros(48, int), epochs=STEPS)) == []


def test_a_second_fit_with_tensorboard_starts_its_steps_and_epochs_anew(tmp_path):
    codes = {(code, cause) for code, cause, _ in found_in(board(tmp_path, update_freq=1, runs=2))}
    assert {("LA504", "steps-restarted"), ("LA505", "two-runs-in-one-log"), RUNNING[:2]} == codes


def runs_in(path: Path, epochs: list[range], **arguments: object) -> Recording:
    """One file of several trainings, as a script that is run again appends to it."""
    for numbers in epochs:
        span = {
            "initial_epoch": numbers.start,
            "epochs": numbers.stop,
            "validation_data": data(20, 8, seed=5),
        }
        fit(
            model(seed=numbers.stop),
            data(),
            callbacks=[logger(path, append=True)],
            **span | arguments,
        )
    return rows_of(path)


@pytest.mark.slow
def test_a_csv_file_of_two_runs_repeats_its_epochs(tmp_path):
    log = runs_in(tmp_path / "log.csv", [range(2), range(2)])
    assert found_in(log) == {("LA505", "log-appended-twice", "wrong")}
    other = runs_in(tmp_path / "other.csv", [range(2), range(3)])
    assert found_in(other) == {("LA505", "two-runs-in-one-log", "wrong")}
    assert len(audit(None, other, select=["LA505"]).findings) == 1


@pytest.mark.slow
def test_a_csv_file_of_a_resumed_run_is_right_if_its_epochs_go_on(tmp_path):
    assert found_in(runs_in(tmp_path / "log.csv", [range(2), range(2, 4)])) == set()
    assert found_in(runs_in(tmp_path / "again.csv", [range(3), range(2, 4)])) == {
        ("LA505", "epochs-repeated-after-resume", "wrong")
    }
