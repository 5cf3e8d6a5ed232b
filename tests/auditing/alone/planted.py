"""Logs of one training whose losses are known, and what an audit without a truth finds in them."""

from __future__ import annotations

import numpy as np

from lossaudit import Recording, Series, audit
from tests.logfiles import Training, training


def made(seed: int = 0, *, rows: int = 12, epochs: int = 4, short: bool = True) -> Training:
    return training(np.random.default_rng(seed), rows=rows, epochs=epochs, short=short)


MADE = made()


N = MADE.losses.size


def found(*series: Series, **metadata: object) -> list[tuple[str, str | None, str]]:
    """Code, cause and verdict of every finding but those that say what cannot be judged."""
    report = audit(None, Recording(series, metadata=metadata))
    return [
        (one.code, one.cause, str(one.verdict))
        for one in report.findings
        if one.verdict != "undecidable"
    ]


def verdicts(*series: Series) -> list[tuple[str, str | None]]:
    return [(str(one.verdict), one.quantity) for one in audit(None, Recording(series)).verdicts]


def wrong(code: str, cause: str) -> list[tuple[str, str | None, str]]:
    return [(code, cause, "wrong")]


def suspect(code: str, cause: str) -> list[tuple[str, str | None, str]]:
    return [(code, cause, "suspect")]


def dropped(
    update_freq: int, batches: int = 3, epochs: int = 10, **columns: object
) -> list[Series]:
    """What TensorBoard(update_freq=N) of Keras 3.15 leaves."""
    one = made(rows=batches, epochs=epochs, short=False)
    steps, ends = 1 + np.arange(batches * epochs), (np.arange(epochs) + 1) * batches
    return [
        one.by_batch(one.running, steps=steps).take(steps % update_freq == 0),
        one.by_epoch(**columns).take(ends % update_freq == 0),
    ]


STEPS = np.arange(48)


def appended(first: Series, second: Series) -> Series:
    return Series.joined([first, second])
