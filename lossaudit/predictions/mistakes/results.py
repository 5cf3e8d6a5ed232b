"""Mistakes in what is done with a right number: scaling, transforming, rounding."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from functools import partial

import numpy as np

from lossaudit.arithmetic.arrays import Floats
from lossaudit.arithmetic.bounds import decimals_bound, half_ulp
from lossaudit.arithmetic.replay import rounded_to
from lossaudit.predictions.mistakes.mistake import mistake
from lossaudit.predictions.prediction import Prediction
from lossaudit.recording.names import Covers

_ANY: tuple[Covers, ...] = ("batch", "epoch_so_far", "epoch")
_UNSCALED = "Log the loss before it is divided or multiplied for the backward pass."
_LEAST = 2.0**-32
"""The smallest factor: mixed precision scales a loss by at most 2^32."""


@mistake(
    *_ANY,
    explanation="The logged value is the loss {scaled}: the number of accumulated steps, or of "
    "parts of a batch.",
    stage="number",
    breaks="scale",
    remedy=_UNSCALED,
)
def loss_scaled_by_accumulation(right: Prediction, logged: Floats) -> Iterator[Prediction]:
    yield from _scaled(right, logged, lambda factor: factor <= 1024)


@mistake(
    *_ANY,
    explanation="The logged value is the loss {scaled}: the number of replicas.",
    stage="number",
    breaks="scale",
    remedy="Log the mean over replicas, whose losses are means already.",
)
def loss_scaled_by_replicas(right: Prediction, logged: Floats) -> Iterator[Prediction]:
    known = right.details.get("replicas")
    yield from _scaled(
        right, logged, lambda factor: factor <= 64 if known is None else f"{factor:g}" == known
    )


@mistake(
    *_ANY,
    explanation="The logged value is the loss {scaled}: the rows of a full batch.",
    stage="number",
    breaks="scale",
    remedy="A mean over the rows of a batch needs no further division.",
)
def loss_scaled_by_batch_size(right: Prediction, logged: Floats) -> Iterator[Prediction]:
    known = right.details.get("full")
    yield from _scaled(right, logged, lambda factor: known in (None, f"{factor:g}"))


@mistake(
    *_ANY,
    explanation="The logged value is the loss {scaled}: the scale that keeps its gradients from "
    "vanishing in float16.",
    stage="number",
    breaks="scale",
    remedy="Log the loss before `optimizer.scale_loss` or a `GradScaler`.",
)
def loss_scale_of_mixed_precision_kept(right: Prediction, logged: Floats) -> Iterator[Prediction]:
    yield from _scaled(
        right, logged, lambda factor: factor >= 256 and Fraction(factor).numerator.bit_count() == 1
    )


@mistake(
    *_ANY,
    explanation="The logged value is the {function} the loss.",
    stage="number",
    breaks="scale",
    remedy="Log the loss itself; show it on a logarithmic axis.",
)
def logarithm_logged(right: Prediction) -> Iterator[Prediction]:
    for base, function, slope in (
        ("e", np.log, 1.0),
        ("10", np.log10, 1 / np.log(10)),
        ("2", np.log2, 1 / np.log(2)),
    ):
        yield from _transformed(
            right, function, partial(np.divide, slope), f"logarithm to base {base} of"
        )
    yield from _transformed(
        right, np.log1p, lambda near: 1 / (near + 1), "logarithm of one more than"
    )


@mistake(
    *_ANY,
    explanation="The logged value is the square root of the loss.",
    stage="number",
    breaks="scale",
    remedy="Log the loss itself, or call it the root of it (RMSE for MSE).",
)
def square_root_logged(right: Prediction) -> Iterator[Prediction]:
    yield from _transformed(right, np.sqrt, lambda near: 0.5 / np.sqrt(near), "square root")


@mistake(
    *_ANY,
    explanation="The logged value is the exponential of the loss, which is its perplexity.",
    stage="number",
    breaks="scale",
    remedy="Log the loss itself, or call it perplexity.",
)
def exponential_logged(right: Prediction) -> Iterator[Prediction]:
    yield from _transformed(
        right, np.exp, lambda near: np.exp(2 * right.values - near) * (1 + 2.0**-10), "exponential"
    )


@mistake(
    *_ANY,
    explanation="The logged value is the loss with its sign reversed.",
    stage="number",
    breaks="scale",
    remedy="Log the loss, not the objective that is maximised.",
)
def sign_reversed(right: Prediction) -> Iterator[Prediction]:
    yield right.times(-1.0)


@mistake(
    *_ANY,
    explanation="The logged value is the loss rounded to float16, which keeps three digits.",
    stage="number",
    breaks="precision",
    remedy="Convert to float32 before logging.",
)
def rounded_to_float16(right: Prediction, logged: Floats) -> Iterator[Prediction]:
    yield from _stored_as("float16", right, logged)


@mistake(
    *_ANY,
    explanation="The logged value is the loss rounded to bfloat16, which keeps two digits.",
    stage="number",
    breaks="precision",
    remedy="Convert to float32 before logging.",
)
def rounded_to_bfloat16(right: Prediction, logged: Floats) -> Iterator[Prediction]:
    yield from _stored_as("bfloat16", right, logged)


@mistake(
    *_ANY,
    explanation="The logged value is the loss {rounded} to {decimals} digits after the point.",
    stage="number",
    breaks="precision",
    remedy="Log every digit; round where it is shown.",
    declared_by="decimals",
)
def rounded_to_decimals(right: Prediction, logged: Floats) -> Iterator[Prediction]:
    known = logged[np.isfinite(logged)]
    decimals = next((n for n in range(1, 9) if np.array_equal(np.round(known, n), known)), None)
    if decimals is None or len(np.unique(known)) < 2:
        return
    half = decimals_bound(decimals)
    towards_zero = replace(right, values=right.values - np.sign(right.values) * half)
    for name, centre in (("rounded", right), ("cut", towards_zero)):
        yield _within(centre, half).with_details(decimals=str(decimals), rounded=name)


def _scaled(
    right: Prediction, logged: Floats, may_be: Callable[[float], bool]
) -> Iterator[Prediction]:
    """Scale by the whole number on which all logged numbers agree.

    A single number agrees with too many factors.
    """
    known = np.flatnonzero(
        np.isfinite(logged) & np.isfinite(right.values) & (right.values != 0) & (logged != 0)
    )
    if len(known) < 2:
        return
    # The number with the smallest relative bound tells the factor best.
    sharp = known[np.argmin(right.bounds[known] / np.abs(right.values[known]))]
    ratio = float(logged[sharp] / right.values[sharp])
    if not _LEAST < abs(ratio) < 1 / _LEAST:
        return
    for multiplied in (True, False):
        factor = round(ratio if multiplied else 1 / ratio)
        if factor >= 2 and may_be(factor):
            scaled = right.times(float(factor) if multiplied else 1 / factor)
            yield scaled.with_details(scaled=f"{'times' if multiplied else 'divided by'} {factor}")


def _transformed(
    right: Prediction,
    function: Callable[[Floats], Floats],
    slope: Callable[[Floats], Floats],
    name: str,
) -> Iterator[Prediction]:
    """Apply a function that is steepest at the end of the bound that is nearer to zero."""
    near = right.values - right.bounds
    defined = ~np.isnan(near)
    if np.isfinite(near).any() and np.all(near[defined] > 0):
        yield right.mapped(function, slope(near)).with_details(function=name)


def _stored_as(dtype: str, right: Prediction, logged: Floats) -> Iterator[Prediction]:
    known = logged[np.isfinite(logged)]
    if not len(known) or not np.array_equal(rounded_to(known, dtype), known):
        return
    yield _within(right, half_ulp(np.abs(right.values) + right.bounds, dtype))


def _within(right: Prediction, distance: Floats | float) -> Prediction:
    """Return the right numbers with a bound that is wider by a distance."""
    bounds = right.bounds + distance
    return replace(right, bounds=bounds, probable=lambda: bounds, replays=())
