"""A recording of two epochs, small enough to check by hand."""

from __future__ import annotations

from lossaudit import Recording, Series

TINY = Recording(
    [
        Series([1.0, 2.0, 9.0, 0.5, 0.75, 3.0], weights=[4, 4, 2] * 2, epochs=[0, 0, 0, 1, 1, 1]),
        Series([5.0, 6.0, 0.5, 0.25], split="validation", weights=[3, 2] * 2, epochs=[0, 0, 1, 1]),
    ]
)


def only(report):
    (finding,) = report.findings
    return finding
