"""SumCount, WeightedMean and KerasMean: reference implementations of the three usual means.

All have the methods of Keras: `update_state(values, sample_weight=None)`, `result()`,
`reset_state()`, `merge_state(other)`. An array is one update for each of its numbers.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any, Self

import numpy as np

from lossaudit.arithmetic.arguments import WHOLE, Array, chunks, columns, scalars
from lossaudit.arithmetic.exact import Exact, Stored, Total, rounded
from lossaudit.arithmetic.replay import PRECISIONS, one_update, replay_keras_mean, rounding_to
from lossaudit.errors import EmptyError


class WeightedMean(Exact):
    """Σ w·l / Σ w: the mean over all rows, with batches of any size. Exact, rounded once.

    Laws: those of `ExactSum`; any split of the batches over epochs, threads or replicas merges to
        the same bytes.

    >>> mean = WeightedMean()
    >>> mean.update_state([1.0, 2.0, 9.0], sample_weight=[4, 4, 2])
    >>> mean.result()
    3.0
    """

    def reset_state(self) -> None:
        """Forget everything."""
        super().reset_state()
        self._total, self._weight = Total(), Total()

    def fraction(self) -> Fraction:
        """The exact mean of the finite numbers.

        Raises:
            EmptyError: the total weight is zero.
        """
        self._settle()
        weight = self._weight.fraction()
        if not weight:
            raise EmptyError("result() of nothing: no batch was added, or all weights were zero")
        return self._total.fraction() / weight

    def result(self) -> float:
        """The mean, rounded once to float64.

        Raises:
            EmptyError: nothing was added, or the total weight is zero.
        """
        mean, special = self.fraction(), self._total.non_finite()
        return rounded(mean) if special is None else special

    def state(self) -> dict[str, Any]:
        """The state as JSON values."""
        self._settle()
        return {"total": self._total.state(), "weight": self._weight.state()}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """A mean with a state that `state` returned; any other state raises ValueError."""
        mean = cls()
        mean._total, mean._weight = (Total.from_state(state[name]) for name in ("total", "weight"))
        # No weight is negative or infinite, so a state with such a total was not saved by this
        # class.
        if (
            mean.state() != state
            or mean._weight.numerator < 0
            or mean._weight.non_finite() is not None
        ):
            raise ValueError("not the state of a mean")
        return mean

    def _absorb(self, other: Self) -> None:
        self._total.merge(other._total)
        self._weight.merge(other._weight)

    def _add(self, parts: Iterable[int | float], number: int, weight: int | float) -> None:
        self._total.add_products(parts, weight)
        self._weight.add_products([number], weight)

    def _add_array(self, values: Array, weights: Array) -> None:
        self._total.add_array(values, weights)
        # One weight for all numbers: weight · size is an exact integer product and needs no array.
        if weights.ndim:
            self._weight.add_array(weights, np.array(1))
        else:
            self._weight.add_products([values.size], weights.item())


class SumCount(WeightedMean):
    """Σ of batch values / number of updates: the mean of batch means. Exact, rounded once.

    A loop that divides the sum of its batch losses by the number of batches reports this mean. It
    equals the mean over the rows only if all batches have the same number of rows. `sample_weight`
    is checked but does not count.

    >>> mean = SumCount()
    >>> mean.update_state([1.0, 2.0, 9.0], sample_weight=[4, 4, 2])
    >>> mean.result()
    4.0
    """

    def _add(self, parts: Iterable[int | float], number: int, weight: int | float) -> None:
        super()._add(parts, number, 1)

    def _add_array(self, values: Array, weights: Array) -> None:
        super()._add_array(values, np.array(1))


class KerasMean(Stored):
    """The state of `keras.metrics.Mean` after the same updates, bit for bit.

    total ← fl(total + fl(w·l)) and count ← fl(count + w) in the metric's float type. The result is
    fl(total / count), or 0 if count is 0. An update with an array is one update for each of its
    numbers, because Keras does not specify the order in which it adds an array. Subnormal numbers
    become zero except in float16, as in TensorFlow on a CPU.

    Args:
        dtype: float type of the metric: "float32", "float64", "float16" or "bfloat16".
        fused: whether product and sum are rounded together, as XLA may compile them.

    >>> mean = KerasMean()
    >>> mean.update_state([0.1] * 10, sample_weight=3)
    >>> mean.result()
    0.09999999403953552
    """

    def __init__(self, dtype: str = "float32", fused: bool = False) -> None:
        if dtype not in PRECISIONS:
            raise ValueError(f"dtype={dtype!r} must be one of {', '.join(map(repr, PRECISIONS))}")
        self.dtype, self.fused = dtype, bool(fused)
        # Chosen once, because a training updates the metric after every batch.
        self._step = one_update(dtype, self.fused)
        self.reset_state()

    def reset_state(self) -> None:
        """Forget everything."""
        self._total = self._count = 0.0
        self._updates = 0

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add numbers, each as one update of the metric.

        Raises:
            ValueError: a weight is negative or not finite, or an integer is beyond 2^53.
        """
        # Single numbers take a path without numpy, whose calls cost about 3 µs each (measured).
        if (pair := scalars(values, sample_weight)) is not None:
            # Such an integer would be rounded to float64 first and then to float32: twice, unlike
            # in Keras.
            if any(isinstance(one, int) and abs(one) > WHOLE for one in pair):
                raise ValueError(
                    f"values={pair[0]!r:.80}, sample_weight={pair[1]!r:.80}: integers beyond 2^53 "
                    "are not exact as floats"
                )
            self._total, self._count = self._step(self._total, self._count, *pair)
            self._updates += 1
            return
        array, weights = columns(values, sample_weight)
        # A replay holds several float64 columns, so the input is cut. Each part starts where the
        # last one ended, so no bit depends on the cut.
        for chunk, weight in chunks(array, np.broadcast_to(weights, array.shape)):
            start = (self._total, self._count)
            replay = replay_keras_mean(
                chunk, weight, dtype=self.dtype, fused=self.fused, start=start
            )
            self._total, self._count = float(replay.total[-1]), float(replay.count[-1])
            self._updates += len(chunk)

    def merge_state(self, other: KerasMean) -> None:
        """Add total and count of another metric in the float type, as for two replicas.

        Raises:
            ValueError: the other metric has another float type.
        """
        if other.dtype != self.dtype:
            raise ValueError(
                f"other.dtype={other.dtype!r} must be {self.dtype!r}, the type of this metric"
            )
        # A float64 sum of two float32 numbers, rounded to float32, is their float32 sum (Figueroa
        # 1995).
        rounding = rounding_to(self.dtype)
        self._total, self._count = (
            rounding(self._total + other._total),
            rounding(self._count + other._count),
        )
        self._updates += other._updates

    def result(self) -> float:
        """The result of the metric as float64.

        Raises:
            EmptyError: nothing was added; Keras' metric gives 0 in that case.
        """
        if not self._updates:
            raise EmptyError("result() of nothing: call update_state() first")
        # The float64 quotient, rounded to p bits, is correctly rounded if 53 >= 2p + 2 (Figueroa
        # 1995).
        with np.errstate(all="ignore"):
            return (
                rounding_to(self.dtype)(float(np.float64(self._total) / self._count))
                if self._count
                else 0.0
            )

    def state(self) -> dict[str, Any]:
        """The state as JSON values."""
        # Hexadecimal digits keep every bit, and they exist for infinities, which JSON has not.
        numbers = {
            "total": self._total.hex(),
            "count": self._count.hex(),
            "updates": self._updates,
        }
        return {"dtype": self.dtype, "fused": self.fused, **numbers}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """A metric with a state that `state` returned; any other state raises ValueError."""
        mean = cls(state["dtype"], state["fused"])
        mean._total, mean._count = float.fromhex(state["total"]), float.fromhex(state["count"])
        mean._updates = int(state["updates"])
        rounding = rounding_to(mean.dtype)
        # A state is valid if rounding to the float type does not change it; NaN is never equal.
        is_rounded = all(rounding(one) == one or one != one for one in (mean._total, mean._count))
        if not is_rounded or mean.state() != state or mean._updates < 0 or mean._count < 0:
            raise ValueError("not the state of a KerasMean")
        return mean
