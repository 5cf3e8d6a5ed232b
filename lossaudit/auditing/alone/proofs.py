"""Proofs: batch and epoch values of a log that prove each other right, and on what condition."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lossaudit.auditing.alone.log import Log
from lossaudit.auditing.alone.pair import Pair


@dataclass(frozen=True)
class Proof:
    """What a series is, because batch and epoch values agree.

    Args:
        quantity: the name of its quantity.
        condition: what else must be true, as a clause; empty if nothing.
    """

    quantity: str
    condition: str


def proofs_of(log: Log) -> dict[int, Proof]:
    """The series that are proved by one another, by their index in the log."""
    proofs: dict[int, Proof] = {}
    for (index, other), pairs in log.pairs_by_index.items():
        # Every session must prove the same.
        found = {_proof(pair) for pair in pairs}
        if len(found) == 1 and (proof := found.pop()):
            proofs[index], proofs[other] = proof, replace(proof, quantity="epoch_mean")
    return proofs


def _proof(pair: Pair) -> Proof | None:
    if pair.leads_to_epoch_value and pair.batches.covers == "epoch_so_far":
        return Proof("running_mean", "each batch was weighted by its rows")
    # If all losses of an epoch are equal, its last loss, its running mean and its mean are too.
    constant = pair.ends_in_epoch_value and np.array_equal(pair.mean, pair.last)
    if (
        pair.batches.covers == "batch"
        and pair.follows
        and (constant or not pair.ends_in_epoch_value)
    ):
        return Proof("batch_loss", _rows_needed(pair))
    return None


def _rows_needed(pair: Pair) -> str:
    """The rows that make the epoch's value the mean of its batches; empty if they are known."""
    low, high = pair.short_last or (1.0, 1.0)
    if pair.batches.weights is not None:
        return ""
    if low == 1:
        return "all batches have the same rows"
    return f"the last batch of each epoch has {(low + high) / 2:.2g} times the rows of the others"
