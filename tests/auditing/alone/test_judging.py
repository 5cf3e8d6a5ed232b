"""Logs by themselves: every mistake planted and named, each with a near miss, and no word against
right logs.
"""

from __future__ import annotations

import time

import numpy as np
import pytest

from lossaudit import Recording, Series, audit
from lossaudit.auditing.alone.log import Log
from lossaudit.auditing.alone.log_check import log_check, log_checks
from lossaudit.auditing.alone.recovery import recovered
from lossaudit.rules.catalogue import RULES
from tests.logfiles import NAN, Training, clean, training


def made(seed: int = 0, *, rows: int = 12, epochs: int = 4, short: bool = True) -> Training:
    return training(np.random.default_rng(seed), rows=rows, epochs=epochs, short=short)


MADE = made()
N = MADE.losses.size


def found(*series: Series, **metadata: object) -> list[tuple[str, str | None, str]]:
    """Code, cause and verdict of every finding but those that say what cannot be judged."""
    report = audit(None, Recording(series, metadata=metadata))
    return [
        (one.code, one.cause, str(one.verdict))
        for one in report.findings
        if one.verdict != "undecidable"
    ]


def verdicts(*series: Series) -> list[tuple[str, str | None]]:
    return [(str(one.verdict), one.quantity) for one in audit(None, Recording(series)).verdicts]


def wrong(code: str, cause: str) -> list[tuple[str, str | None, str]]:
    return [(code, cause, "wrong")]


def suspect(code: str, cause: str) -> list[tuple[str, str | None, str]]:
    return [(code, cause, "suspect")]


@pytest.mark.parametrize("block", range(10))
def test_right_logs_of_any_shape_have_nothing_wrong_or_suspect(block):
    for seed in range(block * 60, block * 60 + 60):
        bad = [
            str(one)
            for one in audit(None, clean(seed)).findings
            if one.verdict in ("wrong", "suspect")
        ]
        assert not bad, (seed, bad)


# Running means and epoch values


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


def test_where_every_third_step_was_logged_the_running_mean_is_still_found():
    series = MADE.by_batch(MADE.running, steps=1 + np.arange(N)).take(np.arange(2, N, 3))
    found_causes = (
        audit(None, Recording([series, MADE.by_epoch(epochs=range(4))])).findings[0].causes
    )
    assert "running-mean-read-as-batch-loss" in found_causes


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


def test_raw_losses_whose_mean_is_the_epoch_value_prove_one_another():
    series = MADE.batch_losses(weights=MADE.columns["weights"]), MADE.by_epoch()
    assert verdicts(*series) == [("consistent", "batch_loss"), ("consistent", "epoch_mean")]
    assert audit(None, Recording(series)).status == 0


def test_without_rows_the_report_says_on_what_condition_the_epoch_value_is_right():
    even = Training(MADE.losses, np.full(12, 4))
    half = Training(MADE.losses, np.append(np.full(11, 4), 2))
    messages = [
        audit(None, Recording([one.batch_losses(), one.by_epoch()])).findings[0].message
        for one in (even, half)
    ]
    assert messages[0].endswith("is the mean over rows if all batches have the same rows.")
    assert messages[1].endswith(
        "if the last batch of each epoch has 0.5 times the rows of the others."
    )


def test_a_running_mean_that_says_so_agrees_with_the_epoch_value_it_ends_in():
    series = MADE.by_batch(MADE.running, covers="epoch_so_far"), MADE.by_epoch()
    assert verdicts(*series) == [("consistent", "running_mean"), ("consistent", "epoch_mean")]


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


def test_one_batch_an_epoch_is_its_own_mean():
    one = made(rows=1, epochs=9)
    assert verdicts(one.batch_losses(), one.by_epoch())[0] == ("consistent", "batch_loss")


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


# Recovery


def test_batch_losses_are_recovered_with_their_error():
    running = MADE.by_batch(MADE.running, **MADE.columns)
    recovery = recovered(running)
    assert np.all(np.abs(recovery.series.values - MADE.losses.ravel()) <= recovery.errors)
    assert (recovery.rows_known, recovery.series.covers) == (True, "batch")
    assert recovery.errors.max() < 1e-2


