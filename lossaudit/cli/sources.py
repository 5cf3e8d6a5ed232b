"""Source: a path to audit with the recording read from it; several sources give one report."""

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
    """A path and its recording; the origin of each series begins with the path.

    Args:
        path: the file or folder, as the user wrote it.
        recording: what was read from it.
    """

    path: Path
    recording: Recording

    @property
    def notes(self) -> tuple[str, ...]:
        """What its reader guessed, left out, or found damaged."""
        return tuple(self.recording.metadata.get(keys.NOTES, ()))

    @property
    def batches(self) -> list[Series]:
        """The batch series that are not empty."""
        return [series for series in self.recording.select(covers="batch") if len(series)]

    @property
    def is_truth(self) -> bool:
        """Whether a recorder wrote it, so that its batch losses are true.

        Readers of logs put the format into the metadata; a recorder does not.
        """
        return keys.FORMAT not in self.recording.metadata and bool(self.batches)

    @property
    def reported(self) -> list[Claim]:
        """The numbers that a loop reported, in addition to the recorded batches."""
        return [
            Claim(series, series.covers)
            for series in self.recording.series
            if series.covers != "batch"
        ]

    def summary(self) -> dict[str, Any]:
        """Path, format, run and notes, as JSON values."""
        form = self.recording.metadata.get(keys.FORMAT, "lossaudit")
        return {
            "path": str(self.path),
            "format": form,
            "run": self.recording.run,
            "notes": list(self.notes),
        }


def read_source(path: Path, *, run: str | None = None, covers: Covers | None = None) -> Source:
    """Read a path, as `lossaudit.read` does.

    Args:
        path: a file or a folder.
        run: the run to read, if there are several.
        covers: what each number covers, if the log does not say.

    Raises:
        OSError: the path does not exist, or cannot be read.
        LossauditError: the content cannot be understood, or has several runs and none is named.
    """
    log = LogFile(path, run=run, covers=covers, shown=str(path))
    return Source(path, read_log(log))


def read_truth(path: Path) -> Source:
    """Read the recording that logs are compared with.

    Raises:
        OSError: the path does not exist, or cannot be read.
        LossauditError: the content cannot be understood, or has no batch losses.
    """
    source = read_source(path)
    if not source.batches and not source.recording.metadata.get(keys.NOT_CAPTURED):
        raise LogFileError(
            f"truth={str(path)!r} has no batch losses, so nothing can be compared with it"
        )
    return source


def report_on_sources(
    truth: Source | None,
    sources: Sequence[Source],
    *,
    shown: Callable[[list[Claim]], Iterable[Claim]] = iter,
) -> Report:
    """Judge several sources of one training, as one report.

    Without a truth, the numbers that a run file reports are compared with the batches in that
    file, and logs are judged alone. The notes of the readers are among the explanations.

    Args:
        truth: the recording that all sources are compared with; None if nobody recorded one.
        sources: the sources to judge.
        shown: yields the claims again as they are judged, for example with a progress bar.
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
    return _as_one(reports, truth, sources)


def _claims(source: Source, truth: Source) -> list[Claim]:
    """The claims of a source, without the true losses themselves."""
    if source.path.exists() and source.path.samefile(truth.path):
        return source.reported
    return [Claim(series, series.covers) for series in source.recording.series]


def _of_logs(sources: Sequence[Source]) -> list[Report]:
    """The report on logs of one training, which check each other."""
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
    sentences = [f"{source.path}: {note}" for note in source.notes]
    if truth is None and source.is_truth and (not source.reported or len(sources) > 1):
        content = "the true losses" if source.reported else "only the true losses, no logged ones"
        sentences.append(
            f"{source.path} has {content}: to compare other logs with it, pass it with --truth"
        )
    return sentences
