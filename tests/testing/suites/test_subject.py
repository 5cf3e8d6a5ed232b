"""The tested program with its claims: what is no claim is refused."""

from __future__ import annotations

import pytest

import lossaudit
from lossaudit.testing import conformance


@pytest.mark.parametrize(
    ("claims", "message"),
    [
        ({"kind": "meter"}, "kind='meter' must be one of 'callback', 'accumulator', 'loop'"),
        (
            {"kind": "accumulator", "nan": "drop"},
            "nan='drop' must be one of 'propagate', 'ignore', 'raise'",
        ),
        ({"kind": "callback", "covers": "batch"}, "covers='batch' needs read="),
        (
            {"kind": "accumulator", "xfail": {"merging": "no"}},
            "xfail='merging' is not a check of kind='accumulator'",
        ),
    ],
)
def test_an_unknown_claim_is_refused(claims, message):
    with pytest.raises(ValueError, match=message.split("(")[0]):
        conformance(lossaudit.WeightedMean, **claims)
