"""Names from logs, made safe to show."""

from __future__ import annotations

import re

_UNSHOWABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
"""Characters that XML forbids, that control a terminal, or that reverse the writing direction."""


def legible(text: str) -> str:
    r"""The text with replacement characters for those that cannot or must not be shown.

    >>> legible("loss\x1b[31m")
    'loss�[31m'
    """
    return _UNSHOWABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def shortened(text: str, most: int) -> str:
    """The text, or its beginning and an ellipsis.

    >>> shortened("validation loss", 8)
    'validat…'
    """
    return text if len(text) <= most else text[: most - 1] + "…"
