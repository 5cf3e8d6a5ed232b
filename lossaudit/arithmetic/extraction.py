"""Exact sums of chunks of numbers, by float arithmetic that provably does not round.

Let all numbers of a chunk be multiples of 2^unit and smaller than 2^top. They can be added in any
order without rounding if top - unit and the bits of the chunk's length fit in the 53 bits of a
float64. A wider chunk is first cut at powers of two (extraction: Rump, Ogita and Oishi 2008,
"Accurate floating-point summation", part I). A chunk that is still wider is sorted into bins by
exponent (superaccumulators: Neal 2015, arXiv:1505.05571).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple, Self

import numpy as np

from lossaudit.arithmetic.arguments import CHUNK, Array, chunks, refuse_flushing

Dyadic = tuple[int, int]
"""numerator · 2^exponent."""

_ROOM = CHUNK.bit_length() - 1
"""Bits by which the sum of a chunk may exceed its largest number."""

_MOST_CUTS = 3
"""Most cuts of a chunk; a wider one is sorted into bins."""

_SIGNIFICANT = {4: 24, 8: 53}
"""Significant bits of a float, by its size in bytes."""


class Span(NamedTuple):
    """The range of a chunk: multiples of 2^unit below 2^top, with `bits` significant bits."""

    unit: int
    top: int
    bits: int

    @classmethod
    def of(cls, numbers: Array) -> Self | None:
        """The span of a chunk; None if a number is not finite."""
        # Minimum and maximum pass NaN on, so two passes find the range and what is not finite.
        low, high = np.minimum.reduce(numbers).item(), np.maximum.reduce(numbers).item()
        if numbers.dtype.kind != "f":
            top = max(int(low).bit_length(), int(high).bit_length())
            return cls(0, top, top)
        if not (math.isfinite(low) and math.isfinite(high)):
            return None
        # Losses of one sign, the usual case, need no array of magnitudes.
        if not low > 0:
            sizes = np.abs(numbers[numbers != 0])
            if not sizes.size:
                return cls(0, 0, 0)
            low, high = np.minimum.reduce(sizes).item(), np.maximum.reduce(sizes).item()
        bits = _SIGNIFICANT[numbers.dtype.itemsize]
        # No float64 has a bit below 2^-1074, so small numbers do not make the span wider.
        return cls(max(math.frexp(low)[1] - bits, -1074), math.frexp(high)[1], bits)

    def times(self, other: Span) -> Span:
        """The span of the products of two chunks."""
        return Span(self.unit + other.unit, self.top + other.top, self.bits + other.bits)


def exact_sums(values: Array, weights: Array) -> Iterator[Dyadic | float]:
    """Parts of Σ w·x: dyadic numbers, and the products that are not finite.

    Args:
        values: numbers of any shape.
        weights: one number, or an array of the same shape; finite and not negative.

    Raises:
        PrecisionError: the thread flushes subnormal numbers to zero, and some numbers are close
            to zero.
    """
    # One buffer for all chunks saves allocations. It is not global, because threads may sum at
    # once.
    scratch = np.empty((3, min(CHUNK, values.size)))
    if weights.ndim:
        for x, w in chunks(values, weights):
            yield from _of_products(x, w, scratch)
    else:
        numerator, exponent = dyadic(weights.item())
        for (x,) in chunks(values):
            for part in _of_numbers(x, scratch):
                if isinstance(part, tuple):
                    yield part[0] * numerator, part[1] + exponent
                else:
                    # A weight of zero turns an infinity into NaN, as in Keras; a positive one
                    # keeps its sign.
                    yield part * bool(weights)


def dyadic(number: float) -> Dyadic:
    """A finite number as an integer times a power of two."""
    numerator, denominator = number.as_integer_ratio()
    # The denominator is 2^k, whose bit length is k + 1.
    return numerator, 1 - denominator.bit_length()


def _of_numbers(x: Array, scratch: Array) -> Iterator[Dyadic | float]:
    refuse_flushing(x)
    span = Span.of(x)
    if span is not None:
        yield from _sums(x, span, scratch)
        return
    finite = np.isfinite(x)
    yield from x[~finite].tolist()
    if finite.any():
        yield from _of_numbers(x[finite], scratch)


def _of_products(x: Array, w: Array, scratch: Array) -> Iterator[Dyadic | float]:
    refuse_flushing(x)
    refuse_flushing(w)
    x, w = _narrowed(x), _narrowed(w)
    spans = Span.of(x), Span.of(w)
    # Only a value can be at fault: `columns` refuses weights that are not finite.
    if spans[0] is None or spans[1] is None:
        finite = np.isfinite(x)
        yield from (
            a * bool(b) for a, b in zip(x[~finite].tolist(), w[~finite].tolist(), strict=True)
        )
        if finite.any():
            yield from _of_products(x[finite], w[finite], scratch)
    # Products near the ends of the range, and of long integers, are computed in Python.
    elif _is_far(spans[0], spans[1]) or _is_long(spans[0], x) or _is_long(spans[1], w):
        for a, b in zip(x.tolist(), w.tolist(), strict=True):
            (n, e), (m, f) = dyadic(a), dyadic(b)
            yield n * m, e + f
    else:
        yield from _sums_of_products(x, w, spans[0].times(spans[1]), scratch)


def _sums_of_products(x: Array, w: Array, span: Span, scratch: Array) -> Iterator[Dyadic]:
    products = np.multiply(x, w, out=scratch[2, : len(x)], dtype=np.float64)
    yield from _sums(products, span, scratch)
    # Up to 53 bits the products are exact; longer ones need their rounding errors as well.
    if span.bits > 53:
        yield from _sums(_rounding_errors(x, w, products), span, scratch)


def _narrowed(x: Array) -> Array:
    """The same numbers as float32 if that is exact: then products are exact in float64."""
    if x.dtype != np.float64:
        return x
    with np.errstate(over="ignore"):
        narrow = x.astype(np.float32)
    return narrow if np.array_equal(narrow, x) else x


def _is_far(x: Span, w: Span) -> bool:
    """Whether products, their rounding errors or their splitting may leave the float64 range."""
    # The splitting multiplies by 2^27 + 1, and 990 + 28 bits stay below 1024. Below 2^-1022 the
    # rounding error of a product would not be a float64.
    return x.unit + w.unit < -1022 or x.top + w.top > 1000 or max(x.top, w.top) > 990


def _is_long(span: Span, numbers: Array) -> bool:
    """Whether a chunk has integers too long for a float64."""
    return span.bits > 53 and numbers.dtype.kind != "f"


def _sums(x: Array, span: Span, scratch: Array) -> Iterator[Dyadic]:
    """Dyadic numbers with the sum of a chunk of finite numbers."""
    unit, top, _ = span
    if x.dtype.kind != "f":
        yield from _sums_of_integers(x, top)
        return
    # sigma is 17 bits above the largest number of a chunk, which leaves 36 of 53 bits for each
    # cut.
    cut = 53 - _ROOM - 1
    cuts = max(0, -(-(top + _ROOM - unit - 53) // cut))
    # sigma itself must be a float64. Measured: bins take 44 ns a number, and extraction 102 ns for
    # a spread of 2^±300.
    if cuts > _MOST_CUTS or top + _ROOM + 1 > 1023:
        yield from _sums_by_exponent(x)
        return
    rest, high, other = x, scratch[0, : len(x)], scratch[1, : len(x)]
    for _ in range(cuts):
        # Adding and subtracting sigma rounds each number to a multiple of an ulp of sigma. Those
        # high parts add without rounding, and the rest is exact.
        sigma = math.ldexp(1.0, top + _ROOM + 1)
        np.add(rest, sigma, out=high, dtype=np.float64)
        np.subtract(high, sigma, out=high)
        yield dyadic(float(np.add.reduce(high)))
        rest = np.subtract(rest, high, out=high)
        # The rest is in this buffer now, so the next cut writes to the other one.
        high, other = other, high
        top -= cut
    yield dyadic(float(np.add.reduce(rest, dtype=np.float64)))


def _sums_of_integers(x: Array, top: int) -> Iterator[Dyadic]:
    # Halves of 32 bits do not overflow int64 in a sum of 2^16 numbers.
    if top + _ROOM <= 63:
        yield int(np.add.reduce(x.astype(np.int64, copy=False))), 0
    else:
        yield int(np.add.reduce((x >> 32).astype(np.int64, copy=False))), 32
        yield (
            int(np.add.reduce((x & np.array(2**32 - 1, x.dtype)).astype(np.int64, copy=False))),
            0,
        )


def _sums_by_exponent(x: Array) -> Iterator[Dyadic]:
    """A sum for each binary exponent.

    Each significand is cut into 27 and 26 bits, so that a float64 bin adds 2^26 of them exactly.
    """
    significands, exponents = np.frexp(x.astype(np.float64))
    integers = np.ldexp(significands, 53).astype(np.int64)
    least = int(exponents.min())
    bins = exponents - least
    # The shift rounds down, so high·2^26 + low is the integer, and low is never negative.
    high, low = (
        np.bincount(bins, weights=part) for part in (integers >> 26, integers & (2**26 - 1))
    )
    for index in np.flatnonzero((high != 0) | (low != 0)).tolist():
        yield (int(high[index]) << 26) + int(low[index]), index + least - 53


def _rounding_errors(a: Array, b: Array, product: Array) -> Array:
    """a·b - fl(a·b), exact (Dekker 1971, with Veltkamp's splitting)."""
    (a_high, a_low), (b_high, b_low) = _split(a), _split(b)
    # Dekker's proof needs this order: each of the differences is exact.
    return np.asarray(
        ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    )


def _split(x: Array) -> tuple[Array, Array]:
    wide = x.astype(np.float64)
    # Veltkamp 1968: the high part has the 26 leading bits, and the low part is exact.
    scaled = wide * (2.0**27 + 1)
    high = scaled - (scaled - wide)
    return high, wide - high