def test_recovery_from_printed_running_means_widens_the_error():
    coarse = recovered(MADE.by_batch(MADE.running, decimals=3, **MADE.columns))
    assert np.all(np.abs(coarse.series.values - MADE.losses.ravel()) <= coarse.errors)


def test_recovery_counts_the_batches_where_the_log_knows_no_epochs():
    even = Training(MADE.losses, np.full(12, 4))
    recovery = recovered(even.by_batch(even.running), batches=12)
    assert np.all(np.abs(recovery.series.values - MADE.losses.ravel()) <= recovery.errors)
    assert not recovery.rows_known


def test_recovery_refuses_what_it_cannot_know():
    running = MADE.by_batch(MADE.running)
    with pytest.raises(ValueError, match="has no epochs: give batches="):
        recovered(running)
    with pytest.raises(ValueError, match=r"batches=7 must divide the 48 values"):
        recovered(running, batches=7)
    every_second = MADE.by_batch(MADE.running, **MADE.columns).take(slice(None, None, 2))
    with pytest.raises(ValueError, match="are not consecutive"):
        recovered(every_second)


# Epochs and steps


def dropped(
    update_freq: int, batches: int = 3, epochs: int = 10, **columns: object
) -> list[Series]:
    """What TensorBoard(update_freq=N) of Keras 3.15 leaves."""
    one = made(rows=batches, epochs=epochs, short=False)
    steps, ends = 1 + np.arange(batches * epochs), (np.arange(epochs) + 1) * batches
    return [
        one.by_batch(one.running, steps=steps).take(steps % update_freq == 0),
        one.by_epoch(**columns).take(ends % update_freq == 0),
    ]


@pytest.mark.parametrize("update_freq", [2, 5, 6, 10])
def test_epochs_dropped_by_update_freq_are_missed(update_freq):
    assert ("LA503", "epochs-dropped-by-update-freq", "wrong") in found(*dropped(update_freq))


def test_an_update_freq_that_divides_the_batches_drops_nothing():
    assert found(*dropped(3)) == []


def test_validation_every_second_epoch_misses_nothing():
    every_second = MADE.by_epoch(split="validation", origin="log: val").take(np.array([1, 3]))
    assert found(Training(MADE.losses, MADE.rows).by_epoch(), every_second) == []


def test_epochs_missing_without_a_pattern_are_suspect_and_with_one_undecidable():
    ten = made(epochs=10, short=False).by_epoch()
    assert found(ten.take(np.array([0, 1, 4, 5, 9]))) == suspect("LA503", "epochs-missing")
    regular = audit(None, ten.take(slice(None, None, 3))).findings[0]
    assert (regular.code, regular.verdict) == ("LA503", "undecidable")


STEPS = np.arange(48)


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


def appended(first: Series, second: Series) -> Series:
    return Series.joined([first, second])


def test_a_csv_file_appended_to_itself_and_two_runs_in_one_are_told_apart():
    one, other = made(1).by_epoch(epochs=range(4)), made(2).by_epoch(epochs=range(4))
    assert found(appended(one, one)) == wrong("LA505", "log-appended-twice")
    assert found(appended(one, other)) == wrong("LA505", "two-runs-in-one-log")
    resumed = appended(one, made(2).by_epoch(epochs=range(2, 6)))
    assert found(resumed) == wrong("LA505", "epochs-repeated-after-resume")
    assert found(appended(one, made(2).by_epoch(epochs=range(4, 8)))) == []


def test_columns_of_one_file_are_one_finding_and_each_of_them_is_wrong():
    train = appended(made(1).by_epoch(epochs=range(4)), made(2).by_epoch(epochs=range(4)))
    other = appended(made(3).by_epoch(epochs=range(4)), made(4).by_epoch(epochs=range(4)))
    validation = Series(
        other.values,
        covers="epoch",
        split="validation",
        epochs=other.epochs,
        origin="log: val_loss",
    )
    assert found(train, validation) == wrong("LA505", "two-runs-in-one-log")
    assert verdicts(train, validation) == [("wrong", None)] * 2


