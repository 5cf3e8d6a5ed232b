"""Files that Keras' CSVLogger wrote."""

from __future__ import annotations

import keras
import pytest

import lossaudit
from tests.keras.programs import data, fit, model


def logged(path, *, epochs=2, **arguments):
    """A training that CSVLogger logs; returns its history."""
    held_out = data(20, 8) if arguments.pop("validation", True) else None
    logger = keras.callbacks.CSVLogger(str(path), **arguments)
    return fit(
        model(metrics=["mae"]),
        data(50, 8),
        epochs=epochs,
        validation_data=held_out,
        callbacks=[logger],
    ).history


def test_every_key_is_a_series_by_epoch_with_the_numbers_of_history(tmp_path):
    history = logged(tmp_path / "training.log")
    recording = lossaudit.read(tmp_path / "training.log")
    assert recording.metadata["format"] == "keras-csvlogger"
    for key, numbers in history.items():
        split = "validation" if key.startswith("val_") else "train"
        series = recording.find(split=split, tag=key.removeprefix("val_"))
        assert series.values.tolist() == numbers
        assert series.epochs.tolist() == [0, 1]
        assert (series.covers, series.decimals, series.origin) == (
            "epoch",
            None,
            f"training.log: {key}",
        )
    assert recording.metadata["notes"] == []


def test_epochs_that_a_second_training_appends_occur_twice(tmp_path):
    first = logged(tmp_path / "log.csv")
    second = logged(tmp_path / "log.csv", append=True)
    series = lossaudit.read(tmp_path / "log.csv").find(split="train", tag="loss")
    assert series.values.tolist() == first["loss"] + second["loss"]
    assert series.epochs.tolist() == [0, 1, 0, 1]


def test_another_separator_is_recognised(tmp_path):
    history = logged(tmp_path / "log.csv", separator=";")
    assert (
        lossaudit.read(tmp_path / "log.csv").find(split="validation", tag="mae").values.tolist()
        == history["val_mae"]
    )


def test_validation_without_numbers_has_no_series_and_a_note(tmp_path):
    logged(tmp_path / "log.csv", validation=False)
    assert "NA" in (tmp_path / "log.csv").read_text("utf-8")
    recording = lossaudit.read(tmp_path / "log.csv")
    assert recording.metadata["format"] == "keras-csvlogger"
    assert {one.split for one in recording.series} == {"train"}
    assert (
        "val_loss: 2 of 2 cells are empty: nothing was logged there" in recording.metadata["notes"]
    )


def test_epochs_without_validation_have_no_validation_number(tmp_path):
    logger = keras.callbacks.CSVLogger(str(tmp_path / "log.csv"))
    fit(
        model(),
        data(50, 8),
        epochs=5,
        validation_data=data(20, 8),
        validation_freq=[1, 3],
        callbacks=[logger],
    )
    series = lossaudit.read(tmp_path / "log.csv").find(split="validation", tag="loss")
    assert series.epochs.tolist() == [0, 2]


def test_a_header_without_epochs_gives_empty_series(tmp_path):
    (tmp_path / "log.csv").write_text("epoch,loss,val_loss\r\n")
    assert [len(one) for one in lossaudit.read(tmp_path / "log.csv").series] == [0, 0]


def test_a_last_line_that_is_cut_off_anywhere_leaves_the_others_readable(tmp_path):
    logged(tmp_path / "log.csv", epochs=3)
    whole = (tmp_path / "log.csv").read_bytes()
    last = whole.rstrip().rfind(b"\n") + 1
    columns = whole[last:].count(b",")
    for end in range(last + 1, len(whole)):
        (tmp_path / "log.csv").write_bytes(whole[:end])
        recording = lossaudit.read(tmp_path / "log.csv")
        complete = whole[last:end].count(b",") == columns and not whole[:end].endswith(b",")
        said = "\n".join(recording.metadata["notes"])
        assert len(recording.find(split="train", tag="loss")) == 2 + (
            whole[last:end].count(b",") == columns
        )
        assert ("its last number may be cut" in said) == (not whole[:end].endswith((b"\r", b"\n")))
        assert "cut off" in said or complete or "empty" in said, (whole[last:end], said)


def test_damage_in_the_middle_is_an_error_with_the_number_of_good_rows(tmp_path):
    logged(tmp_path / "log.csv", epochs=4)
    lines = (tmp_path / "log.csv").read_text("utf-8").splitlines(keepends=True)
    lines[3] = lines[3].replace(",", "", 1)
    (tmp_path / "log.csv").write_text("".join(lines))
    message = r"line 4 has 4 cells instead of 5: .*; the 2 rows before it are good"
    with pytest.raises(lossaudit.LogFileError, match=message):
        lossaudit.read(tmp_path / "log.csv")
