"""read(): the content decides the format, and unknown content is refused with the reason."""

from __future__ import annotations

import keras
import pytest

import lossaudit
import lossaudit.formats
from lossaudit import Recording, Series
from lossaudit.keras import LossRecorder
from tests.keras.programs import data, fit, model


def test_logs_of_a_real_training_get_the_right_verdicts(tmp_path):
    recorder, logger = LossRecorder(), keras.callbacks.CSVLogger(str(tmp_path / "log.csv"))
    tensorboard = keras.callbacks.TensorBoard(tmp_path / "board", update_freq=1)
    held_out = data(20, 8)
    fit(
        model(),
        data(50, 8),
        epochs=3,
        validation_data=held_out,
        callbacks=[recorder, logger, tensorboard],
    )
    by_epoch = lossaudit.audit(recorder.recording, lossaudit.read(tmp_path / "log.csv"))
    assert by_epoch.ok
    assert {one.origin: one.verdict.value for one in by_epoch.verdicts} == {
        "log.csv: loss": "exact",
        "log.csv: val_loss": "exact",
    }
    board = lossaudit.audit(
        recorder.recording, lossaudit.read(tmp_path / "board"), select=["LA1", "LA2"]
    )
    assert {finding.cause for finding in board.findings} == {
        "running-mean-read-as-batch-loss",
        "steps-shifted",
    }


def test_a_missing_path_is_a_file_not_found_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing' does not exist"):
        lossaudit.read(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"is empty\. lossaudit reads .*a run file of lossaudit"),
        (
            b"\x89PNG\r\n\x1a\n\0",
            r"begins with b'\\x89PNG\\r\\n\\x1a\\n\\x00', which no format does\. lossaudit reads",
        ),
        (b"\n \n", r"begins with b'\\n \\n', which no format does"),
        (b"Dear reader\nthis is a letter\n", "has no column of logged numbers; its columns are"),
        (
            b'{"loss": {"mean": 1}}',
            "is JSON of an unknown layout",
        ),
        (b'{"loss": [1, 2', "begins like JSON, but cannot be parsed"),
        (b"step,loss,loss\n0,1,2\n", "has several columns named 'loss'"),
        (b"step,loss\n" + b"0,1\n" * 2000 + b"1,\xff\n", "is text, but not in UTF-8: .*0xff"),
        (
            b"step,loss\n0,1.5\n1,1.x\n2,1.0\n",
            r"row 2 of the column 'loss' of .* is '1\.x', not a number",
        ),
        (b"SQLite format 3\0" + b"\0" * 100, "is not a lossaudit run file"),
    ],
)
def test_unreadable_content_is_refused_with_the_reason(tmp_path, content, message):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(lossaudit.LossauditError, match=message):
        lossaudit.read(path)


def test_columns_can_be_named_for_tables_only(tmp_path):
    Recording([Series([1.0])]).save(tmp_path / "run")
    with pytest.raises(ValueError, match=r"step='x' names a column, but .* is not a table"):
        lossaudit.read(tmp_path / "run", step="x")


def test_columns_cannot_be_named_for_other_json(tmp_path):
    (tmp_path / "trainer_state.json").write_text('{"log_history": [{"loss": 1.0}]}')
    with pytest.raises(ValueError, match=r"loss='x' names a column, but .* is not a table"):
        lossaudit.read(tmp_path / "trainer_state.json", loss="x")


def test_a_source_that_is_neither_a_path_nor_a_frame_is_a_type_error():
    with pytest.raises(TypeError, match="source must be a path or a pandas DataFrame, not list"):
        lossaudit.read([1.0])


def test_covers_is_one_of_three():
    with pytest.raises(
        ValueError, match="covers='day' must be one of 'batch', 'epoch_so_far', 'epoch'"
    ):
        lossaudit.read("log.csv", covers="day")


def test_the_text_about_unknown_files_lists_every_format(tmp_path):
    (tmp_path / "empty").touch()
    with pytest.raises(lossaudit.LogFileError) as caught:
        lossaudit.read(tmp_path / "empty")
    assert str(caught.value) == (
        f"{tmp_path / 'empty'} is empty. lossaudit reads "
        "`History.history` as JSON, "
        "a CSV export of a W&B chart, "
        "a CSV file, "
        "a CSV file of Keras' CSVLogger, "
        "a file of JSON lines, "
        "a run file of lossaudit, "
        "a table as JSON, "
        "a trainer_state.json of Hugging Face's Trainer, "
        "an event file of TensorBoard or a folder of them, "
        "an mlflow.db"
    )
