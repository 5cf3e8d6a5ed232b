"""What a reader noted about a log."""

from __future__ import annotations


def notes(recording):
    return "\n".join(recording.metadata["notes"])
