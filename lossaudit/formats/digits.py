"""What printing did to the numbers of a text: rounded them, or shortened float32."""

from __future__ import annotations

import numpy as np

from lossaudit.arithmetic.arrays import Floats

_MOST_DECIMALS = 6
_MOST_DIGITS = 6
_FLOAT32_DIGITS = 9
_SAMPLE = 4096


def decimals_of(values: Floats) -> int | None:
    """Digits after the point to which numbers were evidently rounded; None where they were not.

    They were rounded if all have at most six decimals or six significant digits while some is no
    float32: a loss that was printed with all its digits would have more. Of numbers with equally
    many significant digits, the largest has the fewest decimals, and these are given; where both
    ways of printing fit, the one whose digits are mostly used.

    >>> decimals_of(np.array([0.1234, 0.5])), decimals_of(np.array([0.5, 2.0])), decimals_of(np.array([1 / 3]))
    (4, None, None)
    """
    numbers = np.abs(values[np.isfinite(values) & (values != 0)])
    if _are_float32(numbers):
        return None
    decimals = next((n for n in range(_MOST_DECIMALS + 1) if _all_have(numbers, 10.0**n)), None)
    digits = next(
        (n for n in range(1, _MOST_DIGITS + 1) if _all_have(numbers, _scales(numbers, n))), None
    )
    if digits is None:
        return decimals
    of_digits = digits - 1 - int(np.floor(np.log10(numbers.max())))
    if decimals is None:
        return of_digits if of_digits >= 0 else None
    if _used(numbers, 10.0 ** (decimals - 1)) > _used(numbers, _scales(numbers, digits - 1)):
        return decimals
    return max(0, min(decimals, of_digits))


def widened(values: Floats) -> Floats | None:
    """The float32 numbers of which the shortest digits were printed, as numpy prints them; None
    where they were not.

    >>> widened(np.array([0.12345679])).item() == float(np.float32(0.12345679))
    True
    >>> widened(np.array([1 / 3])) is None
    True
    """
    numbers = np.abs(values[np.isfinite(values) & (values != 0)])
    if _are_float32(numbers) or not _are_float32(_narrow(numbers)):
        return None
    few = numbers[:_SAMPLE]
    with np.errstate(over="ignore"):
        printed = [float(str(one)) for one in few.astype(np.float32)]
    if not np.array_equal(np.array(printed), few):
        return None
    return _narrow(values) if _all_have(numbers, _scales(numbers, _FLOAT32_DIGITS)) else None


def _narrow(numbers: Floats) -> Floats:
    with np.errstate(over="ignore"):
        return numbers.astype(np.float32).astype(np.float64)


def _are_float32(numbers: Floats) -> bool:
    return np.array_equal(_narrow(numbers), numbers)


def _scales(numbers: Floats, digits: int) -> Floats:
    """The power of ten that makes integers of numbers with so many significant digits, shape (n,)."""
    with np.errstate(over="ignore"):
        return 10.0 ** (digits - 1 - np.floor(np.log10(numbers)))


def _used(numbers: Floats, scale: Floats | float) -> int:
    """How many numbers are no integers over a scale, so that they need a digit more."""
    with np.errstate(over="ignore", invalid="ignore"):
        return int((np.rint(numbers * scale) / scale != numbers).sum())


def _all_have(numbers: Floats, scale: Floats | float) -> bool:
    """Whether numbers are integers over a scale; a few are looked at first.

    A decimal k/10ⁿ is read as the nearest float64, which is what dividing the two exact integers
    gives (n ≤ 22).
    """
    few = scale[:_SAMPLE] if isinstance(scale, np.ndarray) else scale
    head = numbers[:_SAMPLE]
    with np.errstate(over="ignore", invalid="ignore"):
        if not np.array_equal(np.rint(head * few) / few, head):
            return False
        return np.array_equal(np.rint(numbers * scale) / scale, numbers)
