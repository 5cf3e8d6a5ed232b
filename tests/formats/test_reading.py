"""read(): the content decides, and what is not known is refused by name."""

from __future__ import annotations

import pytest

import lossaudit
from lossaudit import Recording, Series
from lossaudit.formats.names import Name, name_of


def test_a_run_file_is_one_of_the_formats_whatever_it_is_called(tmp_path):
    Recording([Series([1.0, 2.0], weights=[4, 2])]).save(tmp_path / "log.csv")
    assert lossaudit.read(tmp_path / "log.csv").find().weights.tolist() == [4, 2]


def test_what_is_not_there_is_not_found(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing' does not exist"):
        lossaudit.read(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"is empty, and is none of what is known: a run file, an event file"),
        (b"\x89PNG\r\n\x1a\n\0", r"begins with b'\\x89PNG\\r\\n\\x1a\\n\\x00', and is none of what is known"),
        (b"\n \n", "is none of what is known"),
        (b"Dear reader\nthis is a letter\n", "has no column of logged numbers; its columns are"),
        (b'{"loss": {"mean": 1}}', "is JSON, but neither an object of lists, as History.history is"),
        (b'{"loss": [1, 2', "begins like JSON, but is not"),
        (b"step,loss,loss\n0,1,2\n", "has several columns of the name 'loss'"),
        (b"SQLite format 3\0" + b"\0" * 100, "is not a lossaudit run file"),
    ],
)
def test_what_is_not_known_is_refused_with_what_was_looked_for(tmp_path, content, message):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(lossaudit.LossauditError, match=message):
        lossaudit.read(path)


def test_columns_are_named_in_tables_only(tmp_path):
    Recording([Series([1.0])]).save(tmp_path / "run")
    with pytest.raises(ValueError, match=r"step='x' names a column of a table, and .* is none"):
        lossaudit.read(tmp_path / "run", step="x")


def test_what_is_neither_a_path_nor_a_frame_is_a_type_error():
    with pytest.raises(TypeError, match="source must be a path or a pandas DataFrame, not list"):
        lossaudit.read([1.0])


def test_covers_is_one_of_three():
    with pytest.raises(ValueError, match="covers='day' must be one of 'batch', 'epoch_so_far', 'epoch'"):
        lossaudit.read("log.csv", covers="day")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("loss", Name("loss", None, None)),
        ("val_loss", Name("loss", "validation", None)),
        ("train/loss", Name("loss", "train", None)),
        ("Loss/validation", Name("loss", "validation", None)),
        ("train_loss_step", Name("loss", "train", "batch")),
        ("train_loss_epoch", Name("loss", "train", "epoch")),
        ("running_loss", Name("loss", None, "epoch_so_far")),
        ("epoch_val_kl_loss", Name("kl_loss", "validation", "epoch")),
        ("val_a_loss", Name("a_loss", "validation", None)),
        ("eval_samples_per_second", Name("samples_per_second", "validation", None)),
        ("epoch_learning_rate", Name("learning_rate", None, "epoch")),
        ("test", Name("loss", "test", None)),
        ("steps_per_second", Name("steps_per_second", None, None)),
    ],
)
def test_a_name_says_tag_split_and_cover(text, name):
    assert name_of(text) == name
