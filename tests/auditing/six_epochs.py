"""The train losses of one run of six epochs."""

from __future__ import annotations

import numpy as np

from lossaudit import Recording, Series
from tests.runs import run

TRAIN = run(epochs=6).find(split="train")


RUN = Recording([TRAIN])


def epoch_means(series: Series) -> np.ndarray:
    assert series.epochs is not None
    groups = [series.epochs == epoch for epoch in np.unique(series.epochs)]
    return np.array(
        [np.average(series.values[one], weights=series.weights[one]) for one in groups]
    )
