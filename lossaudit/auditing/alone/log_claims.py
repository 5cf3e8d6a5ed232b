"""Claims of a log without a truth: only names and lengths tell what the numbers cover."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from lossaudit.auditing.claims import Claim, claim_named, claims_of
from lossaudit.recording.names import Covers, Name, of_keras
from lossaudit.recording.origins import Origin
from lossaudit.recording.recording import Recording
from lossaudit.recording.series import Series


def claims_of_log(logged: Series | Recording | Mapping[str, Any]) -> list[Claim]:
    """The claims of a log, no two of them with the same name and origin.

    Raises:
        TypeError: `logged` is of none of these kinds.
    """
    claims = _named(logged) if isinstance(logged, Mapping) else claims_of(logged, Recording([]))
    return _with_unique_names(claims)


def _with_unique_names(claims: Sequence[Claim]) -> list[Claim]:
    """The claims; if several share name and origin, what they cover and a number are added."""
    names, seen = Counter((claim.origin, claim.series.name) for claim in claims), Counter[str]()
    distinct = []
    for claim in claims:
        if names[claim.origin, claim.series.name] > 1:
            origin = Origin.parse(claim.origin)
            name = f"{origin.name} by {claim.series.covers}"
            called = origin.renamed(name)
            seen[called] += 1
            if seen[called] > 1:
                called = origin.renamed(f"{name} #{seen[called]}")
            claim = replace(claim, series=claim.series.with_origin(called))
        distinct.append(claim)
    return distinct


def _named(logged: Mapping[str, Any]) -> list[Claim]:
    """The claims of a mapping; `"loss"` is the value of each epoch, as in `History.history`."""
    read = {name: claim_named(name, values, Recording([])) for name, values in logged.items()}
    epochs = [
        len(read[name].series)
        for name in logged
        if "loss" in Name(name).words and _covers(Name(name), 0, 0) is None
    ]
    return [
        claim
        if isinstance(logged[name], Series)
        # A shorter list of losses than this cannot be, so longer ones are of batches.
        else _promising(Name(name), claim, min(epochs, default=0))
        for name, claim in read.items()
    ]


def _promising(name: Name, claim: Claim, epochs: int) -> Claim:
    """The claim with what its name promises; it has its own tag unless it is plainly the loss."""
    covers = _covers(name, len(claim.series), epochs)
    tag = "loss" if name.is_plain else of_keras(name.text)[1]
    return Claim(replace(claim.series, tag=tag, covers=covers or "batch"), covers)


def _covers(name: Name, length: int, epochs: int) -> Covers | None:
    """What the numbers of a name cover; None if neither name nor length tells.

    Args:
        name: the name.
        length: how many numbers there are.
        epochs: how many epochs the log has; 0 if unknown.
    """
    # In a History `loss` is an epoch's value; elsewhere the same word promises batches.
    promised = name.promises(length, epochs, without=frozenset({"loss"}))
    if promised is None and epochs and length != epochs:
        return name.promises(length, epochs)
    return "epoch" if promised is None and epochs else promised
