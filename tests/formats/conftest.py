"""What the tests of several formats need."""

from __future__ import annotations

import pytest


@pytest.fixture
def written(tmp_path):
    """Writes a text to a file, and returns its path."""

    def write(text, name="log.txt"):
        path = tmp_path / name
        path.write_text(text, "utf-8")
        return path

    return write
