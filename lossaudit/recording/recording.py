"""Recording: everything that one source wrote, as series and metadata."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from lossaudit.recording import keys
from lossaudit.recording.runfile import Session, attributes_of, read_sessions, write_new
from lossaudit.recording.series import Series

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False)
class Recording:
    """Everything that one source wrote: any number of series, and metadata of the run.

    Args:
        series: the series, in any order.
        run: the name of the run, if it has one.
        metadata: versions and set-up as JSON-like values; `keys` lists the names.

    >>> recording = Recording([Series([1.0]), Series([2.0], split="validation")])
    >>> recording.find(split="validation").values
    array([2.])
    """

    series: tuple[Series, ...]
    run: str | None = field(default=None, kw_only=True)
    metadata: Mapping[str, Any] = field(default_factory=dict, kw_only=True)

    if TYPE_CHECKING:

        def __init__(
            self,
            series: Iterable[Series],
            *,
            run: str | None = None,
            metadata: Mapping[str, Any] | None = None,
        ) -> None: ...

    def __post_init__(self) -> None:
        series = tuple(self.series)
        for one in series:
            if not isinstance(one, Series):
                raise TypeError(
                    f"every item of series must be a Series, not {type(one).__name__}: {one!r}"
                )
        object.__setattr__(self, "series", series)
        object.__setattr__(self, "metadata", MappingProxyType(dict(self.metadata or {})))

    def __getstate__(self) -> dict[str, Any]:
        # A mapping proxy keeps the metadata from being changed, but cannot be pickled.
        return {**vars(self), "metadata": dict(self.metadata)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "metadata", MappingProxyType(self.metadata))

    def select(
        self, *, tag: str | None = None, split: str | None = None, covers: str | None = None
    ) -> list[Series]:
        """All series with the given tag, split and covers; None means any."""
        wanted = {
            name: value
            for name, value in (("tag", tag), ("split", split), ("covers", covers))
            if value
        }
        return [
            one
            for one in self.series
            if all(getattr(one, name) == value for name, value in wanted.items())
        ]

    def find(
        self, *, tag: str | None = None, split: str | None = None, covers: str | None = None
    ) -> Series:
        """The one series with the given tag, split and covers; None means any.

        Raises:
            LookupError: no series or several match; the message lists all.
        """
        found = self.select(tag=tag, split=split, covers=covers)
        if len(found) != 1:
            listed = ", ".join(f"{one.tag} of {one.split} by {one.covers}" for one in self.series)
            raise LookupError(
                f"{len(found)} series with tag={tag!r}, split={split!r}, covers={covers!r}; the "
                f"recording has {listed or 'none'}"
            )
        return found[0]

    def to_pandas(self) -> pandas.DataFrame:
        """A row for each number, with the columns of Series.

        Unknown weights, epochs and steps are missing values.
        """
        import pandas as pd

        names = (
            "tag",
            "split",
            "covers",
            "epochs",
            "steps",
            "values",
            "weights",
            "dtype",
            "origin",
        )
        frames = [
            # The index repeats tag, split and dtype, which have one value for each series.
            pd.DataFrame({name: getattr(one, name) for name in names}, index=range(len(one)))
            for one in self.series
        ]
        return (
            pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(names))
        )

    def to_csv(self, path: str | PathLike[str]) -> None:
        """Write `to_pandas` as a CSV file, every float with all its digits."""
        self.to_pandas().to_csv(path, index=False)

    def to_parquet(self, path: str | PathLike[str]) -> None:
        """Write `to_pandas` as a Parquet file; needs pyarrow, which the extra `table` installs."""
        self.to_pandas().to_parquet(path, index=False)

    def save(self, path: str | PathLike[str]) -> None:
        """Write a new run file that `lossaudit.read` reads back column for column.

        Raises:
            FileExistsError: `path` exists.
            RunFileError: the disk is full.
        """
        write_new(path, Session(self.run, self.metadata, self.series))


def read(path: str | PathLike[str]) -> Recording:
    """Read a run file, also while a training writes to it.

    If a training was resumed, each series has the numbers of all sessions in order, with their
    steps. `metadata["restarts"]` has the train step with which each further session began. Steps
    that were trained twice occur twice.

    Args:
        path: a run file, as `LossRecorder(path=…)` and `Recording.save` write it.

    Raises:
        FileNotFoundError: `path` is not a file.
        RunFileError: the file is not a run file, or is damaged.
    """
    return recording_of_sessions(read_sessions(path))


def recording_of_sessions(sessions: Sequence[Session]) -> Recording:
    """The sessions of a run file as one recording."""
    # A resumed training may run with other versions; the latest ones are kept.
    last = sessions[-1] if sessions else Session(None, {}, ())
    parts = [session.series for session in sessions if session.series]
    if len(parts) < 2:
        return Recording(parts[0] if parts else [], run=last.run, metadata=last.metadata)
    restarts = [
        int(one.steps[0]) for part in parts[1:] for one in part[:1] if one.steps is not None
    ]
    return Recording(
        _joined(parts), run=last.run, metadata={**last.metadata, keys.RESTARTS: restarts}
    )


def with_more(written: Recording, unwritten: Iterable[Series], captured: Recording) -> Recording:
    """The written and the unwritten series of a session, and those captured since."""
    return Recording(
        _joined([written.series, unwritten, captured.series]),
        run=written.run,
        metadata=captured.metadata,
    )


def _joined(sessions: Iterable[Iterable[Series]]) -> list[Series]:
    by_attributes = defaultdict(list)
    for session in sessions:
        for series in session:
            by_attributes[attributes_of(series)].append(series)
    return [Series.joined(parts) for parts in by_attributes.values()]
