"""Fact: one number that Keras logs, its expected value, and the known defects by version.

To add a fact, write a function that trains and returns what it observed: numbers, texts, lists and
dictionaries of them. `@fact` takes the fact as a sentence, the expected value, computed by the
independent loop of `true_losses`, and the values that known defects give instead. The name of the
function in kebab-case is the name of the fact.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lossaudit.arithmetic.bounds import group_mean_bound
from lossaudit.predictions.mistakes.mistake import MISTAKES, version_parts

NEWEST = "3.15.1"
"""The newest Keras with which the facts were tried; later versions may fix its defects."""

HOLDS, KNOWN, DIFFERS, SKIPPED = "holds", "known defect", "differs", "skipped"
_TERMS = 10
"""The largest number of rows or batches that a number of a fact is the mean of."""

Seen = Any
"""Numbers, texts, None, and lists and dictionaries of them."""


@dataclass(frozen=True)
class Known:
    """A known defect: what some versions of Keras log instead of the expected value.

    Args:
        versions: the first and the last affected version; None if the newest still has it.
        seen: what these versions log.
        reason: the reason as a sentence; empty for the explanation of `defect`.
        thread: public discussions; empty for those of `defect`, or if none was found.
        defect: name of the mistake in `lossaudit.predictions.mistakes.keras_defects`; empty if
            findings do not name it.
        backends: the affected back ends; empty for all.
    """

    versions: tuple[str, str | None]
    seen: Seen
    reason: str = ""
    thread: str = ""
    defect: str = ""
    backends: tuple[str, ...] = ()

    def concerns(self, version: str, backend: str) -> bool:
        """Whether a version of Keras has the defect on a back end, as far as is known."""
        first, last = self.versions
        is_within = version_parts(first) <= version_parts(version)
        is_within &= last is None or version_parts(version) <= version_parts(last)
        return is_within and (not self.backends or backend in self.backends)

    def why(self) -> str:
        """Return the reason as a sentence."""
        return self.reason or MISTAKES[self.defect].explanation

    def where(self) -> str:
        """Return the public discussions, or a text that says there are none."""
        return (
            self.thread
            or (self.defect and ", ".join(MISTAKES[self.defect].threads))
            or "no public thread found"
        )


@dataclass(frozen=True)
class Fact:
    """One fact about what Keras logs.

    Args:
        name: kebab-case.
        sentence: the fact as a sentence.
        see: trains, and returns the observed value.
        expected: the expected value.
        known: the known defects.
        needs: modules that must be installed to observe it.
        backend: the only back end that it is about; empty for all.
    """

    name: str
    sentence: str
    see: Callable[[], Seen]
    expected: Seen
    known: tuple[Known, ...]
    needs: tuple[str, ...]
    backend: str

    def known_of(self, version: str, backend: str) -> Known | None:
        """Return the known defect of a version; None if there is none."""
        return next((one for one in self.known if one.concerns(version, backend)), None)


@dataclass(frozen=True)
class Outcome:
    """The outcome of verifying a fact: `holds`, `known defect`, `differs` or `skipped`.

    Args:
        fact: name of the fact.
        sentence: the fact as a sentence.
        status: one of the four.
        expected: the expected value.
        seen: the observed value; None if the fact was skipped.
        reason: why it differs or was skipped; empty if it holds.
        thread: public discussions of a known defect.
    """

    fact: str
    sentence: str
    status: str
    expected: Seen
    seen: Seen = None
    reason: str = ""
    thread: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the outcome as JSON values."""
        return asdict(self) | {"expected": _finite(self.expected), "seen": _finite(self.seen)}


REGISTERED: dict[str, Fact] = {}


def fact(
    sentence: str, expected: Seen, *known: Known, needs: tuple[str, ...] = (), backend: str = ""
) -> Callable[[Callable[[], Seen]], Callable[[], Seen]]:
    """Register a fact under the name of the function that observes it.

    Args:
        sentence: the fact as a sentence.
        expected: the expected value.
        known: the known defects.
        needs: modules that must be installed to observe it.
        backend: the only back end that it is about; empty for all.
    """

    def register(see: Callable[[], Seen]) -> Callable[[], Seen]:
        name = see.__name__.replace("_", "-")
        REGISTERED[name] = Fact(name, sentence, see, expected, known, needs, backend)
        return see

    return register


def judged(one: Fact, version: str, backend: str) -> Outcome:
    """Observe a fact, and judge the value by what is known of this version of Keras."""
    expected, known = one.expected, one.known_of(version, backend)
    seen, error = _seen(one.see)
    if error:
        return Outcome(one.name, one.sentence, DIFFERS, expected, None, error)
    if known is not None and same(seen, known.seen):
        return Outcome(one.name, one.sentence, KNOWN, expected, seen, known.why(), known.where())
    may_be_fixed = known is None or (
        known.versions[1] is None and version_parts(version) > version_parts(NEWEST)
    )
    if same(seen, expected) and may_be_fixed:
        return Outcome(one.name, one.sentence, HOLDS, expected, seen)
    other = (
        ""
        if known is None
        else f" The known defect of Keras {version} would give {shown(known.seen)}."
    )
    reason = f"Expected {shown(expected)}, observed {shown(seen)}.{other}"
    return Outcome(one.name, one.sentence, DIFFERS, expected, seen, reason)


def same(seen: Seen, expected: Seen) -> bool:
    """Whether an observed value equals the expected one.

    Numbers may differ by the proven bound of a float32 mean of at most ten terms.

    >>> same({"loss": [1.0, 7.2]}, {"loss": [1.0, 7.2000003]})
    True
    >>> same([3.0], [3.00001]), same([3.0], [3.0, 3.0])
    (False, False)
    """
    if isinstance(expected, dict):
        return (
            isinstance(seen, dict)
            and seen.keys() == expected.keys()
            and all(same(seen[key], one) for key, one in expected.items())
        )
    if isinstance(expected, (list, tuple)):
        return (
            len(seen) == len(expected) and all(map(same, seen, expected))
            if isinstance(seen, (list, tuple))
            else False
        )
    if isinstance(expected, float) and isinstance(seen, (int, float)):
        # NaN does not equal itself, its text does.
        if not math.isfinite(expected):
            return str(float(seen)) == str(expected)
        return bool(abs(float(seen) - expected) <= group_mean_bound(abs(expected), _TERMS))
    return bool(seen == expected)


def shown(value: Seen) -> str:
    """Format a value for people, numbers to six digits."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {shown(one)}" for key, one in value.items())
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(shown, value))}]"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else f"{value:.6g}"
    return str(value)


def _finite(value: Seen) -> Seen:
    """Replace NaN and infinities, which JSON does not have, by texts."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _seen(see: Callable[[], Seen]) -> tuple[Seen, str]:
    """Return the observed value and an empty text, or None and the error; ignore warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return see(), ""
        except Exception as error:
            return (
                None,
                f"It could not be observed: {type(error).__name__}: {str(error).strip()[:300]}",
            )


def names(facts: Sequence[Outcome], status: str) -> list[str]:
    """Return the names of the facts with this status."""
    return [one.fact for one in facts if one.status == status]
