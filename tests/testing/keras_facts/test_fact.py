"""A fact holds, is a known defect of its version, or differs."""

from __future__ import annotations

import keras
import pytest

from lossaudit.predictions.mistakes.mistake import MISTAKES
from lossaudit.testing.keras_facts import FACTS, Fact, Known
from lossaudit.testing.keras_facts.fact import DIFFERS, HOLDS, KNOWN, judged
from tests.testing.keras_facts.facts import VERSIONS
from tests.testing.keras_facts.one_fact import THREE, a_fact

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="this is about Keras on TensorFlow"
)


@pytest.mark.parametrize(
    ("version", "seen", "status"),
    [
        ("3.1.1", 3.0, HOLDS),
        ("3.1.1", 4.0, DIFFERS),
        ("3.2.0", 4.0, KNOWN),
        # A known defect that is gone: the table is wrong.
        ("3.8.0", 3.0, DIFFERS),
        ("3.8.0", 3.5, DIFFERS),
        ("3.9.0", 4.0, DIFFERS),
        ("3.9.0", 3.0000002, HOLDS),
        ("3.9.0", 3.00001, DIFFERS),
    ],
)
def test_a_fact_holds_is_a_known_defect_of_its_version_or_differs(version, seen, status):
    assert judged(a_fact(THREE, seen=seen), version, "tensorflow").status == status


def test_a_known_defect_may_be_fixed_only_in_a_version_that_was_not_tried():
    known = Known(("3.2.0", None), 4.0, "It counts batches alike.")
    assert [judged(a_fact(known), version, "jax").status for version in ("3.15.1", "3.16.0")] == [
        DIFFERS,
        HOLDS,
    ]
    assert judged(a_fact(known, seen=4.0), "3.16.0", "jax").status == KNOWN


def test_a_defect_of_one_back_end_is_none_of_another():
    known = Known(("3.2.0", None), 4.0, "It counts batches alike.", backends=("tensorflow",))
    assert judged(a_fact(known), "3.15.1", "jax").status == HOLDS


def test_what_differs_says_what_was_seen_and_what_the_known_defect_would_give():
    outcome = judged(a_fact(THREE, seen=3.5), "3.8.0", "tensorflow")
    assert (
        outcome.reason == "Expected 3, observed 3.5. The known defect of Keras 3.8.0 would give 4."
    )


def test_an_error_differs_and_is_reported():
    broken = Fact("a-fact", "A mean is 3.", lambda: [][1], 3.0, (), (), "")
    outcome = judged(broken, "3.15.1", "tensorflow")
    assert (outcome.status, outcome.reason) == (
        DIFFERS,
        "It could not be observed: IndexError: list index out of range",
    )


def test_every_known_defect_says_why_and_agrees_with_those_that_findings_name():
    for one in FACTS.values():
        assert one.sentence.endswith(".")
        for known in one.known:
            assert known.why().endswith((".", "NaN.")), one.name
            assert known.where()
            seen = MISTAKES[known.defect] if known.defect else None
            tried = [version for version in VERSIONS if known.concerns(version, "tensorflow")]
            assert seen is None or all(seen.was_seen_in(version) for version in tried), (
                one.name,
                known,
            )
