"""Numbers of things, in words that agree."""

from __future__ import annotations


def counted(count: int, noun: str, plural: str = "") -> str:
    """Return a count with its noun in the singular or in the plural.

    Args:
        count: how many things there are.
        noun: the noun in the singular.
        plural: the noun in the plural; with an s if empty.

    >>> counted(1, "number"), counted(1_200, "number"), counted(2, "batch", "batches")
    ('1 number', '1,200 numbers', '2 batches')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
