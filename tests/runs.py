"""Recordings shaped like real runs, and the strategies that make them."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from lossaudit import Recording, Series


def run(
    seed: int = 0,
    *,
    rows: int = 1000,
    batch_size: int = 96,
    epochs: int = 3,
    validation_rows: int = 230,
) -> Recording:
    """A run of decaying, noisy float32 losses, with short last batches in both splits."""
    random = np.random.default_rng(seed)
    parts = [_split(random, "train", rows, batch_size, epochs)]
    if validation_rows:
        parts.append(_split(random, "validation", validation_rows, batch_size, epochs))
    return Recording(parts)


def _split(
    random: np.random.Generator, split: str, rows: int, batch_size: int, epochs: int
) -> Series:
    sizes = [min(batch_size, rows - start) for start in range(0, rows, batch_size)]
    n = len(sizes) * epochs
    losses = np.float32(2.3 / np.sqrt(1 + np.arange(n)) * random.lognormal(sigma=0.4, size=n))
    return Series(
        losses,
        split=split,
        weights=sizes * epochs,
        epochs=np.repeat(np.arange(epochs), len(sizes)),
        steps=range(n),
    )


def run_with_parts(seed: int = 0, **schedule: int) -> Recording:
    """A run whose train loss has two outputs, one of weight 0.3, and a penalty; with tokens,
    weight sums, a replica.
    """
    random, plain = np.random.default_rng(seed), run(seed, **schedule)
    train = plain.find(split="train")
    n, rows = len(train), train.weights
    assert rows is not None
    penalty, a, b = (np.float32(random.lognormal(mean, 0.3, n)) for mean in (-2, 0, -1))
    weighted = b * np.float32(0.3)
    columns = {
        "loss": a + weighted + penalty,
        "regularization": penalty,
        "a_loss": a,
        "a_loss/weighted": a,
        "b_loss": b,
        "b_loss/weighted": weighted,
        "weight_sum": np.float32(rows * random.uniform(0.3, 1, n)),
        "tokens": np.round(rows * random.uniform(3, 9, n)),
        "loss/replica_0": np.float32((a + weighted + penalty) * random.uniform(0.8, 1.2, n)),
    }
    parts = [
        Series(values, tag=tag, weights=rows, epochs=train.epochs, steps=train.steps)
        for tag, values in columns.items()
    ]
    return Recording([*parts, *plain.select(split="validation")])


def run_that_diverged(seed: int = 0, **schedule: int) -> Recording:
    """A run with a NaN in its first epoch and an infinity in its last."""
    plain = run(seed, **schedule)
    train = plain.find(split="train")
    values = train.values.copy()
    values[[3, -2]] = np.nan, np.inf
    broken = Series(values, weights=train.weights, epochs=train.epochs, steps=train.steps)
    return Recording([broken, *plain.select(split="validation")])


def run_of_unequal_epochs(seed: int = 0) -> Recording:
    """A run whose second epoch has fewer batches, as where `steps_per_epoch` leaves some over."""
    train = run(seed, epochs=3, validation_rows=0).find(split="train")
    assert train.epochs is not None
    kept = train.take((train.epochs != 1) | (np.arange(len(train)) % 11 < 7))
    return Recording(
        [Series(kept.values, weights=kept.weights, epochs=kept.epochs, steps=range(len(kept)))]
    )


def by_epoch(series: Series) -> list[tuple[np.ndarray, np.ndarray]]:
    """Batch losses and rows of each epoch, as a user's loop would hold them."""
    return [
        (series.values[series.epochs == e], series.weights[series.epochs == e])
        for e in np.unique(series.epochs)
    ]


@st.composite
def runs(draw: st.DrawFn, *, validation: bool = True) -> Recording:
    """Any schedule: rows, batch size, short last batch, epochs."""
    batch_size = draw(st.integers(1, 64), label="batch_size")
    rows = draw(st.integers(1, 12 * batch_size), label="rows")
    held_out = draw(st.integers(1, 4 * batch_size), label="validation rows") if validation else 0
    epochs = draw(st.integers(1, 4), label="epochs")
    seed = draw(st.integers(0, 2**32 - 1), label="seed")
    return run(seed, rows=rows, batch_size=batch_size, epochs=epochs, validation_rows=held_out)
