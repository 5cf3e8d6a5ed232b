"""Report: what an audit found, and the ways to show it."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING

from lossaudit.report.contents import Contents

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Report(Contents):
    """What an audit found.

    `str(report)` is the text, `report.to_json()` is for programs, `report.to_html(path)` writes a
    page, and `report.plot()` draws a figure. A notebook shows the page by itself.

    >>> Report().ok, str(Report())
    (False, 'lossaudit: nothing to audit')
    """

    def to_html(self, path: str | PathLike[str]) -> None:
        """Write the report as one HTML file without scripts or network access.

        Plots need matplotlib; without it the page says how to install it.

        Raises:
            OSError: the file cannot be written.
        """
        # Imported here, because loading Jinja2 takes longer than auditing a small log.
        from lossaudit.report.html import write

        write(self, path)

    def plot(self) -> Figure:
        """A matplotlib figure of every finding; of every claim if there are no findings.

        Raises:
            ImportError: matplotlib is not installed.
        """
        from lossaudit.report.plots import figure

        return figure(self)

    def _repr_html_(self) -> str:
        """The report in a notebook."""
        from lossaudit.report.html import fragment

        return fragment(self)
