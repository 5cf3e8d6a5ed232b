"""What exactness costs: `python -m benchmarks.accumulators`.

Each accumulator is timed against a baseline in the same process: in every round both run once, in
shuffled order, and the median of the ratios is printed with its quartiles. The next column has the
quartiles of the baseline against itself, an A/A control: a ratio between them is noise. Each
result is also compared with exact arithmetic. The row for `xsum` appears if it is installed.
"""

from __future__ import annotations

import importlib.util
import math
import statistics
import tracemalloc
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from lossaudit import ExactSum, KerasMean, SumCount, WeightedMean
from lossaudit.overhead.timings import interleaved, timed

Run = Callable[[], float]

MANY = 10_000_000
FEW = 20_000


class Case(NamedTuple):
    """One comparison: a run, its baseline, the largest allowed ratio, and the exact result."""

    name: str
    run: Run
    against: str
    baseline: Run
    target: float | None
    exact: float | None
    rounds: int


class Naive:
    """A plain Python class as users write it."""

    def __init__(self) -> None:
        self.total = self.rows = 0.0

    def update_state(self, value: float, sample_weight: float = 1.0) -> None:
        """Add one batch."""
        self.total += sample_weight * value
        self.rows += sample_weight

    def result(self) -> float:
        """Return the mean so far."""
        return self.total / self.rows


def ratios(run: Run, baseline: Run, rounds: int) -> np.ndarray:
    """Return the time of a run divided by that of the baseline, for each round."""
    times = interleaved({"run": timed(run), "baseline": timed(baseline)}, rounds)
    return times["run"] / times["baseline"]


def streaming(make: Callable[[], Any], losses: list[float], rows: list[float]) -> Run:
    """Return a run with one update for each batch, as in a training loop."""

    def run() -> float:
        accumulator = make()
        for loss, n in zip(losses, rows, strict=True):
            accumulator.update_state(loss, sample_weight=n)
        return float(accumulator.result())

    return run


def bulk(make: Callable[[], Any], losses: np.ndarray, rows: np.ndarray | None = None) -> Run:
    """Return a run with one update for all batches."""

    def run() -> float:
        accumulator = make()
        accumulator.update_state(losses, sample_weight=rows)
        return float(accumulator.result())

    return run


def exact_mean(losses: np.ndarray, rows: np.ndarray) -> float:
    """Return Σ n·l / Σ n of float32 losses and integer rows, rounded once.

    The sums are sums of integers, one for each exponent.
    """
    # A float32 has 24 significant bits, so times 2**24 every significand is an integer.
    significands, exponents = np.frexp(losses)
    integers = np.ldexp(significands, 24).astype(np.int64) * rows
    total = sum(
        int(integers[exponents == e].sum()) * Fraction(2) ** (int(e) - 24)
        for e in np.unique(exponents)
    )
    return float(total / int(rows.sum()))


def streaming_cases(losses: np.ndarray, rows: np.ndarray) -> Iterator[Case]:
    """Yield the cases with one update for each batch, against a plain Python class."""
    values, counts = losses[:FEW].tolist(), rows[:FEW].tolist()
    one = np.ones(FEW, np.int64)
    exact = {
        WeightedMean: exact_mean(losses[:FEW], rows[:FEW]),
        SumCount: exact_mean(losses[:FEW], one),
        ExactSum: math.fsum((losses[:FEW].astype(np.float64) * rows[:FEW]).tolist()),
    }
    for kind, result in exact.items():
        run, baseline = streaming(kind, values, counts), streaming(Naive, values, counts)
        yield Case(
            f"{kind.__name__}, one update a batch",
            run,
            "a plain Python class",
            baseline,
            1.3,
            result,
            61,
        )
    weights = np.random.default_rng(1).uniform(0, 64, FEW).tolist()
    run, baseline = streaming(WeightedMean, values, weights), streaming(Naive, values, weights)
    yield Case(
        "WeightedMean, all weights different",
        run,
        "a plain Python class",
        baseline,
        None,
        None,
        15,
    )
    run, baseline = streaming(KerasMean, values, counts), streaming(Naive, values, counts)
    yield Case(
        "KerasMean, one update a batch", run, "a plain Python class", baseline, None, None, 15
    )


