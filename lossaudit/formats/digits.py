"""Digits that printing cut off: rounded numbers, and float32 numbers in their shortest form."""

from __future__ import annotations

import numpy as np

from lossaudit.arithmetic.arrays import Floats

_MOST_DECIMALS = 6
# C's FLT_DIG and FLT_DECIMAL_DIG: six digits survive in a float32, and nine identify one.
_MOST_DIGITS = 6
_FLOAT32_DIGITS = 9
_SAMPLE = 4096
"""Numbers that are tried first, so that most columns are rejected cheaply."""


def decimals_of(values: Floats) -> int | None:
    """Decimal places to which the numbers look rounded; None if they do not look rounded.

    Numbers look rounded if each has at most six decimal places or six significant digits, and one
    is not a float32. A loss printed with all its digits would have more. With a fixed number of
    significant digits, the largest number has the fewest decimal places, which is the result. If
    both ways of printing fit, the one whose last digit is used more often decides.

    >>> decimals_of(np.array([0.1234, 0.5])), decimals_of(np.array([0.5, 2.0]))
    (4, None)
    >>> decimals_of(np.array([1 / 3])) is None
    True
    """
    numbers = np.abs(values[np.isfinite(values) & (values != 0)])
    if _are_float32(numbers):
        return None
    # `%.4f` fixes the decimal places, and `%.4g` the significant digits: both are tried.
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
    """The float32 numbers whose shortest digits were printed, as numpy does; None for others.

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
        # numpy prints as few digits as identify a float32; a float64 of Python would have more.
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
    """The powers of ten that turn numbers of `digits` significant digits into integers."""
    with np.errstate(over="ignore"):
        return 10.0 ** (digits - 1 - np.floor(np.log10(numbers)))


def _used(numbers: Floats, scale: Floats | float) -> int:
    """How many numbers are not integers divided by `scale`, so that they need one more digit."""
    with np.errstate(over="ignore", invalid="ignore"):
        return int((np.rint(numbers * scale) / scale != numbers).sum())


def _all_have(numbers: Floats, scale: Floats | float) -> bool:
    """Whether all numbers are integers divided by `scale`."""
    # A printed decimal k/10ⁿ is read as the nearest float64. IEEE division of the two integers
    # gives the same float64, because both are exact (k < 2^53, n ≤ 22).
    few = scale[:_SAMPLE] if isinstance(scale, np.ndarray) else scale
    head = numbers[:_SAMPLE]
    with np.errstate(over="ignore", invalid="ignore"):
        if not np.array_equal(np.rint(head * few) / few, head):
            return False
        return np.array_equal(np.rint(numbers * scale) / scale, numbers)
