"""Source: a path that is to be audited, and what was read there; several of them as one report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from lossaudit.auditing.audits import audit, report_on
from lossaudit.auditing.claims import Claim
from lossaudit.errors import LogFileError
from lossaudit.formats.log_file import LogFile
from lossaudit.formats.reading import read_log
from lossaudit.recording import keys
from lossaudit.recording.names import Covers
from lossaudit.recording.recording import Recording
from lossaudit.recording.series import Series
from lossaudit.report.report import Report


@dataclass(frozen=True, eq=False)
class Source:
    """A path, and the recording that was read there; the origin of each series begins with the
    path.

    Args:
        path: the file or folder, as the user wrote it.
        recording: what it holds.
    """

    path: Path
    recording: Recording

    @property
    def notes(self) -> tuple[str, ...]:
        """What its reader guessed, left out or found cut off."""
        return tuple(self.recording.metadata.get(keys.NOTES, ()))

    @property
    def batches(self) -> list[Series]:
        """The numbers of batches that are not empty."""
        return [series for series in self.recording.select(covers="batch") if len(series)]

    @property
    def is_truth(self) -> bool:
        """Whether a recorder wrote it, so that its batches are the true ones; a log that was read
        says its format.
        """
        return keys.FORMAT not in self.recording.metadata and bool(self.batches)

    @property
    def reported(self) -> list[Claim]:
        """What it holds beside the batches that were recorded: what a loop reported."""
        return [
            Claim(series, series.covers)
            for series in self.recording.series
            if series.covers != "batch"
        ]

    def summary(self) -> dict[str, Any]:
        """What is known of it, as JSON-like values."""
        form = self.recording.metadata.get(keys.FORMAT, "lossaudit")
        return {
            "path": str(self.path),
            "format": form,
            "run": self.recording.run,
            "notes": list(self.notes),
        }


def read_source(path: Path, *, run: str | None = None, covers: Covers | None = None) -> Source:
    """Read what is at a path, as `lossaudit.read` does.

    Raises:
        OSError: there is nothing at the path, or it cannot be read.
        LossauditError: what is there cannot be understood, or has several runs of which none is
            named.
    """
    log = LogFile(path, run=run, covers=covers, shown=str(path))
    return Source(path, read_log(log))


def read_truth(path: Path) -> Source:
    """Read the recording that logs are to be judged by.

    Raises:
        OSError: there is nothing at the path, or it cannot be read.
        LossauditError: what is there cannot be understood, or holds no losses of batches.
    """
    source = read_source(path)
    if not source.batches and not source.recording.metadata.get(keys.NOT_CAPTURED):
        raise LogFileError(
            f"truth={str(path)!r} holds no losses of batches, so nothing can be judged by it"
        )
    return source


def report_on_sources(
    truth: Source | None,
    sources: Sequence[Source],
    *,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
    shown: Callable[[list[Claim]], Iterable[Claim]] = iter,
) -> Report:
    """Judge what several paths hold of one training, as one report.

    Without a truth, what a run file reports is judged by the batches it recorded, and logs by
    themselves. What the readers had to say is among the explanations.

    Args:
        truth: what all sources are judged by; None where nobody recorded it.
        sources: what is to be judged.
        select: beginnings of the rule codes to look for; all if empty.
        ignore: beginnings of the rule codes to leave out.
        shown: passes the claims on as they are judged.
    """
    if truth is not None:
        claims = [claim for source in sources for claim in _claims(source, truth)]
        reports = [report_on(truth.recording, claims, shown=shown)]
    else:
        recorders = [source for source in sources if source.is_truth]
        reports = [
            report_on(source.recording, source.reported, shown=shown) for source in recorders
        ]
        reports += _of_logs([source for source in sources if not source.is_truth])
    return _as_one(reports, truth, sources).selected(select, ignore)


def _claims(source: Source, truth: Source) -> list[Claim]:
    """All that a source holds, but not the true losses themselves."""
    if source.path.exists() and source.path.samefile(truth.path):
        return source.reported
    return [Claim(series, series.covers) for series in source.recording.series]


def _of_logs(sources: Sequence[Source]) -> list[Report]:
    """Logs of one training check one another."""
    if not sources:
        return []
    metadata = {
        name: value for source in sources for name, value in source.recording.metadata.items()
    }
    series = chain.from_iterable(source.recording.series for source in sources)
    return [audit(None, Recording(series, metadata=metadata))]


def _as_one(reports: Sequence[Report], truth: Source | None, sources: Sequence[Source]) -> Report:
    metadata: dict[str, Any] = {keys.SOURCES: [source.summary() for source in sources]}
    if truth is not None:
        metadata[keys.TRUTH] = {**truth.summary(), **truth.recording.metadata}
    return Report(
        tuple(one for report in reports for one in report.verdicts),
        tuple(one for report in reports for one in report.findings),
        tuple(one for report in reports for one in report.not_audited),
        metadata,
        tuple(chain.from_iterable(_explanations(source, truth, sources) for source in sources)),
    )


def _explanations(source: Source, truth: Source | None, sources: Sequence[Source]) -> list[str]:
    said = [f"{source.path}: {note}" for note in source.notes]
    if truth is None and source.is_truth and (not source.reported or len(sources) > 1):
        holds = (
            "the true losses"
            if source.reported
            else "the true losses, and nothing that was logged"
        )
        said.append(
            f"{source.path} holds {holds}: to judge other logs by it, name it with --truth"
        )
    return said
