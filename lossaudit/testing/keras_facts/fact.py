"""Facts: what Keras logs, what it ought to be, and what versions are known to log instead.

To add a fact, write a function that trains and returns what was seen: numbers, texts, lists and
dictionaries of them. `@fact` says what it must be, reckoned by the independent loop, and what
known defects make of it in which versions. Its docstring is the fact in a sentence, its name in
kebab-case is the name of the fact.
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
"""The newest Keras that the facts were tried with; what is there may be mended in those after it.
"""

HOLDS, KNOWN, DIFFERS, SKIPPED = "holds", "known defect", "differs", "skipped"
_TERMS = 10
"""No number of a fact is the mean of more rows or batches."""

Seen = Any
"""Numbers, texts, None, and lists and dictionaries of them."""


@dataclass(frozen=True)
class Known:
    """What some versions log instead.

    Args:
        versions: the first of them, and the last; None where the newest still does.
        seen: what they log.
        reason: why, as a sentence; empty for that of the defect.
        thread: where it is discussed in public; empty for that of the defect, or where nothing was
            found.
        defect: its name among the mistakes of `lossaudit.predictions.mistakes.keras_defects`;
            empty where findings do not name it.
        backends: those that have it; empty for all.
    """

    versions: tuple[str, str | None]
    seen: Seen
    reason: str = ""
    thread: str = ""
    defect: str = ""
    backends: tuple[str, ...] = ()

    def concerns(self, version: str, backend: str) -> bool:
        """Whether a version has it, on a back end; one that is newer than all that were tried may
        have it still.
        """
        first, last = self.versions
        is_within = version_parts(first) <= version_parts(version)
        is_within &= last is None or version_parts(version) <= version_parts(last)
        return is_within and (not self.backends or backend in self.backends)

    def why(self) -> str:
        """The reason, as a sentence."""
        return self.reason or MISTAKES[self.defect].explanation

    def where(self) -> str:
        """The thread, or that there is none."""
        return (
            self.thread
            or (self.defect and ", ".join(MISTAKES[self.defect].threads))
            or "no public thread found"
        )


@dataclass(frozen=True)
class Fact:
    """One thing that is so of what Keras logs.

    Args:
        name: kebab-case.
        sentence: the fact.
        see: trains, and returns what was seen.
        expected: what must be seen.
        known: what is seen instead, by version.
        needs: the modules without which it cannot be seen.
        backend: the only back end on which it is one; empty where it is on all.
    """

    name: str
    sentence: str
    see: Callable[[], Seen]
    expected: Seen
    known: tuple[Known, ...]
    needs: tuple[str, ...]
    backend: str

    def known_of(self, version: str, backend: str) -> Known | None:
        """What is known to be seen instead in a version."""
        return next((one for one in self.known if one.concerns(version, backend)), None)


@dataclass(frozen=True)
class Outcome:
    """What became of a fact: `holds`, `known defect`, `differs` or `skipped`.

    Args:
        fact: its name.
        sentence: the fact.
        status: one of the four.
        expected: what must be seen.
        seen: what was; None where it was skipped.
        reason: why it is not so, or was skipped; empty where it holds.
        thread: where a known defect is discussed.
    """

    fact: str
    sentence: str
    status: str
    expected: Seen
    seen: Seen = None
    reason: str = ""
    thread: str = ""

    def as_json(self) -> dict[str, Any]:
        """The outcome as JSON values."""
        return asdict(self) | {"expected": _finite(self.expected), "seen": _finite(self.seen)}


REGISTERED: dict[str, Fact] = {}


def fact(
    sentence: str, expected: Seen, *known: Known, needs: tuple[str, ...] = (), backend: str = ""
) -> Callable[[Callable[[], Seen]], Callable[[], Seen]]:
    """Register a fact."""

    def register(see: Callable[[], Seen]) -> Callable[[], Seen]:
        name = see.__name__.replace("_", "-")
        REGISTERED[name] = Fact(name, sentence, see, expected, known, needs, backend)
        return see

    return register


def judged(one: Fact, version: str, backend: str) -> Outcome:
    """See a fact, and say what became of it in this version of Keras."""
    expected, known = one.expected, one.known_of(version, backend)
    seen, error = _seen(one.see)
    if error:
        return Outcome(one.name, one.sentence, DIFFERS, expected, None, error)
    if known is not None and same(seen, known.seen):
        return Outcome(one.name, one.sentence, KNOWN, expected, seen, known.why(), known.where())
    is_mended = known is None or (
        known.versions[1] is None and version_parts(version) > version_parts(NEWEST)
    )
    if same(seen, expected) and is_mended:
        return Outcome(one.name, one.sentence, HOLDS, expected, seen)
    other = (
        ""
        if known is None
        else f" The known defect of Keras {version} would give {shown(known.seen)}."
    )
    reason = f"Expected {shown(expected)}, seen {shown(seen)}.{other}"
    return Outcome(one.name, one.sentence, DIFFERS, expected, seen, reason)


def same(seen: Seen, expected: Seen) -> bool:
    """Whether what was seen is what was expected: numbers within the proven bound of a float32
    mean of so few terms.

    >>> same({"loss": [1.0, 7.2]}, {"loss": [1.0, 7.2000003]}), same([3.0], [3.00001]), same([3.0], [3.0, 3.0])
    (True, False, False)
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
        if not math.isfinite(expected):
            return str(float(seen)) == str(expected)
        return bool(abs(float(seen) - expected) <= group_mean_bound(abs(expected), _TERMS))
    return bool(seen == expected)


def shown(value: Seen) -> str:
    """A value for people: numbers to six digits."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {shown(one)}" for key, one in value.items())
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(shown, value))}]"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else f"{value:.6g}"
    return str(value)


def _finite(value: Seen) -> Seen:
    """A value as JSON has it, where what is not finite is a text."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _seen(see: Callable[[], Seen]) -> tuple[Seen, str]:
    """What was seen, or the error that came of it; what Keras warns of is not judged here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return see(), ""
        except Exception as error:
            return (
                None,
                f"It could not be seen: {type(error).__name__}: {str(error).strip()[:300]}",
            )


def names(facts: Sequence[Outcome], status: str) -> list[str]:
    """The names of the facts that came out so."""
    return [one.fact for one in facts if one.status == status]
