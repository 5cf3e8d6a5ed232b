"""Pickles are recognised, and never loaded."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import lossaudit
from lossaudit.formats.pickled import is_pickle


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_refused_with_the_reason(tmp_path, protocol):
    (tmp_path / "history").write_bytes(pickle.dumps({"loss": [1.0, 0.5]}, protocol))
    with pytest.raises(
        lossaudit.LogFileError,
        match=r"is a pickle; loading it can run arbitrary code\. Save plain numbers .*json\.",
    ):
        lossaudit.read(tmp_path / "history")


def test_a_pickle_that_numpy_saved_is_refused_as_well(tmp_path):
    np.save(tmp_path / "history.npy", {"loss": [1.0]}, allow_pickle=True)
    with pytest.raises(lossaudit.LogFileError, match="is a pickle"):
        lossaudit.read(tmp_path / "history.npy")


@pytest.mark.parametrize(
    "content",
    [b"", b"step,loss\n0,1.0\n", b'{"loss": [1.0]}', b"\x89PNG\r\n\x1a\n\0\0", b"\0" * 100],
)
def test_other_content_is_no_pickle(tmp_path, content):
    path = tmp_path / "log"
    path.write_bytes(content)
    assert not is_pickle(path, content[:4096])


def test_an_array_of_numbers_is_no_pickle(tmp_path):
    np.save(tmp_path / "losses.npy", np.zeros(3))
    path = tmp_path / "losses.npy"
    assert not is_pickle(path, path.read_bytes())


def test_a_pickle_is_not_run_to_find_out(tmp_path):
    path = tmp_path / "history"
    path.write_bytes(b"cos\nsystem\n(S'touch %s'\ntR." % bytes(tmp_path / "ran"))
    with pytest.raises(lossaudit.LogFileError):
        lossaudit.read(path)
    assert not (tmp_path / "ran").exists()
