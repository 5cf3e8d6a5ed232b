"""A fact that trains nothing, with or without a known defect."""

from __future__ import annotations

from lossaudit.testing.keras_facts import Fact, Known

THREE = Known(("3.2.0", "3.8.0"), 4.0, "It counts batches alike.", "keras-team/keras#1")


def a_fact(*known, seen=3.0, **arguments):
    return Fact(
        "a-fact",
        "A mean is 3.",
        lambda: seen,
        3.0,
        known,
        arguments.get("needs", ()),
        arguments.get("on", ""),
    )
