"""The ways of a report to be shown: as a file, a figure, and in a notebook."""

from __future__ import annotations

import re
import sys

import pytest

from lossaudit import Report
from lossaudit.report import html
from tests.report.pages import Elements, hostile, report


def test_a_hostile_report_can_be_written_and_plotted(tmp_path):
    hostile().to_html(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text("utf-8").startswith("<!DOCTYPE html>")
    hostile().plot().savefig(tmp_path / "figure.svg")


def test_a_report_of_nothing_says_so():
    assert "Nothing to audit" in html.page(Report())
    assert Report().plot().texts[0].get_text() == "nothing to plot"


def test_without_matplotlib_there_are_the_tables_and_the_way_to_plots(monkeypatch, tmp_path):
    found = report()
    monkeypatch.setattr(html, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    found.to_html(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "<svg" not in page
    assert 'pip install "lossaudit[report]"' in Elements(page).text
    assert page.count("<article") == 3
    with pytest.raises(ImportError):
        found.plot()


def test_a_notebook_gets_the_report_with_a_style_that_touches_nothing_else():
    shown = report()._repr_html_()
    style = re.search(r"<style>(.*?)</style>", shown, re.DOTALL).group(1)
    selectors = re.findall(r"([^{}]+)\{", re.sub(r"@media[^{]*\{", "", style))
    assert all(
        one.strip().startswith(".lossaudit") for rule in selectors for one in rule.split(",")
    )
    assert "<html" not in shown
    assert shown.count("<svg") == 6
