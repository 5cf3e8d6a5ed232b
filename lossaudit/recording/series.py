"""Series: recorded or logged numbers with their steps, epochs, weights and cover."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from os import PathLike
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossaudit.arithmetic.arrays import Floats, Ints
from lossaudit.recording.names import Covers, Name, Split
from lossaudit.recording.origins import Origin

_COLUMNS = ("values", "weights", "epochs", "steps")


@dataclass(frozen=True, eq=False)
class Series:
    """Numbers of one tag and one split, in the order in which they were logged.

    Args:
        values: the numbers, shape (n,); kept as float64, which is exact for every narrower float.
        tag: what the numbers are, for example `"loss"`.
        split: `"train"`, `"validation"`, `"test"` or `"predict"`.
        covers: what one number is about: a `"batch"`, the `"epoch_so_far"`, or an `"epoch"`.
        weights: rows behind each number, shape (n,), none negative; None if unknown.
        epochs: 0-based epoch of each number, shape (n,); None if unknown.
        steps: 0-based step of each number, shape (n,); None if unknown.
        dtype: the float type in which the numbers were computed.
        decimals: decimal places to which the log was rounded; None if it has all digits.
        origin: the source of the numbers: a file, a callback's attribute.

    Raises:
        ValueError: a column differs in length, a weight is negative or not finite, or a name is
            not one of those above.

    >>> Series([1.0, 2.0, 9.0], weights=[4, 4, 2]).split
    'train'
    """

    values: Floats
    tag: str = field(default="loss", kw_only=True)
    split: Split = field(default="train", kw_only=True)
    covers: Covers = field(default="batch", kw_only=True)
    weights: Floats | None = field(default=None, kw_only=True)
    epochs: Ints | None = field(default=None, kw_only=True)
    steps: Ints | None = field(default=None, kw_only=True)
    dtype: str = field(default="float32", kw_only=True)
    decimals: int | None = field(default=None, kw_only=True)
    origin: Origin | None = field(default=None, kw_only=True)

    if TYPE_CHECKING:

        def __init__(
            self,
            values: ArrayLike,
            *,
            tag: str = "loss",
            split: str = "train",
            covers: str = "batch",
            weights: ArrayLike | None = None,
            epochs: ArrayLike | None = None,
            steps: ArrayLike | None = None,
            dtype: str = "float32",
            decimals: int | None = None,
            origin: str | None = None,
        ) -> None: ...

    def __post_init__(self) -> None:
        self._set("values", _column("values", self.values, np.float64))
        for name, kind in (("weights", np.float64), ("epochs", np.int64), ("steps", np.int64)):
            column = getattr(self, name)
            if column is not None:
                self._set(name, _column(name, column, kind, length=len(self.values)))
        _one_of("covers", self.covers, get_args(Covers))
        _one_of("split", self.split, get_args(Split))
        _one_of("dtype", self.dtype, ("float16", "bfloat16", "float32", "float64"))
        if self.origin is not None:
            self._set(
                "origin",
                Origin.parse(
                    str(self.origin) if isinstance(self.origin, PathLike) else self.origin
                ),
            )
        if self.decimals is not None and self.decimals < 0:
            raise ValueError(f"decimals={self.decimals} must not be negative (tag={self.tag!r})")
        if self.weights is not None:
            self._refuse_bad_weights(self.weights)

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            # numpy forgets in a pickle that an array is read-only.
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
            self._set(name, value)

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _refuse_bad_weights(self, weights: Floats) -> None:
        bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
        if bad.size:
            raise ValueError(
                f"weights[{bad[0]}]={weights[bad[0]]} must be finite and not negative "
                f"(tag={self.tag!r}, split={self.split!r})"
            )

    def __len__(self) -> int:
        return len(self.values)

    @property
    def name(self) -> str:
        """Split and tag, for example "train loss"."""
        return f"{self.split} {self.tag}"

    @property
    def title(self) -> str:
        """Origin and name, as findings show them."""
        return f"{self.origin} ({self.name})" if self.origin else self.name

    @property
    def file(self) -> str:
        """The file of the numbers; empty if they come from no file."""
        return self.origin.file if self.origin else ""

    @property
    def axis(self) -> Ints | None:
        """Epochs if the numbers cover epochs, else steps; None if unknown."""
        if self.covers != "epoch":
            return self.steps
        # Epoch values may have steps only: Hugging Face's Trainer logs its evaluations that way.
        return self.steps if self.epochs is None else self.epochs

    @property
    def is_loss(self) -> bool:
        """Whether the tag means a loss: only a loss is a mean over batches."""
        return Name(self.tag).is_loss

    def take(self, rows: NDArray[Any] | slice) -> Series:
        """The rows that an index, a mask or a slice picks, in its order."""
        columns: dict[str, Any] = {name: getattr(self, name) for name in _COLUMNS}
        taken: dict[str, Any] = {
            name: None if column is None else column[rows] for name, column in columns.items()
        }
        return replace(self, **taken)

    def with_origin(self, origin: Origin) -> Series:
        """The same numbers with another origin."""
        # The columns are read-only, so they are shared; `replace` would copy and check them.
        series = copy(self)
        object.__setattr__(series, "origin", origin)
        return series

    @classmethod
    def joined(cls, parts: Sequence[Series]) -> Series:
        """The numbers of several parts in a row, with the attributes of the first.

        A column that is unknown in one part is unknown.
        """
        if len(parts) == 1:
            return parts[0]
        columns: dict[str, Any] = {
            name: [getattr(part, name) for part in parts] for name in _COLUMNS
        }
        known = {
            name: all(column is not None for column in found) for name, found in columns.items()
        }
        whole: dict[str, Any] = {
            name: np.concatenate(found) if known[name] else None for name, found in columns.items()
        }
        return replace(parts[0], **whole)


def epoch_starts(epochs: Ints) -> NDArray[np.bool_]:
    """Mask of the first number of each epoch, shape (n,).

    Args:
        epochs: epoch of each number, in the order of logging, shape (n,).

    >>> epoch_starts(np.array([0, 0, 1, 1, 0])).tolist()
    [True, False, True, False, True]
    """
    starts = np.ones(len(epochs), np.bool_)
    starts[1:] = epochs[1:] != epochs[:-1]
    return starts


def epoch_ends(epochs: Ints) -> NDArray[np.bool_]:
    """Mask of the last number of each epoch, shape (n,).

    Args:
        epochs: epoch of each number, in the order of logging, shape (n,).

    >>> epoch_ends(np.array([0, 0, 1, 1, 0])).tolist()
    [False, True, False, True, True]
    """
    return epoch_starts(epochs[::-1])[::-1]


def _column(
    name: str, values: object, kind: type[np.generic], length: int | None = None
) -> NDArray[Any]:
    """A read-only one-dimensional copy, of the given length."""
    array = np.asarray(values)
    if array.dtype == object or (array.dtype.kind not in "fiub" and not _is_foreign_float(array)):
        raise ValueError(f"{name} must be numbers, not {array.dtype}: {values!r:.80}")
    if array.ndim != 1:
        raise ValueError(f"{name} must have one dimension, not shape {array.shape}")
    if length is not None and len(array) != length:
        raise ValueError(f"{name} has {len(array)} entries, but there are {length} values")
    # pandas and numpy.loadtxt return integers as floats; whole ones are accepted.
    if kind is np.int64 and array.dtype.kind == "f" and not np.array_equal(array, np.trunc(array)):
        raise ValueError(f"{name} must be whole numbers: {values!r:.80}")
    # A copy, so that the caller's array can neither change the series nor become read-only.
    column = array.astype(kind, copy=True)
    column.flags.writeable = False
    return column


def _is_foreign_float(array: NDArray[Any]) -> bool:
    """Whether a type such as bfloat16 is from a library that registers it with numpy."""
    # Such types are void types to numpy that can be cast to float64.
    return array.dtype.kind == "V" and np.can_cast(array.dtype, np.float64)


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name}={value!r} must be one of {', '.join(map(repr, allowed))}")
