"""A log format is one module of the package: how formats are found, ordered and documented."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import lossaudit
import lossaudit.formats
from lossaudit.formats.reading import formats

DOCS = Path(__file__).parents[2] / "docs"

MODULE = '''
"""A made-up format: "MADEUP", then one loss on each line."""

import numpy as np

from lossaudit.formats.format import Format
from lossaudit.formats.points import Points, recording_of
from lossaudit.recording.origins import Origin


def sniff(log):
    return log.head.startswith(b"MADEUP")


def read(log):
    values = np.array(log.path.read_text().split()[1:], float)
    points = Points("loss", values, Origin("loss", file=log.file))
    return recording_of(log.path, "made-up", [points])


FORMAT = Format("made-up", "a made-up log", sniff, read, before=("csv",))
'''


@pytest.fixture
def made_up(tmp_path, monkeypatch):
    """A format of one further module, dropped into a folder that belongs to the package."""
    (tmp_path / "formats").mkdir()
    (tmp_path / "formats" / "made_up.py").write_text(MODULE)
    path = [*lossaudit.formats.__path__, str(tmp_path / "formats")]
    monkeypatch.setattr(lossaudit.formats, "__path__", path)
    formats.cache_clear()
    yield
    formats.cache_clear()
    sys.modules.pop("lossaudit.formats.made_up", None)
    vars(lossaudit.formats).pop("made_up", None)


@pytest.mark.usefixtures("made_up")
def test_one_further_module_is_a_further_format(tmp_path):
    (tmp_path / "log").write_text("MADEUP\n1.0\n0.5\n")
    recording = lossaudit.read(tmp_path / "log")
    assert recording.metadata["format"] == "made-up"
    assert recording.find().values.tolist() == [1.0, 0.5]
    assert recording.find().origin == "log: loss"
    (tmp_path / "empty").touch()
    with pytest.raises(
        lossaudit.LogFileError, match=r"is empty\. lossaudit reads .*a made-up log"
    ):
        lossaudit.read(tmp_path / "empty")


def test_without_the_module_there_is_no_such_format(tmp_path):
    (tmp_path / "log").write_text("MADEUP\n1.0\n0.5\n")
    assert lossaudit.read(tmp_path / "log").metadata["format"] == "csv"


def test_a_format_comes_before_the_more_general_ones_that_it_names():
    names = [one.name for one in formats()]
    assert len(names) == len(set(names))
    for one in formats():
        assert set(one.before) <= set(names), one.name
        assert all(names.index(one.name) < names.index(other) for other in one.before)


def test_the_documentation_has_a_row_for_every_format():
    text = (DOCS / "logs.md").read_text("utf-8")
    for one in formats():
        assert f"| {one.what} | `{one.name}` |" in text, one.name
