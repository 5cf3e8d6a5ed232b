"""Logs as programs write them, of trainings whose losses are known: right ones of every shape, and
their parts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from lossaudit import Recording, Series

NAN = float("nan")


@dataclass(frozen=True)
class Training:
    """A training whose logs are wanted.

    Args:
        losses: loss of each batch, shape (epochs, batches).
        rows: rows of each batch of an epoch, shape (batches,).
        first_step: step of the first batch.
        first_epoch: number of the first epoch.
        metadata: what the log knows beside its series.
    """

    losses: np.ndarray
    rows: np.ndarray
    first_step: int = 0
    first_epoch: int = 0
    metadata: dict[str, object] = field(default_factory=dict)

    @property
    def epochs(self) -> np.ndarray:
        return self.first_epoch + np.arange(len(self.losses))

    @property
    def running(self) -> np.ndarray:
        """What `keras.metrics.Mean` gives after each batch."""
        rows = self.rows.astype(np.float32)
        totals = np.add.accumulate(self.losses.astype(np.float32) * rows, axis=1, dtype=np.float32)
        return totals / np.add.accumulate(rows, dtype=np.float32)

    def batch_losses(self, **columns: object) -> Series:
        return self.by_batch(self.losses, **columns)

    def by_batch(self, values: np.ndarray, **columns: object) -> Series:
        given = {
            "covers": "batch",
            "steps": self.first_step + np.arange(values.size),
            "origin": "log: batch",
        } | columns
        return Series(_printed(values.ravel(), given.get("decimals")), **given)

    def by_epoch(self, values: np.ndarray | None = None, **columns: object) -> Series:
        given = {"covers": "epoch", "epochs": self.epochs, "origin": "log: epoch"} | columns
        return Series(
            _printed(self.running[:, -1] if values is None else values, given.get("decimals")),
            **given,
        )

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """What a log may say beside each batch value."""
        n = self.losses.size
        return {
            "epochs": np.repeat(self.epochs, len(self.rows)),
            "weights": np.tile(self.rows, len(self.losses)),
            "steps": self.first_step + np.arange(n),
        }


def training(
    random: np.random.Generator, *, rows: int = 0, epochs: int = 0, short: bool = False
) -> Training:
    """Decaying, noisy losses; any number of batches and epochs where none is asked for."""
    batch_size = int(random.integers(1, 65))
    batches, epochs = rows or int(random.integers(1, 40)), epochs or int(random.integers(1, 8))
    sizes = np.full(batches, batch_size)
    if short or random.random() < 0.5:
        sizes[-1] = random.integers(1, batch_size + 1)
    noise = random.lognormal(sigma=random.choice([0.01, 0.1, 0.5]), size=(epochs, batches))
    decay = random.choice([0.0, 0.01, 0.3])
    losses = 2.3 / (1 + decay * np.arange(epochs * batches).reshape(epochs, batches)) * noise
    first_step, first_epoch = (
        (int(random.integers(0, 1000)), int(random.integers(0, 9))) if short else (0, 0)
    )
    return Training(losses.astype(np.float32), sizes, first_step, first_epoch)


def clean(seed: int) -> Recording:
    """A right log: any schedule, with or without steps, epochs, rows, digits, validation, NaN."""
    random = np.random.default_rng(seed)
    made = training(random)
    special = random.choice(["", "", "", "constant", "power", "zero", "nan", "resumed", "single"])
    if special == "constant":
        made = Training(np.full_like(made.losses, random.random()), made.rows)
    elif special == "power":
        made = Training(np.full_like(made.losses, random.choice([0.5, 1, 2, 4])), made.rows)
        made.losses[0] += np.float32(random.random())
    elif special == "zero":
        made = Training(
            np.where(np.arange(made.losses.size).reshape(made.losses.shape) > 20, 0, made.losses),
            made.rows,
        )
    elif special == "nan":
        made.losses[random.random(made.losses.shape) < 0.05] = np.nan
    elif special == "resumed":
        made = training(random, short=True)
    elif special == "single":
        made = Training(made.losses[:, :1], made.rows[:1])
    decimals = random.choice([None, None, 2, 3, 4, 6])
    known = {name: column for name, column in made.columns.items() if random.random() < 0.5}
    return Recording(_series(random, made, known | {"decimals": decimals}, decimals))


def _series(
    random: np.random.Generator, made: Training, known: dict[str, object], decimals: int | None
) -> list[Series]:
    series = []
    if random.random() < 0.8:
        series.append(made.batch_losses(**{"steps": None} | known))
    if random.random() < 0.4:
        series.append(
            made.by_batch(
                made.running,
                covers="epoch_so_far",
                origin="log: so far",
                **{"steps": None} | known,
            )
        )
    if random.random() < 0.8:
        # As Keras averages, or a loop in double precision, or NumPy in single precision.
        plain = [made.losses.mean(axis=1)] if len(set(made.rows)) == 1 else []
        means = [
            made.running[:, -1],
            np.average(made.losses.astype(float), axis=1, weights=made.rows),
            *plain,
        ]
        series.append(made.by_epoch(means[random.integers(len(means))], decimals=decimals))
    if random.random() < 0.5:
        values = made.running[:, -1] * random.lognormal(sigma=0.3, size=len(made.losses)).astype(
            np.float32
        )
        every = int(random.choice([1, 1, 2, 3]))
        axis = made.epochs[(made.epochs + 1) % every == 0]
        series.append(
            made.by_epoch(
                values[: len(axis)],
                epochs=axis,
                split="validation",
                origin="log: val",
                decimals=decimals,
            )
        )
    if random.random() < 0.3:
        series += _outputs(random, made, decimals)
    return series


def _outputs(random: np.random.Generator, made: Training, decimals: int | None) -> list[Series]:
    """The losses of two outputs, of a total with weights, of a file of its own."""
    a, b = made.running[:, -1], made.running[:, 0]
    total = np.float32(random.choice([1.0, 0.2])) * a + b
    named = {"loss": total, "a_loss": a, "b_loss": b}
    return [
        made.by_epoch(values, tag=tag, origin=f"outputs: {tag}", decimals=decimals, split="test")
        for tag, values in named.items()
    ]


def _printed(values: np.ndarray, decimals: object) -> np.ndarray:
    return (
        values
        if decimals is None
        else np.array([float(f"{value:.{decimals}f}") for value in values.tolist()])
    )