def test_all_numbers_at_one_step_and_several_at_each():
    assert found(MADE.batch_losses(steps=np.zeros(48, int))) == wrong("LA511", "steps-not-counted")
    assert found(MADE.batch_losses(steps=STEPS // 4)) == suspect(
        "LA511", "several-numbers-at-one-step"
    )
    assert found(MADE.batch_losses(steps=np.zeros(48, int), epochs=STEPS)) == []


def test_a_step_skipped_after_every_epoch_unless_something_else_stands_there():
    skipping = MADE.batch_losses(steps=1 + STEPS + STEPS // 12)
    assert found(skipping) == suspect("LA512", "phantom-batch-counted")
    taken = Series(
        [0.1, 0.2, 0.3, 0.4], tag="accuracy", steps=[13, 26, 39, 52], origin="log: accuracy"
    )
    assert found(skipping, taken) == []


def test_only_every_fourth_step_is_said_to_leave_the_rest_open():
    codes = [one.code for one in audit(None, MADE.batch_losses(steps=STEPS * 4)).findings]
    assert codes == ["LA513", "LA514"]


@pytest.mark.parametrize("size", [500, 1000, 10000])
def test_a_random_sample_of_a_curve_is_suspect_and_a_regular_one_is_not(size):
    random = np.random.default_rng(size)
    steps = np.sort(random.choice(size * 3, size, replace=False))
    values = random.lognormal(size=size)
    assert found(Series(values, steps=steps)) == suspect("LA509", "log-read-through-a-sampler")
    assert found(Series(values, steps=range(0, 3 * size, 3))) == []
    assert found(Series(values[1:], steps=steps[1:])) == []


# Values


def test_validation_that_is_train_is_found_bit_for_bit():
    copy = MADE.by_epoch(split="validation", origin="log: val_loss")
    assert found(MADE.by_epoch(), copy) == wrong("LA506", "validation-is-train")
    near = np.nextafter(copy.values.astype(np.float32), np.float32(9))
    assert (
        found(MADE.by_epoch(), MADE.by_epoch(near, split="validation", origin="log: val_loss"))
        == []
    )


def test_constant_losses_and_few_digits_may_be_alike_by_chance():
    pairs = [([0.5, 0.5, 0.5], None), ([0.31, 0.30], 2)]
    for values, decimals in pairs:
        train, other = (
            Series(values, split=split, covers="epoch", decimals=decimals)
            for split in ("train", "validation")
        )
        assert found(train, other) == []


def outputs(
    weights: dict[str, float], parts: dict[str, np.ndarray], extra: object = 0.0
) -> list[Series]:
    total = sum(np.float32(weights[name]) * part for name, part in parts.items()) + extra
    named = {"loss": total} | {f"{name}_loss": part for name, part in parts.items()}
    return [
        Series(values, tag=tag, covers="epoch", epochs=range(len(total)), origin=f"log: {tag}")
        for tag, values in named.items()
    ]


PARTS = {"a": MADE.running[:, 0], "b": MADE.running[:, -1]}
WEIGHTS = {"a": 1.0, "b": 10.0}
CHANGING = np.float32([0.4, 0.3, 0.2, 0.1])


def test_a_total_that_is_less_than_the_sum_of_its_parts_is_found_if_the_weights_are_known():
    less = outputs(WEIGHTS, PARTS, -10 * CHANGING)
    batches = Training(np.tile(less[0].values[:, None], 3), np.full(3, 4)).batch_losses()
    cause = "total-is-not-the-sum-of-its-parts"
    assert found(*less, loss_weights=WEIGHTS) == suspect("LA507", cause)
    assert found(*less, batches, loss_weights=WEIGHTS) == wrong("LA507", cause)


def test_regularization_and_unknown_weights_excuse_a_total():
    assert found(*outputs(WEIGHTS, PARTS, CHANGING), loss_weights=WEIGHTS) == []
    assert found(*outputs(WEIGHTS, PARTS, np.float32(0.25)), loss_weights=WEIGHTS) == []
    assert found(*outputs({"a": 1.0, "b": 0.2}, PARTS, CHANGING)) == []
    assert found(*outputs(WEIGHTS, PARTS), loss_weights=WEIGHTS) == []


def test_parts_that_were_logged_times_their_weights_are_named():
    weighted = outputs({"a": 1.0, "b": 1.0}, PARTS)
    assert found(*weighted, loss_weights=WEIGHTS) == wrong(
        "LA507", "parts-logged-times-their-weights"
    )


def test_a_sum_that_holds_but_for_one_epoch_needs_no_weights():
    broken = outputs({"a": 1.0, "b": 1.0}, PARTS, np.float32([0, 0, 0.5, 0]))
    assert found(*broken) == suspect("LA507", "total-is-not-the-sum-of-its-parts")


def stalled_sum() -> np.ndarray:
    """A float32 sum of ones, looked at now and then."""
    return np.add.accumulate(np.ones(3 * 2**23, np.float32), dtype=np.float32)[2**20 - 1 :: 2**20]


def test_a_float32_sum_that_stands_still_at_a_power_of_two_is_suspect():
    assert found(Series(stalled_sum(), steps=range(24))) == suspect(
        "LA508", "sum-stalled-at-power-of-two"
    )
    assert (
        "up to 16777216 = 2^24 at number 15"
        in audit(None, Series(stalled_sum())).findings[0].message
    )


@pytest.mark.parametrize(
    "values",
    [
        np.minimum(stalled_sum().astype(float) + 1, 2.0**24 + 1),  # no power of two
        np.full(24, 2.0),  # constant
        2 - 0.5 ** np.arange(80.0),  # approaches a limit
        np.append([3.0, 2.5, 2.2, 2.1], np.full(9, 2.0)),  # falls
    ],
)
def test_what_stands_still_at_a_power_of_two_otherwise_is_not(values):
    assert found(Series(values)) == []


def test_a_bfloat16_mean_that_falls_because_its_sum_stands_still_is_suspect():
    n = np.arange(1, 1001)
    means = np.minimum(n, 256) / n
    stalled = Series(means.astype(np.float32), covers="epoch_so_far", dtype="bfloat16")
    assert found(stalled) == suspect("LA508", "sum-stalled-at-power-of-two")
    assert found(Series(means.astype(np.float32), covers="epoch_so_far")) == []


def test_nan_that_left_a_running_mean_is_a_proof():
    values = np.array([1.0, NAN, NAN, 1.1, NAN, 1.2])
    series = Series(values, covers="epoch_so_far", epochs=[0, 0, 0, 1, 1, 1])
    assert found(series) == wrong("LA510", "nan-dropped-from-mean")
    assert (
        found(
            Series(
                [1.0, NAN, NAN, 1.1, NAN, NAN], covers="epoch_so_far", epochs=[0, 0, 0, 1, 1, 1]
            )
        )
        == []
    )


def test_an_epoch_value_that_leaves_a_nan_batch_out_is_a_proof():
    losses = MADE.losses.copy()
    losses[1, 3] = np.nan
    one = Training(losses, MADE.rows)
    assert found(one.batch_losses(), MADE.by_epoch(epochs=range(4))) == wrong(
        "LA510", "nan-dropped-from-mean"
    )
    assert found(one.batch_losses(), one.by_epoch(epochs=range(4))) == []


def test_nan_in_one_run_says_nothing_of_the_epochs_of_another():
    losses = MADE.losses.copy()
    losses[1, 3] = np.nan
    spoilt = Training(losses, MADE.rows)
    first = (
        spoilt.batch_losses(origin="a.csv: batch"),
        spoilt.by_epoch(epochs=range(4), origin="a.csv: epoch"),
    )
    second = (
        MADE.batch_losses(origin="b.csv: batch"),
        MADE.by_epoch(epochs=range(4), origin="b.csv: epoch"),
    )
    assert found(*first, *second) == []
    assert [one.verdict for one in audit(None, Recording([*first, *second])).verdicts][2:] == [
        "consistent"
    ] * 2


def test_a_long_block_of_nan_is_suspect_a_short_one_undecidable_and_spikes_are_nothing():
    def with_nan(*rows: int) -> Series:
        values = MADE.losses.ravel().copy()
        values[list(rows)] = np.nan
        return MADE.by_batch(values)

    assert found(with_nan(*range(9, 21))) == suspect("LA510", "nan-between-numbers")
    assert [one.code for one in audit(None, with_nan(9, 10, 11)).findings] == ["LA510", "LA514"]
    assert [one.code for one in audit(None, with_nan(3, 17, 40, 41)).findings] == ["LA514"]


def test_epochs_without_validation_are_no_gap():
    values = [NAN, NAN, NAN, NAN, 0.5, NAN, NAN, NAN, NAN, 0.4]
    assert found(Series(values, split="validation", covers="epoch", epochs=range(10))) == []


# The report


def test_what_cannot_be_judged_is_said_and_is_never_a_pass():
    report = audit(None, {"loss": [0.5, 0.4], "val_loss": [0.6, 0.5], "accuracy": [0.7, 0.8]})
    assert [(one.verdict, one.split, one.covers) for one in report.verdicts] == [
        ("undecidable", "train", "epoch"),
        ("undecidable", "validation", "epoch"),
    ]
    assert report.not_audited == ("accuracy",)
    assert report.findings[0].message == (
        "loss (train loss), val_loss (validation loss): cannot be judged without the true batch "
        "losses: an epoch value may or may not be the row-weighted mean of its batches."
    )
    assert report.status == 2


def test_names_of_a_mapping_say_what_they_cover():
    report = audit(None, {"loss": MADE.running[:, -1], "batch_losses": MADE.running.ravel()})
    assert [one.covers for one in report.verdicts] == ["epoch", "batch"]
    assert report.findings[0].cause == "running-mean-read-as-batch-loss"
    names = {
        "losses": [1.0, 0.5, 0.3],
        "val_loss": [1.0],
        "a_loss": [0.5],
        "running_losses": [1, 2],
        "rate": [1, 2],
    }
    covers = [one.covers for one in audit(None, names).verdicts]
    assert covers == ["batch", "epoch", "epoch", "epoch_so_far"]
    assert (
        audit(None, {"rate": [1.0, 0.5, 0.3]})
        .findings[0]
        .message.endswith("what its numbers cover.")
    )


def test_findings_can_be_selected():
    claims = {"loss": MADE.running[:, -1], "batch_losses": MADE.running.ravel()}
    assert [one.code for one in audit(None, claims, select=["LA501"]).findings] == ["LA501"]
    assert "LA501" not in [one.code for one in audit(None, claims, ignore=["LA501"]).findings]


@pytest.mark.parametrize(
    "claims", [Series([]), Recording([]), {}, Series([], covers="epoch", epochs=[])]
)
def test_nothing_to_audit_is_never_a_pass(claims):
    assert audit(None, claims).status == 2


LOG_RULES = [code for code in RULES if code.startswith("LA5")]


def test_every_rule_of_logs_has_a_check_and_checks_run_in_the_order_of_their_codes():
    codes = [code for check in log_checks() for code in check.codes]
    assert codes == sorted(codes)
    # LA514 says what no check could decide.
    assert {*codes, "LA514"} == {*LOG_RULES}


def test_a_check_without_a_rule_is_refused():
    with pytest.raises(ValueError, match="must name at least one rule"):
        log_check()


def test_axes_and_pairs_of_a_log_are_computed_once():
    log = Log(Recording([MADE.batch_losses(), MADE.by_epoch()]))
    assert log.axes is log.axes
    assert log.pairs is log.pairs
    assert list(log.pairs_by_index) == [(0, 1)]


def test_two_million_numbers_take_seconds():
    random = np.random.default_rng(0)
    long = Training(random.lognormal(size=(100, 20_000)).astype(np.float32), np.full(20_000, 32))
    log = Recording([long.by_batch(long.running, **long.columns), long.by_epoch()])
    started = time.perf_counter()
    assert audit(None, log).findings[0].cause == "running-mean-read-as-batch-loss"
    assert (
        time.perf_counter() - started < 30
    )  # 1.3 s were seen; whatever is done number by number takes minutes
