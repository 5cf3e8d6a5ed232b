"""A path to read: its head, what it may be, and how origins show it."""

from __future__ import annotations

from pathlib import Path

import pytest

import lossaudit
import lossaudit.formats
from lossaudit.formats.log_file import LogFile, Roles


def test_origins_begin_with_the_path_that_is_shown(tmp_path, monkeypatch):
    from lossaudit.formats.log_file import LogFile
    from lossaudit.formats.reading import read_log

    monkeypatch.chdir(tmp_path)
    Path("logs").mkdir()
    Path("logs/a.csv").write_text("step,loss\n0,1\n")
    lossaudit.read("logs/a.csv").save("logs/run")
    expected = {
        "logs/a.csv": ("a.csv: loss", "logs/a.csv: loss"),
        "logs/run": ("a.csv: loss", "logs/run: a.csv: loss"),
    }
    for path, (short, whole) in expected.items():
        assert lossaudit.read(path).find().origin == short
        shown = read_log(LogFile(Path(path), shown=path)).find().origin
        assert (shown, shown.file) == (whole, path)


def test_a_character_that_the_head_cuts_is_still_text(tmp_path):
    path = tmp_path / "log"
    for before in range(4090, 4097):
        path.write_text("a" * before + "損失" * 10, "utf-8")
        assert LogFile(path).is_text, before
    path.write_bytes(b"a" * 4000 + b"\xff" + b"a" * 200)
    assert not LogFile(path).is_text


@pytest.mark.parametrize("content", [b"", b" \n", b"loss\0", b"(dp0\n.", b"\x80\x04."])
def test_nothing_nul_and_pickles_are_no_text_and_have_neither_layout_nor_document(
    tmp_path, content
):
    path = tmp_path / "log"
    path.write_bytes(content)
    log = LogFile(path)
    assert (log.is_text, log.is_json, log.layout, log.document) == (False, False, None, None)


@pytest.mark.parametrize("text", ['{"loss": [1]}', ' [{"loss": 1}]', '\ufeff{"loss": [1]}'])
def test_text_that_begins_like_json_is_a_document_and_no_table_of_text(tmp_path, text):
    path = tmp_path / "log"
    path.write_text(text, "utf-8")
    log = LogFile(path)
    assert log.is_json
    assert log.document
    assert log.layout is None


def test_a_folder_has_no_content(tmp_path):
    log = LogFile(tmp_path)
    assert (log.is_folder, log.head, log.is_text) == (True, b"", False)
    assert log.file == tmp_path.name


def test_roles_that_the_user_did_not_give_are_absent():
    assert Roles().given() == {}
    assert Roles("a", step="b").given() == {"loss": "a", "step": "b"}