def bulk_cases(losses: np.ndarray, rows: np.ndarray) -> Iterator[Case]:
    """Yield the cases with many losses at once, against numpy and other exact sums."""
    yield Case(
        "ExactSum, float32",
        bulk(ExactSum, losses),
        "np.sum(dtype=float64)",
        lambda: float(np.sum(losses, dtype=np.float64)),
        2.2,
        math.fsum(losses),
        31,
    )
    yield from double_cases(np.random.default_rng(2).lognormal(-1, 0.5, MANY))
    yield Case(
        "WeightedMean, float32 and int64 rows",
        bulk(WeightedMean, losses, rows),
        "np.average",
        lambda: float(np.average(losses, weights=rows)),
        1.4,
        exact_mean(losses, rows),
        15,
    )


def double_cases(values: np.ndarray) -> Iterator[Case]:
    """Yield the cases with many float64 values at once, against numpy and `xsum`."""
    exact = math.fsum(values)
    yield Case(
        "ExactSum, float64",
        bulk(ExactSum, values),
        "np.sum",
        lambda: float(np.sum(values)),
        5.0,
        exact,
        31,
    )
    if importlib.util.find_spec("xsum"):
        import xsum

        def superaccumulator() -> float:
            accumulator = xsum.xsum_large()
            accumulator.add(values)
            return float(accumulator.round())

        yield Case(
            "ExactSum, float64",
            bulk(ExactSum, values),
            "xsum_large (C++)",
            superaccumulator,
            2.0,
            exact,
            31,
        )


def hard_cases() -> Iterator[Case]:
    """Yield the cases of mixed signs and wide range, against `math.fsum`."""
    generator = np.random.default_rng(3)
    spread = np.ldexp(generator.normal(size=MANY // 10), generator.integers(-300, 300, MANY // 10))
    numbers = {
        "mixed signs, float64": generator.normal(size=MANY // 10),
        "mixed signs, float32": generator.normal(size=MANY // 10).astype(np.float32),
        "2^-300 to 2^300": np.abs(spread),
        "2^-300 to 2^300, mixed signs": spread,
    }
    for name, values in numbers.items():
        fsum = lambda values=values: math.fsum(values)  # noqa: E731
        yield Case(f"ExactSum, {name}", bulk(ExactSum, values), "math.fsum", fsum, 1.0, fsum(), 7)


def measured(case: Case) -> tuple[str, ...]:
    """Measure a case; return its row of the table."""
    low, median, high = statistics.quantiles(
        ratios(case.run, case.baseline, case.rounds).tolist(), n=4
    )
    least, _, most = statistics.quantiles(
        ratios(case.baseline, case.baseline, case.rounds).tolist(), n=4
    )
    ratio, control = f"{median:.2f} ({low:.2f} to {high:.2f})", f"{least:.2f} to {most:.2f}"
    target = exact = ""
    if case.target is not None:
        target = f"≤ {case.target}: {'met' if median <= case.target else 'missed'}"
    if case.exact is not None:
        result = case.run()
        exact = "yes" if result == case.exact else f"no: {result!r}, not {case.exact!r}"
    return case.name, case.against, ratio, control, target, exact


def peak_memory(values: np.ndarray, weights: np.ndarray | None) -> float:
    """Return the memory in MiB that an exact weighted mean needs in addition to its input."""
    mean = WeightedMean()
    tracemalloc.start()
    mean.update_state(values, sample_weight=weights)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def main() -> None:
    """Print the table and the memory."""
    generator = np.random.default_rng(0)
    losses, rows = (
        generator.lognormal(-1, 0.5, MANY).astype(np.float32),
        generator.integers(1, 65, MANY),
    )
    table = Table(
        "accumulator", "against", "ratio, median (quartiles)", "A/A quartiles", "target", "exact"
    )
    for case in (*streaming_cases(losses, rows), *bulk_cases(losses, rows), *hard_cases()):
        table.add_row(*measured(case))
    console = Console(width=150)
    console.print(table)
    many = np.broadcast_to(np.resize(losses, (1000, 1000)), (100, 1000, 1000))
    for name, weights in (
        ("no weights", None),
        ("a weight each", np.broadcast_to(np.int64(32), many.shape)),
    ):
        peak = peak_memory(many, weights)
        console.print(
            f"peak memory besides 10⁸ float32 values, {name}: {peak:.1f} MiB (target ≤ 16)"
        )


if __name__ == "__main__":
    main()
