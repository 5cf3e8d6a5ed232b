"""What exactness costs: `python -m benchmarks.accumulators`.

Each accumulator is timed beside a baseline in the same process: in every round both run once, in shuffled order, and
the median of the ratios is printed with its quartiles. The first row of each table is the baseline beside itself, an
A/A control: what its quartiles span is noise. In the same run each result is compared with exact rational arithmetic.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from fractions import Fraction

import numpy as np
from rich.console import Console
from rich.table import Table

from lossaudit import ExactSum, KerasMean, SumCount, WeightedMean

Run = Callable[[], float]


class Naive:
    """The plain Python class that a user writes."""

    def __init__(self) -> None:
        self.total = self.rows = 0.0

    def update_state(self, value: float, sample_weight: float = 1.0) -> None:
        """Add one batch."""
        self.total += sample_weight * value
        self.rows += sample_weight

    def result(self) -> float:
        """The mean so far."""
        return self.total / self.rows


def ratios(run: Run, baseline: Run, rounds: int) -> list[float]:
    """Time of a run over that of the baseline, once a round, in shuffled order."""
    found = []
    for _ in range(rounds):
        took = {}
        for name, one in random.sample([("run", run), ("baseline", baseline)], 2):
            start = time.perf_counter()
            one()
            took[name] = time.perf_counter() - start
        found.append(took["run"] / took["baseline"])
    return found


def streaming(make: Callable[[], object], losses: list[float], rows: list[int]) -> Run:
    """One update a batch, as a training loop makes them."""

    def run() -> float:
        accumulator = make()
        for loss, n in zip(losses, rows, strict=True):
            accumulator.update_state(loss, sample_weight=n)
        return accumulator.result()

    return run


def bulk(make: Callable[[], object], losses: np.ndarray, rows: np.ndarray) -> Run:
    """All batches of a run in one update."""

    def run() -> float:
        accumulator = make()
        accumulator.update_state(losses, sample_weight=rows)
        return accumulator.result()

    return run


def table(title: str, baseline: Run, runs: dict[str, Run], exact: dict[str, Fraction], rounds: int) -> Table:
    """Ratios to the baseline, and how far the result is from rational arithmetic."""
    printed = Table("accumulator", "ratio, median (quartiles)", "relative error", title=title)
    for name, run in {"baseline beside itself": baseline, **runs}.items():
        low, median, high = statistics.quantiles(ratios(run, baseline, rounds), n=4)
        true = exact.get(name, exact["WeightedMean"])
        error = abs(Fraction(run()) - true) / abs(true)
        printed.add_row(name, f"{median:.2f} ({low:.2f} to {high:.2f})", f"{float(error):.1e}")
    return printed


def exact_results(losses: np.ndarray, rows: np.ndarray) -> dict[str, Fraction]:
    """What each accumulator should give, in rational arithmetic."""
    pairs = list(zip(losses.tolist(), rows.tolist(), strict=True))
    total = sum(Fraction(loss) * n for loss, n in pairs)
    return {
        "WeightedMean": total / sum(n for _, n in pairs),
        "ExactSum": total,
        "SumCount": sum(Fraction(loss) for loss, _ in pairs) / len(pairs),
    }


def main() -> None:
    """Print both tables."""
    generator = np.random.default_rng(0)
    losses = generator.lognormal(-1, 0.5, 100_000).astype(np.float32)
    rows = generator.integers(1, 65, len(losses))
    kinds = {"WeightedMean": WeightedMean, "SumCount": SumCount, "ExactSum": ExactSum, "KerasMean": KerasMean}
    few = slice(0, 2000)
    stream = losses[few].tolist(), rows[few].tolist()
    console = Console()
    console.print(
        table(
            "one update a batch, beside a plain Python class",
            streaming(Naive, *stream),
            {name: streaming(kind, *stream) for name, kind in kinds.items()},
            exact_results(losses[few], rows[few]),
            rounds=15,
        )
    )
    console.print(
        table(
            "100,000 batches in one update, beside np.average",
            lambda: float(np.average(losses, weights=rows)),
            {name: bulk(kind, losses, rows) for name, kind in kinds.items()},
            exact_results(losses, rows),
            rounds=31,
        )
    )


if __name__ == "__main__":
    main()
