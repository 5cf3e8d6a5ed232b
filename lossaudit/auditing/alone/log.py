"""Log: what was logged in one training, judged without a truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from lossaudit.auditing.alone.axis import SharedAxis, shared_axes
from lossaudit.auditing.alone.pair import Pair
from lossaudit.auditing.alone.pairing import pairs_by_index
from lossaudit.recording.recording import Recording
from lossaudit.recording.series import Series


@dataclass(frozen=True, eq=False)
class Log:
    """What was logged in one training; whatever several checks need is computed once.

    Args:
        recording: the logged series.
    """

    recording: Recording

    @property
    def series(self) -> tuple[Series, ...]:
        """All series, in the order of the recording."""
        return tuple(self.recording.series)

    @cached_property
    def losses(self) -> tuple[Series, ...]:
        """The series whose tag is that of a loss."""
        return tuple(series for series in self.series if series.is_loss)

    @cached_property
    def axes(self) -> tuple[SharedAxis, ...]:
        """Each axis of each file, with the series that share it."""
        return tuple(shared_axes(self.recording))

    @cached_property
    def pairs_by_index(self) -> Mapping[tuple[int, int], tuple[Pair, ...]]:
        """Pairs by the indices of their batch series and of their epoch series."""
        return pairs_by_index(self.recording)

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """Every batch series of a loss with every epoch series that it may lead to."""
        return tuple(pair for pairs in self.pairs_by_index.values() for pair in pairs)
