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
        """Write the report as one HTML file that needs no script and no network; plots need
        matplotlib.
        """
        # Jinja2 takes longer to load than an audit of a small log: it is loaded for a page only.
        from lossaudit.report.html import write

        write(self, path)

    def plot(self) -> Figure:
        """The evidence of every finding as a matplotlib figure; that of every claim where there is
        no finding.

        Raises:
            ImportError: matplotlib is not installed.
        """
        from lossaudit.report.plots import figure

        return figure(self)

    def _repr_html_(self) -> str:
        """The report in a notebook."""
        from lossaudit.report.html import fragment

        return fragment(self)
