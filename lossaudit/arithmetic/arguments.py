"""Checks of the values and weights that users give, and their division into chunks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from lossaudit.errors import PrecisionError

CHUNK = 2**16
"""Numbers in a chunk: few calls of numpy, and two rows of float64 fit in a second-level cache."""

WHOLE = 2**53
"""Up to here every integer is a float64."""

# The smallest subnormal number. Its product with 1.0 is 0 only where the CPU flushes (FTZ, DAZ).
_LEAST = math.ulp(0.0)
_SAFE: dict[str, Any] = {"f4": np.float32(2.0**-126), "f8": np.float64(2.0**-969)}
"""From here on, neither a number nor a multiple of its last bit is subnormal in float64."""

Array = np.ndarray[Any, np.dtype[Any]]


def scalars(values: Any, sample_weight: Any) -> tuple[int | float, int | float] | None:
    """A number and its weight as Python numbers; None if one of them is an array.

    Raises:
        ValueError: the weight is negative or not finite.
        TypeError: one of them is not a number.
        PrecisionError: the thread flushes subnormal numbers to zero, and one is close to zero.
    """
    value = _scalar("values", values)
    weight = 1 if sample_weight is None else _scalar("sample_weight", sample_weight)
    if value is None or weight is None:
        return None
    _check_weights(weight, weight)
    return value, weight


def columns(values: Any, sample_weight: Any) -> tuple[Array, Array]:
    """Values of any shape, and their weights: one number, or a view of the same shape.

    As in Keras, a weight applies to all numbers of its sample: weights of shape (n,) go with
    values of shape (n, …).

    Raises:
        ValueError: a weight is negative or not finite, or the shapes do not fit.
        TypeError: one of them has no numbers.
    """
    array = _numbers("values", values)
    weights = _numbers("sample_weight", 1 if sample_weight is None else sample_weight)
    # First, because the comparisons below would take subnormal weights for zeros in such a thread.
    refuse_flushing(weights)
    for (part,) in chunks(weights):
        _check_weights(part.min().item(), part.max().item())
    return array, weights if not weights.ndim else _broadcast(weights, array.shape)


def chunks(*arrays: Array) -> Iterator[tuple[Array, ...]]:
    """Chunks of arrays of one shape, in order: native arrays of shape (n,) with n ≤ CHUNK."""
    # float32 for the narrow types: it is exact for them, and numpy reduces it much faster. Native
    # byte order, because `refuse_flushing` reads the bits as integers.
    types = [
        np.dtype(np.float32) if _is_narrow(array.dtype) else array.dtype.newbyteorder("=")
        for array in arrays
    ]
    # nditer refuses operands without elements.
    if arrays[0].size:
        # A buffered nditer converts one chunk at a time, also from strided and broadcast views.
        found = np.nditer(
            arrays,
            ["buffered", "external_loop"],
            op_dtypes=types,
            order="C",
            buffersize=CHUNK,
            casting="safe",
        )
        # nditer yields an array for one operand, and a tuple for several.
        yield from ((part,) if isinstance(part, np.ndarray) else part for part in found)


def _scalar(name: str, number: Any) -> int | float | None:
    # np.float64 is a float as well, but its arithmetic takes more than twice as long (measured).
    if isinstance(number, float):
        refuse_flushing(number)
        return float(number)
    if isinstance(number, int):
        return int(number)
    # Arrays without axes, and scalar tensors of TensorFlow and torch, all have this shape.
    if getattr(number, "shape", None) == ():
        array = _numbers(name, number)
        refuse_flushing(array)
        plain: int | float = (
            array.astype(np.float32) if _is_narrow(array.dtype) else array
        ).item()
        return plain
    return None


def _numbers(name: str, numbers: Any) -> Array:
    if isinstance(numbers, np.ma.MaskedArray):
        raise TypeError(
            f"{name} is a masked array, and its mask would be lost: give masked numbers the "
            "weight 0"
        )
    is_array = hasattr(numbers, "__array__") and not isinstance(numbers, type)
    # `__array__` of TensorFlow's bfloat16 scalars returns a scalar, and numpy refuses that.
    array = np.asarray(numbers.__array__() if is_array else numbers)
    # A longdouble or complex number does not fit in a float64, so its sum would not be exact.
    if not (array.dtype.kind in "fiub" or _is_narrow(array.dtype)) or array.dtype.itemsize > 8:
        raise TypeError(
            f"{name} must be numbers of at most 64 bits, not {array.dtype}: {numbers!r:.80}"
        )
    # One float in a list makes numpy turn all its integers into floats, and round the long ones.
    if not is_array and array.dtype.kind == "f" and np.any(np.abs(array) >= WHOLE):
        _refuse_lost_integers(name, numbers)
    return array


def _refuse_lost_integers(name: str, numbers: Any) -> None:
    """Refuse a list of integers and floats if numpy would round an integer to a float."""
    for number in np.asarray(numbers, dtype=object).flat:
        if isinstance(number, (int, np.integer)) and abs(int(number)) > WHOLE:
            raise TypeError(
                f"{name} has the integer {number}, which numpy would round to a float: give "
                "integers and floats separately"
            )


def _is_narrow(dtype: np.dtype[Any]) -> bool:
    """Whether a type is float16, bfloat16 or another one that float32 represents."""
    # ml_dtypes registers bfloat16 with numpy as kind V, and some 8-bit floats as kind f.
    return dtype.kind in "fV" and dtype.itemsize <= 2 and np.can_cast(dtype, np.float32)


def _check_weights(least: int | float, most: int | float) -> None:
    """Refuse weights by their least and greatest; both are NaN if one weight is."""
    # Written with `not`, because every comparison with NaN is false: NaN is refused as well.
    if not least >= 0 or not most < math.inf:
        bad = least if not least >= 0 else most
        shown = str(bad) if isinstance(bad, int) else f"{bad:g}"
        raise ValueError(f"sample_weight={shown:.80} must be finite and not negative")


def _broadcast(weights: Array, shape: tuple[int, ...]) -> Array:
    """Weights broadcast to a shape from the first axis on, as Keras does.

    Source: `reduce_to_samplewise_values` in keras/src/metrics/reduction_metrics.py.
    """
    # Keras drops a last axis of length 1: weights of shape (n, 1) go with losses of shape (n,).
    fitting = (
        weights[..., 0] if weights.ndim == len(shape) + 1 and weights.shape[-1] == 1 else weights
    )
    # numpy aligns shapes at the last axis, and Keras at the first: so axes are added at the end.
    fitting = fitting.reshape(fitting.shape + (1,) * (len(shape) - fitting.ndim))
    try:
        return np.broadcast_to(fitting, shape)
    except ValueError:
        raise ValueError(
            f"sample_weight of shape {weights.shape} does not broadcast to values of shape {shape}"
        ) from None


def flushes() -> bool:
    """Whether this thread treats subnormal numbers as zero, as TensorFlow's own threads do."""
    return not _LEAST * 1.0


def refuse_flushing(numbers: Any) -> None:
    """Refuse numbers close to zero in a thread that treats subnormal numbers as zero.

    Raises:
        PrecisionError: a number is too close to zero.
    """
    if not flushes():
        return
    array = np.asarray(numbers)
    # Integers are never subnormal, and float16 becomes float32 before any arithmetic.
    safe = _SAFE.get(array.dtype.str[1:])
    if safe is None:
        return
    unsigned = f"u{array.dtype.itemsize}"
    # The bits are compared as integers: a comparison of floats would flush them as well.
    bits = np.abs(array).view(unsigned)
    if ((bits > 0) & (bits < safe.view(unsigned))).any():
        raise PrecisionError(
            "this thread flushes subnormal numbers to zero, and some numbers to add are close to "
            "zero: update the accumulator outside tf.numpy_function, tf.py_function and "
            "Dataset.map, whose threads do that"
        )
