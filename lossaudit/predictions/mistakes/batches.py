"""Mistakes in what is averaged: missing, repeated or foreign batches, and parts of the loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lossaudit.arithmetic.arrays import Floats
from lossaudit.arithmetic.bounds import group_mean_bound, regrouped_bound
from lossaudit.predictions.mistakes.mistake import mistake
from lossaudit.predictions.truth import Batches, Truth
from lossaudit.recording import keys

_TOTAL = (
    "Log the loss that the gradient is taken of: in Keras `self.compute_loss(...)`, or the "
    "sum of all parts."
)
_ALL = "Average over every batch of the epoch, once."
_KEEP = (
    "Log losses that are not finite as they are, and stop on purpose: "
    "`keras.callbacks.TerminateOnNaN()`."
)

_MOST = 64
"""The longest step between averaged batches that is tried; no execution runs more of them."""


@mistake(
    "epoch",
    explanation="The logged value is the mean without the epoch's last batch of {last} rows.",
    stage="batches",
    remedy="Count batches with `math.ceil(rows / batch_size)`; `rows // batch_size` loses the "
    "short last one.",
)
def last_batch_dropped(truth: Truth) -> Iterator[Truth]:
    yield from _without(truth, truth.batches.ends)


@mistake(
    "epoch",
    explanation="The logged value is the mean without the epoch's first batch.",
    stage="batches",
    remedy=_ALL,
)
def first_batch_dropped(truth: Truth) -> Iterator[Truth]:
    yield from _without(truth, truth.batches.starts)


@mistake(
    "epoch",
    explanation="The logged value is the mean of one batch in {every}, beginning with batch "
    "{first} of the epoch.",
    stage="batches",
    remedy=_ALL,
)
def some_batches_averaged(truth: Truth, logged: Floats) -> Iterator[Truth]:
    # One number does not tell which batches it averages.
    if np.isfinite(logged).sum() < 2:
        return
    places, lengths = truth.batches.places, truth.batches.lengths
    for every in range(2, min(int(lengths.max()) // 2, _MOST) + 1):
        for first in (0, every - 1) if every <= lengths.min() else (0,):
            yield truth.take(places % every == first, every=str(every), first=str(first))


@mistake(
    "epoch",
    explanation="The logged value is the mean with the epoch's first batch counted twice.",
    stage="batches",
    remedy=_ALL,
)
def first_batch_counted_twice(truth: Truth) -> Iterator[Truth]:
    yield truth.take(np.sort(np.append(np.arange(len(truth.batches)), truth.batches.starts)))


@mistake(
    "epoch",
    explanation="The logged value is the mean with the epoch's last batch counted twice.",
    stage="batches",
    remedy=_ALL,
)
def last_batch_counted_twice(truth: Truth) -> Iterator[Truth]:
    batches = truth.batches
    # A last batch of half the rows, counted twice, is the same as one counted as full.
    if np.any(2 * batches.weights[batches.ends] != batches.batch_sizes):
        yield truth.take(np.sort(np.append(np.arange(len(truth.batches)), truth.batches.ends)))


@mistake(
    "batch",
    "epoch_so_far",
    "epoch",
    explanation="The logged value is the loss of the {other} split, not of this one.",
    stage="batches",
    remedy="Log each split under its own name: validation losses come from `val_loss` or the "
    "hooks `on_test_*`.",
)
def another_split_logged(truth: Truth) -> Iterator[Truth]:
    for split in truth.splits:
        if split != truth.split:
            yield replace(
                truth, split=split, all_others={}, details={**truth.details, "other": split}
            )


@mistake(
    "batch",
    "epoch_so_far",
    "epoch",
    explanation="The logged value is the loss of replica {replica} alone.",
    stage="batches",
    remedy="Reduce over all replicas before logging: `strategy.reduce('SUM', loss, axis=None)`.",
)
def one_replica_logged_for_all(truth: Truth) -> Iterator[Truth]:
    for tag, batches in truth.others.items():
        if tag.startswith(keys.LOSS + keys.REPLICA):
            yield truth.with_batches(batches, replica=tag.removeprefix(keys.LOSS + keys.REPLICA))


@mistake(
    "batch",
    "epoch_so_far",
    "epoch",
    explanation="The logged value is {component} alone, which is only a part of the loss.",
    stage="batches",
    breaks="content",
    remedy=_TOTAL,
)
def component_logged_as_total(truth: Truth) -> Iterator[Truth]:
    for tag, batches in truth.others.items():
        if tag != keys.OPTIMISED_LOSS and not tag.startswith((f"{keys.LOSS}/", keys.METRIC)):
            yield truth.with_batches(truth.batches.with_values(batches.values), component=tag)


@mistake(
    "batch",
    "epoch_so_far",
    "epoch",
    explanation="The logged value is the loss without the {regularization} that regularizers add "
    "to it.",
    stage="batches",
    breaks="content",
    remedy=_TOTAL,
)
def regularization_left_out(truth: Truth) -> Iterator[Truth]:
    yield from _with_regularization(truth, -1)


@mistake(
    "batch",
    "epoch_so_far",
    "epoch",
    explanation="The logged value is the loss with what regularizers add to it, {regularization}, "
    "added once more.",
    stage="batches",
    breaks="content",
    remedy=_TOTAL,
)
def regularization_counted_twice(truth: Truth) -> Iterator[Truth]:
    yield from _with_regularization(truth, 1)


@mistake(
    "batch",
    "epoch_so_far",
    "epoch",
    explanation="The logged value is the loss with `loss_weights` applied twice.",
    stage="batches",
    breaks="content",
    remedy="Apply `loss_weights` once.",
)
def loss_weights_applied_twice(truth: Truth) -> Iterator[Truth]:
    added = _weights_times(truth, lambda weight: weight - 1)
    if added is not None:
        yield _changed_by(truth, added)


@mistake(
    "batch",
    "epoch_so_far",
    "epoch",
    explanation="The logged value is the plain sum of the losses of the outputs, without "
    "`loss_weights`.",
    stage="batches",
    breaks="content",
    remedy="Apply `loss_weights` once.",
)
def loss_weights_left_out(truth: Truth) -> Iterator[Truth]:
    added = _weights_times(truth, lambda weight: 1 / weight - 1)
    if added is not None:
        yield _changed_by(truth, added)


@mistake(
    "epoch",
    "epoch_so_far",
    explanation="The logged value is the mean without the batches whose loss is not finite: "
    "{missing} of them.",
    stage="batches",
    breaks="finite",
    remedy=_KEEP,
)
def not_finite_dropped(truth: Truth) -> Iterator[Truth]:
    batches, finite = truth.batches, np.isfinite(truth.batches.values)
    if not finite.all() and finite.any():
        details = {"missing": str(int((~finite).sum()))}
        yield truth.take(finite, **details)
        if batches.weights_known:
            ignored = np.where(finite, batches.values, 0.0), np.where(finite, batches.weights, 0.0)
            yield truth.with_batches(
                batches.with_values(ignored[0]).with_weights(ignored[1]), **details
            )


@mistake(
    "batch",
    "epoch",
    "epoch_so_far",
    explanation="The logged value is the loss with zero in place of values that are not finite.",
    stage="batches",
    breaks="finite",
    remedy=_KEEP,
)
def not_finite_replaced_by_zero(truth: Truth) -> Iterator[Truth]:
    finite = np.isfinite(truth.batches.values)
    if not finite.all():
        yield truth.with_batches(
            truth.batches.with_values(np.where(finite, truth.batches.values, 0.0))
        )


@mistake(
    "batch",
    "epoch",
    "epoch_so_far",
    explanation="The logged value is the loss with {instead} in place of values that are not "
    "finite.",
    stage="batches",
    breaks="finite",
    remedy=_KEEP,
)
def not_finite_replaced_by_another(truth: Truth) -> Iterator[Truth]:
    finite = np.isfinite(truth.batches.values)
    if finite.all() or not finite.any():
        return
    for instead, values, errors in _replacements(truth.batches, finite, truth.dtype):
        held = truth.batches.with_values(
            np.where(finite, truth.batches.values, values), np.where(finite, 0.0, errors)
        )
        yield truth.with_batches(held, instead=instead)


def _without(truth: Truth, rows: NDArray[np.int64]) -> Iterator[Truth]:
    if np.all(truth.batches.lengths > 1):
        kept = np.ones(len(truth.batches), dtype=bool)
        kept[rows] = False
        yield truth.take(kept)


def _with_regularization(truth: Truth, times: int) -> Iterator[Truth]:
    added = truth.others.get(keys.REGULARIZATION)
    if added is not None:
        yield _changed_by(truth, times * added.values, regularization=f"{added.values[0]:.9g}")


def _changed_by(truth: Truth, added: Floats, **details: str) -> Truth:
    """Add something to the losses; the program may have rounded the parts in any order."""
    values = truth.batches.values + added
    sizes = np.abs(truth.batches.values) + np.abs(added)
    return truth.with_batches(
        truth.batches.with_values(values, regrouped_bound(sizes, truth.batches.dtype)), **details
    )


def _weights_times(truth: Truth, change: Callable[[float], float]) -> Floats | None:
    """Return Σ change(weight)·weighted loss over the outputs; None if every weight is one."""
    parts = {tag: one.values for tag, one in truth.others.items() if tag.endswith(keys.WEIGHTED)}
    added = np.zeros(len(truth.batches))
    for tag, weighted in parts.items():
        plain = truth.others.get(tag.removesuffix(keys.WEIGHTED))
        if plain is None or not np.any(plain.values):
            return None
        largest = np.argmax(np.abs(plain.values))
        weight = float(np.float32(weighted[largest] / plain.values[largest]))
        added += change(weight) * weighted if weight else 0.0
    return added if parts and np.any(added) else None


def _replacements(
    batches: Batches, finite: NDArray[np.bool_], dtype: str
) -> Iterator[tuple[str, Floats, Floats | float]]:
    """Yield what programs write for a loss that is not finite: name, numbers, proven bounds."""
    values, order = np.where(finite, batches.values, 0.0), np.arange(len(batches))
    yield "the loss before it", values[np.maximum.accumulate(np.where(finite, order, 0))], 0.0
    sums, sizes, counts = (np.empty(len(batches)) for _ in range(3))
    for group in batches.groups():
        sums[group], sizes[group] = np.cumsum(values[group]), np.cumsum(np.abs(values[group]))
        counts[group] = np.maximum(np.cumsum(finite[group]), 1)
    last = np.repeat(batches.ends, batches.lengths)
    for name, at in (
        ("the mean of the epoch until then", order),
        ("the mean of the epoch's other losses", last),
    ):
        yield name, (sums / counts)[at], group_mean_bound(sizes / counts, counts, dtype)[at]
