"""Points become series: what they cover, their digits, and what is noted about them."""

from __future__ import annotations

import numpy as np
import pytest

import lossaudit
from lossaudit.formats.points import Points, recording_of
from lossaudit.recording.origins import Origin
from tests.formats.notes import notes


def test_one_number_for_each_epoch_differs_from_several(written):
    by_epoch = lossaudit.read(written("epoch,train_loss\n1,2.0\n2,1.0\n1,2.0\n"))
    assert by_epoch.find().covers == "epoch"
    assert by_epoch.find().epochs.tolist() == [
        1,
        2,
        1,
    ]  # as the file has them: what is wrong is for the audit to say
    by_batch = lossaudit.read(
        written("epoch,batch,train_loss\n0,0,2.0\n0,1,1.0\n1,0,2.0\n1,1,0.5\n")
    )
    assert by_batch.find().covers == "batch"
    assert by_batch.find().steps is None  # the batches of each epoch are counted anew


@pytest.mark.parametrize("text", ["nan", "NaN", "inf", "-Infinity"])
def test_nan_and_infinities_are_kept_and_counted(written, text):
    recording = lossaudit.read(written(f"step,loss\n0,1.0\n1,{text}\n"))
    assert np.array_equal(recording.find().values, [1.0, float(text)], equal_nan=True)
    assert (
        f"loss: {int(np.isnan(float(text)))} of 2 numbers are NaN, "
        f"{int(np.isinf(float(text)))} are infinite" in notes(recording)
    )


def test_the_decimals_of_rounded_logs_are_noted(written):
    rows = "".join(f"{step},{loss:.4f}\n" for step, loss in enumerate([2.30259, 0.1, 0.56789]))
    recording = lossaudit.read(written(f"step,loss\n{rows}"))
    assert recording.find().decimals == 4
    assert "loss: looks rounded to 4 decimal places" in notes(recording)


def points(name="loss", values=(1.0, 0.5), **columns):
    arrays = {
        key: value if isinstance(value, str | bool) else np.array(value)
        for key, value in columns.items()
    }
    return Points(name, np.array(values), Origin(name), **arrays)


def recorded(*of, **options):
    return recording_of("log", "made-up", of, **options)


def test_the_user_says_what_numbers_cover_then_the_format_then_the_name_then_the_shape():
    named = points("epoch_loss", covers="batch")
    assert recorded(named, covers="epoch_so_far").find().covers == "epoch_so_far"
    assert recorded(named).find().covers == "batch"
    assert recorded(points("epoch_loss")).find().covers == "epoch"
    assert recorded(points(epochs=[0, 1])).find().covers == "epoch"
    assert recorded(points(epochs=[0, 0])).find().covers == "batch"
    assert recorded(points()).find().covers == "batch"


@pytest.mark.parametrize(
    ("name", "column", "noted"),
    [
        ("steps", [0.0, np.nan], "loss: some steps are missing, so all are left out"),
        ("epochs", [0.5, 1.0], "loss: epochs have fractions and are left out"),
        (
            "weights",
            [4.0, -1.0],
            "loss: some weights are missing or negative, so all are left out",
        ),
        (
            "weights",
            [4.0, np.nan],
            "loss: some weights are missing or negative, so all are left out",
        ),
    ],
)
def test_a_column_that_cannot_be_one_is_left_out_whole_with_a_note(name, column, noted):
    recording = recorded(points(**{name: column}))
    assert getattr(recording.find(), name) is None
    assert noted in recording.metadata["notes"]


def test_whole_steps_and_epochs_become_integers():
    series = recorded(points(steps=[5.0, 6.0], epochs=[0.0, 0.0], weights=[4.0, 2.0])).find()
    assert (series.steps.dtype, series.epochs.dtype) == (np.int64, np.int64)
    assert (series.steps.tolist(), series.weights.tolist()) == ([5, 6], [4.0, 2.0])


def test_a_counter_from_0_or_1_counts_the_epochs_of_what_covers_epochs_and_else_steps():
    for axis, names in (
        ([0, 1], "epochs"),
        ([1, 2], "epochs"),
        ([5, 6], "steps"),
        ([0, 2], "steps"),
    ):
        series = recorded(points(axis=axis, covers="epoch")).find()
        assert getattr(series, names).tolist() == axis
    assert recorded(points(axis=[0, 1], covers="batch")).find().steps.tolist() == [0, 1]


def test_digits_are_looked_for_only_in_numbers_that_were_printed():
    exact = np.float32([0.1, 0.2]).astype(str).astype(float)
    assert recorded(points(values=exact)).find().decimals is None
    assert recorded(points(values=exact, printed=True)).find().decimals == 1
