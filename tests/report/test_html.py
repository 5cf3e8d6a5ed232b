"""The report as a page: small, closed in itself, and safe against names in logs."""

from __future__ import annotations

import re
import zipfile
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from lossaudit import Recording, Report, Series, audit
from lossaudit.report import html
from lossaudit.report.findings import Finding
from lossaudit.report.verdict import Verdict
from tests.report.pages import MEANS, RIGHT, Elements, hostile, report
from tests.runs import run
from tests.test_readme import README, ROOT


def test_the_page_is_one_file_that_needs_no_network_and_no_script(page):
    elements = Elements(page)
    assert not {"script", "link", "img", "iframe", "object", "image"} & set(elements.tags)
    assert not {"src", "srcset", "onload", "onerror"} & {name for name, _ in elements.attributes}
    assert all(
        value.startswith("#") for name, value in elements.attributes if name.endswith("href")
    )
    assert not re.search(r"https?:|//\w|@import|url\((?!#)", page)
    assert "default-src 'none'" in page


def test_the_verdict_is_at_the_top_and_every_finding_has_a_card_with_a_plot(page):
    elements = Elements(page)
    assert elements.text.index(
        "3 of 4 logs are not what they promise to be."
    ) < elements.text.index("Findings")
    assert (
        page.count("<article") == page.count('class="wide"') == page.count('class="narrow"') == 3
    )
    assert elements.tags.count("svg") == 6
    for finding in report().findings:
        assert finding.message.replace("`", "") in elements.text
        assert finding.code in elements.text


def test_ids_are_unique_and_the_page_is_the_same_every_time(page):
    ids = [value for name, value in Elements(page).attributes if name == "id"]
    assert len(ids) == len(set(ids))
    references = set(re.findall(r'(?:href="|url\()#([\w-]+)', page))
    assert references <= set(ids)
    assert html.page(report()) == page


def test_epochs_have_a_table_with_both_numbers_the_bound_and_the_verdict(page):
    text = Elements(page).text
    assert re.search(
        rf"0\s*{MEANS[0]:.9g}\s*{RIGHT[0]:.9g}\s*{MEANS[0] - RIGHT[0]:.2g}\s*\S+\s*wrong", text
    )
    assert page.count('class="epochs"') == 3


def test_the_provenance_says_what_is_known_of_the_run(page):
    text = Elements(page).text
    for name, value in [("keras", "3.15.1"), ("set_up.replicas", "2"), ("files", '["a.csv"]')]:
        assert re.search(rf"{re.escape(name)}\s*{re.escape(value)}", text)


@pytest.mark.slow
@pytest.mark.parametrize("form", [html.page, html.fragment])
def test_everything_from_logs_is_escaped_also_inside_of_plots(form):
    shown, known = Elements(form(hostile())), Elements(form(report()))
    assert set(shown.tags) <= set(known.tags)
    assert {name for name, _ in shown.attributes} <= {name for name, _ in known.attributes}
    assert shown.text.count("<script>alert(1)</script>") >= 12
    assert form(hostile()).count("&lt;script&gt;") >= 12
    assert not set("\x00\x1b\u202e\udcff") & set(form(hostile()))


@pytest.mark.slow
def test_a_million_numbers_make_a_page_of_less_than_two_megabytes(tmp_path):
    epochs, batches = 1000, 1000
    random = np.random.default_rng(0)
    losses = np.float32(random.lognormal(size=epochs * batches)).astype(np.float64)
    rows = np.tile(np.append(np.full(batches - 1, 96), 40), epochs)
    truth = Recording([Series(losses, weights=rows, epochs=np.repeat(np.arange(epochs), batches))])
    logged = losses.copy()
    logged[123_456], logged[777_777] = 5e4, np.nan
    found = audit(
        truth, {"batch_losses": logged, "loss": losses.reshape(epochs, batches).mean(axis=1)}
    )
    assert {one.code for one in found.findings} == {"LA101", "LA102", "LA301"}
    found.to_html(tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size < 2_000_000
    for finding in found.findings[:2]:
        assert (
            finding.evidence.logged.values[np.isfinite(finding.evidence.logged.values)].max()
            == 5e4
        )
        assert list(finding.evidence.logged.places[np.isnan(finding.evidence.logged.values)]) == [
            777_777
        ]


@pytest.mark.slow
def test_many_findings_share_the_room_of_a_page():
    noise = np.random.default_rng(0).lognormal(size=5000)
    truth = Recording([Series(noise, weights=[1] * 5000, epochs=[0] * 5000)])
    one = audit(truth, {"batch_losses": noise + 1}).findings[0]
    page = html.page(Report(findings=(one,) * 40))
    assert page.count("<svg") == 60
    assert page.count("Not drawn") == 10
    assert len(page.encode()) < 2_000_000


def test_a_report_without_findings_has_its_verdicts_and_nothing_else():
    page = html.page(audit(run(), {"loss": RIGHT}))
    assert "The log is what it promises to be." in page
    assert "<article" not in page
    assert "Findings" not in Elements(page).text


def test_what_cannot_be_judged_is_no_pass():
    undecidable = Finding("LA401", Verdict.UNDECIDABLE, "nothing was captured", severity="warning")
    assert html.headline(Report(findings=(undecidable,))) == "This cannot be judged as a whole."


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pictures_of_the_page_are_small_and_in_the_readme(scheme):
    picture = Path("docs", "pictures", f"report-{scheme}.png")
    assert (ROOT / picture).stat().st_size < 200_000
    assert picture.as_posix() in README


def test_the_page_is_made_of_files_that_the_package_ships(tmp_path):
    build = pytest.importorskip("hatchling.builders.wheel")
    wheel = next(
        build.WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    )
    shipped = set(zipfile.ZipFile(wheel).namelist())
    needed = [
        one.name
        for one in files("lossaudit.report").iterdir()
        if not one.name.endswith((".py", "__"))
    ]
    assert len(needed) == 4
    assert {f"lossaudit/report/{name}" for name in needed} <= shipped
