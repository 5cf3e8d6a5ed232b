"""Charts that W&B exported."""

from __future__ import annotations

import pytest

import lossaudit
from lossaudit.formats.wandb import is_export
from tests.formats.notes import notes

# The layout of published exports, for example in GitHub issues and scripts that read
# "playful-sun-1763 - train/loss__MIN": an axis, and three columns for each metric of each run.
EXPORT = """\
"Step","sea-1 - train/loss","sea-1 - train/loss__MIN","sea-1 - train/loss__MAX"
"0","2.5","2.5","2.5"
"50","1.25","1.0","1.5"
"""


ENDS = ("", "__MIN", "__MAX")


def test_an_exported_chart_of_one_run_is_read_and_its_averages_are_noted(written):
    recording = lossaudit.read(written(EXPORT))
    assert (recording.metadata["format"], recording.run) == ("wandb-csv", "sea-1")
    series = recording.find(tag="loss", split="train")
    assert (series.values.tolist(), series.steps.tolist()) == ([2.5, 1.25], [0, 50])
    assert "train/loss: 1 numbers differ from their MIN: they are averages" in notes(recording)
    assert "the steps are at least 50 apart: W&B samples what it exports" in notes(recording)


def test_an_exported_chart_of_several_runs_needs_the_name_of_one(written):
    header = "epoch," + ",".join(
        f"{run} - {name}{end}" for run in "ab" for name in ("_step", "loss") for end in ENDS
    )
    path = written(f"{header}\n0,9,9,9,1,1,1,8,8,8,2,2,2\n1,19,19,19,0.5,0.5,0.5,,,,,,\n")
    with pytest.raises(
        lossaudit.LogFileError,
        match=r"run=None, but .* has the runs 'a', 'b': name one with run=…",
    ):
        lossaudit.read(path)
    series = lossaudit.read(path, run="b").find(tag="loss")
    assert (series.values.tolist(), series.steps.tolist(), series.epochs.tolist()) == (
        [2.0],
        [8],
        [0],
    )


def test_a_table_is_an_export_if_every_column_is_a_metric_of_a_run_and_one_has_extremes():
    assert is_export(["Step", "a - loss", "a - loss__MIN", "a - loss__MAX"])
    assert not is_export(["Step", "a - loss"])
    assert not is_export(["Step", "a - loss", "a - loss__MIN", "time"])
    assert not is_export(["Step"])


def test_a_run_that_is_not_in_the_chart_is_refused(written):
    with pytest.raises(lossaudit.LogFileError, match=r"run='sea-2', but .* has the runs 'sea-1'"):
        lossaudit.read(written(EXPORT), run="sea-2")


@pytest.mark.parametrize("axis", ["Relative Time (Process)", "Wall Time"])
def test_a_clock_as_the_axis_gives_no_steps(written, axis):
    series = lossaudit.read(written(EXPORT.replace("Step", axis))).find()
    assert (series.steps, series.epochs) == (None, None)
    assert series.values.tolist() == [2.5, 1.25]


def test_a_run_whose_name_has_a_dash_is_told_from_its_metric(written):
    recording = lossaudit.read(written(EXPORT.replace("sea-1", "sea - long - run")))
    assert (recording.run, recording.find().tag) == ("sea - long - run", "loss")
