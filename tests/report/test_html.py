"""The report as a page and as a figure: small, closed in itself, and safe against names in logs."""

from __future__ import annotations

import re
import sys
import zipfile
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from lossaudit import Recording, Report, Series, audit
from lossaudit.cli.commands import main
from lossaudit.report import html
from lossaudit.report.findings import Finding
from lossaudit.report.plots import KEYS, PAPER
from lossaudit.report.verdict import Verdict
from tests.runs import by_epoch, run
from tests.test_readme import README, ROOT

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;$\\frac{$]]><!--\x1b[31m\x00\u202e\udcff"
MEANS = [float(np.mean(values)) for values, _ in by_epoch(run().find(split="train"))]
RIGHT = [
    float(np.average(values, weights=rows)) for values, rows in by_epoch(run().find(split="train"))
]


class Elements(HTMLParser):
    """Every element of a page, its attributes, and the text outside of styles."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.open.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data


def report():
    """Three findings: a mistake with a name, numbers without one, and numbers that are absent."""
    claims = {
        "train_loss": MEANS,
        "val_loss": [4.0, 4.0, 4.0],
        "batch_losses": [None] * 33,
        "loss": RIGHT,
    }
    truth = Recording(
        run().series, metadata={"keras": "3.15.1", "set_up": {"replicas": 2}, "files": ["a.csv"]}
    )
    return audit(truth, claims)


@pytest.fixture(scope="module")
def page():
    return html.page(report())


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


def test_a_plot_names_its_curves_and_lays_the_prediction_over_the_log(page):
    assert "predicted by short-last-batch-counted-as-full" in page
    assert "stroke: var(--predicted)" in page
    assert "stroke: var(--logged)" in page
    assert "fill: var(--band)" in page
    assert page.index("stroke: var(--logged)") < page.index("stroke: var(--predicted)")


def test_colours_are_chosen_by_the_page_for_light_and_dark(page):
    light, dark = page.split("prefers-color-scheme: dark")[:2]
    for name in PAPER:
        assert f"--{name}: #" in light, name
        assert f"--{name}: #" in dark.split("}")[0], name
    drawn = "".join(re.findall(r"<svg.*?</svg>", page, re.DOTALL))
    assert "#" not in re.sub(r'(href="|url\()#', "", drawn)
    assert "@media print" in page
    assert "max-width: 40rem" in page


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


def hostile():
    """A report in which everything that can come from a log or a caller is hostile."""
    true = Series([1.0, 2.0, 9.0], weights=[4, 4, 2], epochs=[0, 0, 0], tag=HOSTILE)
    logged = Series([4.0], covers="epoch", tag=HOSTILE, origin=HOSTILE)
    found = audit(Recording([true], metadata={HOSTILE: {HOSTILE: [HOSTILE]}}), logged)
    finding = found.findings[0]
    texts = {
        "message": HOSTILE,
        "remedy": f"`{HOSTILE}`",
        "cause": HOSTILE,
        "causes": (HOSTILE,),
        "split": HOSTILE,
    }
    other = Finding(
        **{**{name: getattr(finding, name) for name in ("code", "verdict", "draw")}, **texts}
    )
    return Report(found.verdicts, (finding, other), (HOSTILE,), found.metadata, (HOSTILE,))


@pytest.mark.parametrize("form", [html.page, html.fragment])
def test_everything_from_logs_is_escaped_also_inside_of_plots(form):
    shown, known = Elements(form(hostile())), Elements(form(report()))
    assert set(shown.tags) <= set(known.tags)
    assert {name for name, _ in shown.attributes} <= {name for name, _ in known.attributes}
    assert shown.text.count("<script>alert(1)</script>") >= 12
    assert form(hostile()).count("&lt;script&gt;") >= 12
    assert not set("\x00\x1b\u202e\udcff") & set(form(hostile()))


def test_a_hostile_report_can_be_written_and_plotted(tmp_path):
    hostile().to_html(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text("utf-8").startswith("<!DOCTYPE html>")
    hostile().plot().savefig(tmp_path / "figure.svg")


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


def test_a_report_of_nothing_says_so():
    assert "Nothing to audit" in html.page(Report())
    assert Report().plot().texts[0].get_text() == "nothing to plot"


def test_what_cannot_be_judged_is_no_pass():
    undecidable = Finding("LA401", Verdict.UNDECIDABLE, "nothing was captured", severity="warning")
    assert html.headline(Report(findings=(undecidable,))) == "This cannot be judged as a whole."


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


def test_a_figure_has_a_plot_for_each_finding_with_labelled_axes():
    figure = report().plot()
    assert type(figure).__module__ == "matplotlib.figure"
    named = [axes for axes in figure.axes if axes.get_ylabel() != "difference"]
    assert {axes.get_ylabel() for axes in named} == {"train loss", "validation loss"}
    assert len(figure.subfigs) == 3
    for part in figure.subfigs:
        assert {axes.get_xlabel() for axes in part.axes} >= {"step"}
        assert all(axes.get_xlabel() or axes.get_ylabel() for axes in part.axes)
        labels = [
            one.get_text()
            for axes in part.axes
            if axes.get_legend()
            for one in axes.get_legend().get_texts()
        ]
        assert KEYS["logged"] in labels


def test_a_figure_without_findings_shows_the_claims():
    figure = audit(run(), {"loss": RIGHT}).plot()
    assert [part.get_suptitle() for part in figure.subfigs] == ["exact: loss"]


def test_a_figure_does_not_depend_on_the_settings_around_it_nor_change_them():
    import matplotlib

    with matplotlib.rc_context({"text.usetex": True, "axes.facecolor": "red"}):
        figure = report().plot()
        assert matplotlib.rcParams["axes.facecolor"] == "red"
    assert figure.axes[0].get_facecolor() == (1, 1, 1, 1)


def test_a_notebook_gets_the_report_with_a_style_that_touches_nothing_else():
    shown = report()._repr_html_()
    style = re.search(r"<style>(.*?)</style>", shown, re.DOTALL).group(1)
    selectors = re.findall(r"([^{}]+)\{", re.sub(r"@media[^{]*\{", "", style))
    assert all(
        one.strip().startswith(".lossaudit") for rule in selectors for one in rule.split(",")
    )
    assert "<html" not in shown
    assert shown.count("<svg") == 6


def test_the_demo_writes_the_page_and_says_where(tmp_path, monkeypatch, capsys):
    from lossaudit.cli import demo

    monkeypatch.setattr(demo, "mkdtemp", lambda prefix: str(tmp_path / prefix))
    assert demo.main() == 0
    said = re.search(r"^Report: (.*)$", capsys.readouterr().out, re.MULTILINE).group(1)
    page = Path(said).read_text("utf-8")
    assert "8 of 14 logs are not what they promise to be." in page
    assert page.count('class="wide"') == 8


def test_a_command_writes_the_page_where_it_is_told_to(tmp_path):
    (tmp_path / "idle.py").write_text("")
    assert (
        main(
            [
                "run",
                "--format",
                "html",
                "-o",
                str(tmp_path / "report.html"),
                str(tmp_path / "idle.py"),
            ]
        )
        == 2
    )
    assert "Nothing to audit" in (tmp_path / "report.html").read_text("utf-8")


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
        for one in files("lossaudit.render").iterdir()
        if not one.name.endswith((".py", "__"))
    ]
    assert len(needed) == 4
    assert {f"lossaudit/report/{name}" for name in needed} <= shipped
