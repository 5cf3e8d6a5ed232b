"""Series and Recording: what was recorded, as immutable columns that say what they cover."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    import pandas

Covers = Literal["batch", "epoch_so_far", "epoch"]
Split = Literal["train", "validation", "test", "predict"]
_COLUMNS = ("values", "weights", "epochs", "steps")

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Series:
    """Numbers of one tag and one split, in the order in which they were logged.

    Args:
        values: the numbers, shape (n,); kept as float64, which holds every narrower float exactly.
        tag: what the numbers are called, for example `"loss"`.
        split: `"train"`, `"validation"`, `"test"` or `"predict"`.
        covers: what one number speaks of: a `"batch"`, the `"epoch_so_far"`, or an `"epoch"`.
        weights: rows behind each number, shape (n,), none negative; None where unknown.
        epochs: 0-based epoch of each number, shape (n,); None where unknown.
        steps: 0-based step of each number, shape (n,); None where unknown.
        dtype: the float type in which the numbers were computed.
        decimals: digits after the point, where the log was rounded to them.
        origin: where the numbers come from: a file, a callback's attribute.

    Raises:
        ValueError: a column has another length, a weight is negative or not finite, or a name is not one of those
            above.

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
    origin: str | None = field(default=None, kw_only=True)

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
        if self.decimals is not None and self.decimals < 0:
            raise ValueError(f"decimals={self.decimals} must not be negative (tag={self.tag!r})")
        if self.weights is not None:
            self._refuse_bad_weights(self.weights)

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
        """Tag and split as one speaks of them, for example "train loss"."""
        return f"{self.split} {self.tag}"

    def take(self, rows: NDArray[Any] | slice) -> Series:
        """The rows of every column that an index, a mask or a slice picks, in its order."""
        columns: dict[str, Any] = {name: getattr(self, name) for name in _COLUMNS}
        taken: dict[str, Any] = {name: None if column is None else column[rows] for name, column in columns.items()}
        return replace(self, **taken)

    @classmethod
    def joined(cls, parts: Sequence[Series]) -> Series:
        """The numbers of parts one after the other, as those of the first; what one part does not know is unknown."""
        if len(parts) == 1:
            return parts[0]
        columns: dict[str, Any] = {name: [getattr(part, name) for part in parts] for name in _COLUMNS}
        known = {name: all(column is not None for column in found) for name, found in columns.items()}
        whole: dict[str, Any] = {
            name: np.concatenate(found) if known[name] else None for name, found in columns.items()
        }
        return replace(parts[0], **whole)


@dataclass(frozen=True, eq=False)
class Recording:
    """All that one source wrote: any number of series, and what is known about the run.

    Args:
        series: the series, in any order.
        run: a name for the run, where one has been given.
        metadata: versions and set-up, as JSON-like values.

    >>> Recording([Series([1.0]), Series([2.0], split="validation")]).find(split="validation").values
    array([2.])
    """

    series: tuple[Series, ...]
    run: str | None = field(default=None, kw_only=True)
    metadata: Mapping[str, Any] = field(default_factory=dict, kw_only=True)

    if TYPE_CHECKING:

        def __init__(
            self, series: Iterable[Series], *, run: str | None = None, metadata: Mapping[str, Any] | None = None
        ) -> None: ...

    def __post_init__(self) -> None:
        series = tuple(self.series)
        for one in series:
            if not isinstance(one, Series):
                raise TypeError(f"series must hold Series, not {type(one).__name__}: {one!r}")
        object.__setattr__(self, "series", series)
        object.__setattr__(self, "metadata", MappingProxyType(dict(self.metadata or {})))

    def select(self, *, tag: str | None = None, split: str | None = None, covers: str | None = None) -> list[Series]:
        """Every series that has the given tag, split and covers; what is not given does not matter."""
        wanted = {name: value for name, value in (("tag", tag), ("split", split), ("covers", covers)) if value}
        return [one for one in self.series if all(getattr(one, name) == value for name, value in wanted.items())]

    def find(self, *, tag: str | None = None, split: str | None = None, covers: str | None = None) -> Series:
        """The one series that has the given tag, split and covers.

        Raises:
            LookupError: none has, or several have; the message lists what there is.
        """
        found = self.select(tag=tag, split=split, covers=covers)
        if len(found) != 1:
            there = ", ".join(f"{one.tag} of {one.split} by {one.covers}" for one in self.series) or "nothing"
            raise LookupError(
                f"{len(found)} series with tag={tag!r}, split={split!r}, covers={covers!r}; the recording holds {there}"
            )
        return found[0]

    def to_pandas(self) -> pandas.DataFrame:
        """One row for each number, with the columns of Series; unknown weights, epochs and steps are missing values."""
        import pandas as pd

        names = ("tag", "split", "covers", "epochs", "steps", "values", "weights", "dtype", "origin")
        frames = [
            pd.DataFrame({name: getattr(one, name) for name in names}, index=range(len(one))) for one in self.series
        ]
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(names))

    def to_csv(self, path: str | PathLike[str]) -> None:
        """Write `to_pandas` as a CSV file, every float with all its digits."""
        self.to_pandas().to_csv(path, index=False)

    def to_parquet(self, path: str | PathLike[str]) -> None:
        """Write `to_pandas` as a Parquet file; needs pyarrow, as the extra `table` installs it."""
        self.to_pandas().to_parquet(path, index=False)

    def save(self, path: str | PathLike[str]) -> None:
        """Write a run file that `lossaudit.read` reads back column for column; an existing file is refused."""
        from lossaudit.store import save

        save(self, path)


def _column(name: str, values: object, kind: type[np.generic], length: int | None = None) -> NDArray[Any]:
    """A read-only one-dimensional copy, of the given length."""
    array = np.asarray(values)
    if array.dtype == object or (array.dtype.kind not in "fiub" and not _is_foreign_float(array)):
        raise ValueError(f"{name} must be numbers, not {array.dtype}: {values!r:.80}")
    if array.ndim != 1:
        raise ValueError(f"{name} must have one dimension, not shape {array.shape}")
    if length is not None and len(array) != length:
        raise ValueError(f"{name} has {len(array)} entries, but there are {length} values")
    if kind is np.int64 and array.dtype.kind == "f" and not np.array_equal(array, np.trunc(array)):
        raise ValueError(f"{name} must be whole numbers: {values!r:.80}")
    column = array.astype(kind, copy=True)
    column.flags.writeable = False
    return column


def _is_foreign_float(array: NDArray[Any]) -> bool:
    """bfloat16 and its kin register with numpy as void types that know how to become float64."""
    return array.dtype.kind == "V" and np.can_cast(array.dtype, np.float64)


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name}={value!r} must be one of {', '.join(map(repr, allowed))}")
